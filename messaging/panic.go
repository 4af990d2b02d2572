package messaging

import (
	"fmt"
	"runtime/debug"
)

// PanicError is what a panic of a handler, of a hook, of a codec or of a compressor becomes.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns what it panicked with. The stack is in Stack.
func (e *PanicError) Error() string { return fmt.Sprintf("messaging: panic: %v", e.Value) }

// Unwrap returns the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// protect makes a panic of fn an error.
func protect(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return fn()
}
