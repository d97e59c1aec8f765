// Package hint has the errors that tell whoever typed a command what to do next.
package hint

import "fmt"

// An Error is one with a next step, and the exit status of the program.
type Error struct {
	Status int // 1: it did not work, or the answer is no; 2: the command was called wrongly
	Err    error
	Hint   string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error without the hint.
func (e *Error) Unwrap() error { return e.Err }

// With adds a next step to an error; nil stays nil.
func With(hint string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{1, err, hint}
}

// Usage is the error of a command that was called wrongly.
func Usage(hint, format string, args ...any) error {
	return &Error{2, fmt.Errorf(format, args...), hint}
}
