package sso_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// A kind that is declared is one that can be looked for, and has words.
func TestEveryEventKindHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[sso.EventKind]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Event") {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		want[sso.EventKind(kind)] = true
		return true
	})
	for _, k := range admin.EventKinds() {
		if !want[k] {
			t.Errorf("%s: got it listed, but event.go has it not", k)
		}
		delete(want, k)
		if admin.EventWords(k) == string(k) {
			t.Errorf("%s: got no words", k)
		}
	}
	for k := range want {
		t.Errorf("%s: got it not listed", k)
	}
}

func TestCheckAttributes(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many[strconv.Itoa(i)] = "x"
	}
	for _, c := range []struct {
		name string
		set  map[string]string
		want string // part of the error; "" for none
	}{
		{"none", nil, ""},
		{"usual", map[string]string{"department": "Sales", "a b": "", "ü": strings.Repeat("x", 4096)}, ""},
		{"no name", map[string]string{"": "x"}, "empty"},
		{"spaces around", map[string]string{" a": "x"}, "empty"},
		{"control character", map[string]string{"a\nb": "x"}, "empty"},
		{"long name", map[string]string{strings.Repeat("n", 300): "x"}, "name"},
		{"reserved", map[string]string{"@tenant": "x"}, "@"},
		{"a claim about the token", map[string]string{"iat": "x"}, "iat"},
		{"long value", map[string]string{"a": strings.Repeat("x", 4097)}, "4096"},
		{"value of two lines", map[string]string{"a": "x\ny"}, "control"},
		{"too many", many, "100"},
	} {
		err := sso.CheckAttributes(c.set)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}
