// Package wit_runtime gives memory to the host and to the generated bindings.
package wit_runtime

import (
	"runtime"
	"unsafe"
)

// Results that the host writes, kept from the collector until the bindings have read them.
var held []unsafe.Pointer

// Release lets go of the results of the last verb. Texts made of them keep their own memory alive.
func Release() {
	clear(held)
	held = held[:0]
}

// Allocate makes memory that stays where it is until the pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	pointer := allocate(size, align)
	if pointer != nil {
		pinner.Pin(pointer)
	}
	return pointer
}

func allocate(size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	// Go aligns what has this size to 8, which is all that the contract needs.
	if align > 1 {
		return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	}
	return unsafe.Pointer(unsafe.SliceData(make([]uint8, size)))
}

// The host asks here for the memory of what it returns. It never asks to enlarge any.
//
//go:wasmexport cabi_realloc
func cabiRealloc(_ unsafe.Pointer, _, align, size uintptr) unsafe.Pointer {
	pointer := allocate(size, align)
	held = append(held, pointer)
	return pointer
}
