module my-flow

go 1.25

require vireo/flow v0.0.0

replace vireo/flow => ./vireo/go
