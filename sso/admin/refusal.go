package admin

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// A Refusal is an error that an administrator may read: it says more than its code, and what is wrong with which field.
type Refusal struct {
	Err    error             // wraps one [sso.Code]
	Fields map[string]string // what is wrong, by the name of the field or setting; nil: nothing in particular
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the error that the refusal is about.
func (r *Refusal) Unwrap() error { return r.Err }

// Detail is what there is to say beyond the code.
func (r *Refusal) Detail() string { return sso.Reason(r.Err) }

// Invalid is the refusal of one field.
func Invalid(field, format string, args ...any) error {
	problem := fmt.Sprintf(format, args...)
	return &Refusal{Err: fmt.Errorf("%s: %w", problem, sso.Invalid), Fields: map[string]string{field: problem}}
}

// AtField makes an error the refusal of a field.
func AtField(field string, err error) error {
	return &Refusal{Err: err, Fields: map[string]string{field: sso.Reason(err)}}
}

// conflict is the refusal of something that is not as the administrator saw it.
func conflict(format string, args ...any) error {
	return &Refusal{Err: fmt.Errorf(format+": %w", append(args, sso.Conflict)...)}
}

// ErrProofNeeded refuses what needs a recent proof of who the person is.
var ErrProofNeeded error = &Refusal{Err: fmt.Errorf(
	"this needs a recent proof of who you are: sign in again, or confirm it at /auth/confirm, and repeat the request: %w", sso.ProofNeeded)}

// ErrNotConfirmed refuses what cannot be taken back by itself, or gives rights, until it is confirmed.
var ErrNotConfirmed = errors.New("not confirmed")

// notConfirmed refuses what is not confirmed, with what is to be confirmed by field.
func notConfirmed(fields map[string]string) error {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, fields[name])
	}
	return &Refusal{Err: fmt.Errorf("%s: %w: %w", strings.Join(all, "; "), ErrNotConfirmed, sso.Invalid), Fields: fields}
}
