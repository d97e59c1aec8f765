package dom_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

func TestDOM(t *testing.T) {
	const page = `<!doctype html><main><form action="/x"><input name="a" value="1&amp;2"><input value=3 name=b></form>
<p>Two <bdi>lines</bdi>
of text</p></main>`
	for selector, want := range map[string]bool{
		`input[name="a"][value="1&2"]`: true, `input[value="3"][name="b"]`: true, `form[action="/x"] input`: true,
		`input[name="a"][value="3"]`: false, `main > input`: false, `h1`: false,
	} {
		if got := dom.Has(page, selector); got != want {
			t.Errorf("%s: got %v, want %v", selector, got, want)
		}
	}
	if diff := cmp.Diff([]string{"1&2", "3"}, dom.Attr(page, "input", "value")); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Two lines of text"}, dom.Text(page, "p")); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
