package sso_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// declaredCodes are the constants of code.go, each in the order of the file.
func declaredCodes(t *testing.T) (all []sso.Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sso.Code(name))
		return true
	})
	if len(all) < 40 {
		t.Fatalf("got %d codes in code.go, want all", len(all))
	}
	return all
}

// A code that is declared has one row in the table, and a row belongs to a code that is declared.
func TestEveryCodeHasARow(t *testing.T) {
	rows := map[sso.Code]int{}
	for _, c := range sso.Codes() {
		rows[c]++
	}
	for _, c := range declaredCodes(t) {
		if rows[c] != 1 {
			t.Errorf("%s: got %d rows in reason.go, want one", c, rows[c])
		}
		delete(rows, c)
	}
	for c := range rows {
		t.Errorf("%s: has a row in reason.go, and is not declared in code.go", c)
	}
}

// A row says all that someone wants to know who meets the code. Whoever is refused at sign-in is told what to change.
func TestEveryRowIsWhole(t *testing.T) {
	told := map[string]sso.Code{} // what has to tell one code from the others
	login := true
	for _, c := range sso.Codes() {
		if status := c.Status(); status < 400 || status > 599 {
			t.Errorf("%s: got status %d", c, status)
		}
		for what, text := range map[string]string{"message": sso.Message(c.About("7", ""))} {
			if text == "" || strings.ContainsAny(text, "\n%") || strings.TrimSpace(text) != text || c != sso.Internal && text == "Something went wrong" {
				t.Errorf("%s: got %s %q, want one line of its own", c, what, text)
			}
		}
		login = login && c != sso.NotSignedIn // the codes of other refusals follow
		advice, label := c.Advice(), c.Label()
		if login != (advice != "") || login && label == string(c) {
			t.Errorf("%s: got label %q and advice %q, want them for each code of a refused login, and advice for no other", c, label, advice)
		}
		for _, text := range []string{advice, label} {
			if strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: got %q, want one line without a full stop", c, text)
			}
			if other, twice := told[text]; twice && text != "" {
				t.Errorf("%s: got %q, which is said of %s, too", c, text, other)
			}
			told[text] = c
		}
	}
}

// What a newer program wrote, or what wraps no code, is nothing that this one can speak of.
func TestUnknownCode(t *testing.T) {
	c := sso.Code("from_the_future")
	if c.Status() != 500 || c.Label() != "from_the_future" || c.Advice() != "" || sso.Message(c) != sso.Message(sso.Internal) {
		t.Errorf("got %d %q %q %q", c.Status(), c.Label(), c.Advice(), sso.Message(c))
	}
	if got := sso.Message(errors.New("SELECT secret FROM keys")); got != sso.Message(sso.Internal) { // SECURITY K3
		t.Errorf("an error without a code: got %q", got)
	}
}

// The one public value of an error is in its message, and nothing else of the error is (SECURITY K3).
func TestMessage(t *testing.T) {
	err := fmt.Errorf("provider jwt: %w", sso.TokenExpired.About(1700000000, "exp of %s", "ann@example.com"))
	if got, want := sso.Message(err), "Token is expired (1700000000)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := sso.Message(fmt.Errorf("secret: %w", sso.TokenSignature)), "Message seems corrupt or manipulated"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each refusal reads the table: a lookup makes no garbage.
func TestReasonAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _ = sso.Internal.Status() }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkReason(b *testing.B) {
	for b.Loop() {
		_ = sso.Internal.Status()
	}
}
