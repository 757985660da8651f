// Package wit_types has the types of WIT that Go has not, as the generated bindings use them.
package wit_types

// Unit is the type of nothing.
type Unit struct{}

// Tuple2 is a pair.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// The cases of an Option.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value that may be absent.
type Option[T any] struct {
	tag   uint8
	value T
}

// Tag is OptionNone or OptionSome.
func (o Option[T]) Tag() uint8 { return o.tag }

// Some is the value of an Option that has one.
func (o Option[T]) Some() T {
	if o.tag != OptionSome {
		panic("the option is empty")
	}
	return o.value
}

// None makes an Option without a value.
func None[T any]() Option[T] { return Option[T]{} }

// Some makes an Option with a value.
func Some[T any](value T) Option[T] { return Option[T]{OptionSome, value} }

// The cases of a Result.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is a value or an error.
type Result[T, E any] struct {
	tag uint8
	ok  T
	err E
}

// Tag is ResultOk or ResultErr.
func (r Result[T, E]) Tag() uint8 { return r.tag }

// Ok is the value of a Result that is no error.
func (r Result[T, E]) Ok() T { return r.ok }

// Err is the error of a Result that is one.
func (r Result[T, E]) Err() E { return r.err }

// Ok makes a Result with a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{tag: ResultOk, ok: value} }

// Err makes a Result with an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }
