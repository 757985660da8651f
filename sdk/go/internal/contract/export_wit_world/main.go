// Package export_wit_world is what the generated exports call. It is not generated.
package export_wit_world

import (
	contract "vireo/flow/internal/contract/vireo_flow_types"
	types "vireo/flow/internal/wit/types"
)

// Main is the flow.
var Main = func() types.Result[types.Unit, contract.Error] {
	return types.Err[types.Unit](contract.MakeErrorFailed("no flow: call flow.Main in an init"))
}

// Run is the world's export.
func Run() types.Result[types.Unit, contract.Error] { return Main() }
