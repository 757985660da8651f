// Package flow is for writing IVR flows for Vireo in Go.
//
//	func init() {
//		flow.Main(func(call *flow.Call) error {
//			if err := call.Answer(); err != nil {
//				return err
//			}
//			return call.Play(flow.File("welcome"))
//		})
//	}
//
//	func main() {}
//
// A flow reads from top to bottom; every verb blocks until it is done, and returns why it could not do
// its work. A flow that returns ErrHungUp has ended normally. The contract with all ranges is sdk/wit;
// the order of events in a gather is the table there.
package flow

import (
	"errors"
	"fmt"

	"vireo/flow/internal/contract/export_wit_world"
	_ "vireo/flow/internal/contract/wit_exports"

	contractLog "vireo/flow/internal/contract/vireo_flow_log"
	contract "vireo/flow/internal/contract/vireo_flow_types"
	runtime "vireo/flow/internal/wit/runtime"
	types "vireo/flow/internal/wit/types"
)

// Kind is the class of an Error.
type Kind uint8

// The classes of errors.
const (
	// HungUp: the call is over.
	HungUp = Kind(contract.ErrorHungUp)
	// Denied: not granted in the server's configuration; the text names the grant.
	Denied = Kind(contract.ErrorDenied)
	// Invalid: an argument is out of range; the text names it.
	Invalid = Kind(contract.ErrorInvalid)
	// NotFound: a prompt, recording or secret of that name does not exist.
	NotFound = Kind(contract.ErrorNotFound)
	// WrongState: the verb does not fit the state of the call.
	WrongState = Kind(contract.ErrorWrongState)
	// Failed: it was tried and did not work.
	Failed = Kind(contract.ErrorFailed)
)

func (k Kind) String() string {
	return [...]string{"hung up", "denied", "invalid", "not found", "wrong state", "failed"}[k]
}

// Error says why a verb could not do its work.
type Error struct {
	Kind Kind
	Text string
}

// ErrHungUp ends a flow normally; errors.Is finds it.
var ErrHungUp = &Error{Kind: HungUp}

func (e *Error) Error() string {
	if e.Text == "" {
		return e.Kind.String()
	}
	return e.Kind.String() + ": " + e.Text
}

// Is compares the class alone, so that errors.Is(err, &flow.Error{Kind: flow.NotFound}) works.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Kind == e.Kind
}

// Main sets the flow; call it in an init. Returning from the flow ends the call. An error that is no
// ErrHungUp is a failure of the flow, and so is a panic: the operator sees its text.
func Main(main func(call *Call) error) {
	export_wit_world.Main = func() types.Result[types.Unit, contract.Error] {
		if err := protect(main); err != nil {
			return types.Err[types.Unit](toContract(err))
		}
		return types.Ok[types.Unit, contract.Error](types.Unit{})
	}
}

// protect runs the flow; a panic, which would say nothing to the operator, becomes an error.
func protect(main func(call *Call) error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			text := fmt.Sprint("panic: ", panicked)
			contractLog.Write(contractLog.LevelError, text)
			err = &Error{Failed, text}
		}
	}()
	return main(&Call{})
}

func toContract(err error) contract.Error {
	var own *Error
	if !errors.As(err, &own) {
		return contract.MakeErrorFailed(err.Error())
	}
	switch own.Kind {
	case HungUp:
		return contract.MakeErrorHungUp()
	case Denied:
		return contract.MakeErrorDenied(own.Text)
	case Invalid:
		return contract.MakeErrorInvalid(own.Text)
	case NotFound:
		return contract.MakeErrorNotFound(own.Text)
	case WrongState:
		return contract.MakeErrorWrongState(own.Text)
	default:
		return contract.MakeErrorFailed(own.Text)
	}
}

func fromContract(err contract.Error) error {
	switch err.Tag() {
	case contract.ErrorHungUp:
		return ErrHungUp
	case contract.ErrorDenied:
		return &Error{Denied, err.Denied()}
	case contract.ErrorInvalid:
		return &Error{Invalid, err.Invalid()}
	case contract.ErrorNotFound:
		return &Error{NotFound, err.NotFound()}
	case contract.ErrorWrongState:
		return &Error{WrongState, err.WrongState()}
	default:
		return &Error{Failed, err.Failed()}
	}
}

// value is what a verb returned.
func value[T any](result types.Result[T, contract.Error]) (T, error) {
	runtime.Release()
	if result.Tag() == types.ResultErr {
		var none T
		return none, fromContract(result.Err())
	}
	return result.Ok(), nil
}

// done is for verbs that return nothing.
func done(result types.Result[types.Unit, contract.Error]) error {
	_, err := value(result)
	return err
}

// optional is an absent value for the zero one.
func optional[T comparable](value T) types.Option[T] {
	var zero T
	if value == zero {
		return types.None[T]()
	}
	return types.Some(value)
}

func pointer[T any](option types.Option[T]) *T {
	if option.Tag() == types.OptionNone {
		return nil
	}
	value := option.Some()
	return &value
}
