package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// Where a type has more methods or a package more lines than this, it is several things that share one name.
const (
	maxMethods = 45
	maxLines   = 3500
)

// larger are those that may have more, and how much more: they may shrink, and not grow.
var larger = map[string]int{
	"store.Store": 140, // one method is one transaction, and its callers see small interfaces
}

func bound(name string, usual int) int {
	if n, ok := larger[name]; ok {
		return n
	}
	return usual
}

// TestBounds keeps types and packages from growing together again.
func TestBounds(t *testing.T) {
	out, err := exec.Command("git", "-C", "../../..", "ls-files", "*.go").Output()
	if err != nil {
		t.Skipf("needs a checkout by git: %v", err)
	}
	lines, methods := map[string]int{}, map[string]int{}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			continue
		}
		src, err := os.ReadFile("../../../" + name)
		if err != nil {
			continue // deleted, and not committed yet
		}
		dir := path.Dir(name)
		lines[dir] += bytes.Count(src, []byte("\n"))
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				methods[dir+"."+receiver(fn.Recv.List[0].Type)]++
			}
		}
	}
	if lines["sso"] == 0 || methods["store.Store"] == 0 {
		t.Fatal("found no code")
	}
	for name, n := range lines {
		if most := bound(name, maxLines); n > most {
			t.Errorf("package %s has %d lines, want at most %d: what in it is a thing of its own?", name, n, most)
		}
	}
	for name, n := range methods {
		if most := bound(name, maxMethods); n > most {
			t.Errorf("type %s has %d methods, want at most %d: which of its fields do they share?", name, n, most)
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
