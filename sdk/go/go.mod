module vireo/flow

go 1.25
