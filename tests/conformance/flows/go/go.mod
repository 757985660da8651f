module conformance

go 1.25

require vireo/flow v0.0.0

replace vireo/flow => ../../../../sdk/go
