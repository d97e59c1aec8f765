package sqldb

import (
	"fmt"
	"slices"
	"strings"
)

// A Where collects conditions, each with "?" for its arguments.
type Where struct {
	conditions []string
	args       []any
}

// And adds a condition.
func (w *Where) And(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// All is one condition of all of them, for another Where; "" for none.
func (w *Where) All() string { return strings.Join(w.conditions, " AND ") }

// Clone is a copy, to which more can be added.
func (w *Where) Clone() *Where {
	return &Where{slices.Clone(w.conditions), slices.Clone(w.args)}
}

// SQL is the clause with its arguments numbered, or "" when there is no condition.
func (w *Where) SQL() string {
	if len(w.conditions) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(" WHERE ")
	n := 0
	for _, r := range w.All() {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
	return b.String()
}

// Args are the arguments of [Where.SQL], and of [Where.All].
func (w *Where) Args() []any { return w.args }

// In selects rows of which the expression is one of the values; none: all rows.
func (w *Where) In(expression string, values []string) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	w.And(expression+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// List writes ($1, $2, …) for at least n arguments, rounded up to a power of two: few texts, so that drivers which keep
// prepared statements keep few. before is how many arguments the query has before them.
func List(n, before int) string {
	var b strings.Builder
	for i := range powerOfTwo(n) {
		fmt.Fprintf(&b, ", $%d", before+1+i)
	}
	return "(" + b.String()[2:] + ")"
}

// Padded are the arguments of a [List]: the last value again in the places that are left.
func Padded[T any](values []T) []any {
	args := make([]any, powerOfTwo(len(values)))
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return args
}

func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
