package claim_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/claim"
)

func read(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestPath(t *testing.T) {
	claims := read(t, `{
		"email": "ada@example.com", "null": null,
		"realm_access": {"roles": ["a"], "": {"x": "empty"}},
		"https://example.com/groups": ["b"],
		"https://example.com/access": {"roles": ["c"]},
		"a.b": "exact", "a": {"b": "nested", "c.d": "dot", "e": {"f": "deep"}},
		"back\\slash": "backslash", "..": "dots"
	}`)
	for path, want := range map[string]string{
		"email":                             `"ada@example.com"`,
		"Email":                             "none", // letter by letter
		"null":                              "null",
		"realm_access.roles":                `["a"]`,
		"realm_access.roles.0":              "none",
		"realm_access..x":                   `"empty"`,
		"realm_access":                      `{"":{"x":"empty"},"roles":["a"]}`,
		"https://example.com/groups":        `["b"]`,
		`https://example\.com/groups`:       `["b"]`,
		"https://example.com/access.roles":  "none",
		`https://example\.com/access.roles`: `["c"]`,
		"a.b":                               `"exact"`, // the name at the top goes first
		`a\.b`:                              `"exact"`,
		`a.c\.d`:                            `"dot"`,
		"a.c.d":                             "none",
		"a.e.f":                             `"deep"`,
		"a.e.f.g":                           "none",
		"email.x":                           "none",
		"null.x":                            "none",
		`back\slash`:                        `"backslash"`,
		"..":                                `"dots"`,
	} {
		p, err := claim.ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := "none"
		if v, ok := p.In(claims); ok {
			text, _ := json.Marshal(v)
			got = string(text)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	if _, ok := (claim.Path{}).In(map[string]any{"": 1}); ok {
		t.Error("an empty path leads somewhere")
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, path := range []string{"", " email", "email ", "a\x00b", "a\nb", "a\xffb", strings.Repeat("a", 1001)} {
		if p, err := claim.ParsePath(path); err == nil {
			t.Errorf("%.20q: got %q, want an error", path, p)
		}
	}
	for text, want := range map[string]int{"email, preferred_username,sub": 3, `a\,b`: 1, "a": 1, "": 0, "a,": 0, ",": 0, "a,,b": 0} {
		paths, err := claim.ParsePaths(text)
		if len(paths) != want || (err != nil) != (want == 0) {
			t.Errorf("%q: got %q (%v), want %d", text, paths, err, want)
		}
	}
}

func TestRequirement(t *testing.T) {
	claims := read(t, `{"azp":"cli","n":7,"yes":true,"null":null,"amr":["pwd","mfa",1],"o":{"x":"y"},"empty":""}`)
	for _, test := range []struct {
		path   string
		values []string
		want   bool
	}{
		{"azp", []string{"cli"}, true},
		{"azp", []string{"etl", "cli"}, true},
		{"azp", []string{"CLI"}, false},
		{"azp", []string{"cl"}, false},
		{"azp", nil, false},
		{"n", []string{"7"}, true},
		{"n", []string{"7.0"}, false},
		{"yes", []string{"true"}, true},
		{"amr", []string{"mfa"}, true},
		{"amr", []string{"1"}, true},
		{"amr", []string{"pwd,mfa"}, false},
		{"o.x", []string{"y"}, true},
		{"o", []string{"y"}, false},
		{"null", []string{"", "null"}, false},
		{"absent", []string{""}, false},
		{"empty", []string{""}, true},
	} {
		p, err := claim.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := (claim.Requirement{Claim: p, Values: test.values}).Met(claims); got != test.want {
			t.Errorf("%s in %q: got %v, want %v", test.path, test.values, got, test.want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("realm_access.roles")
	f.Add(`https://example\.com/access.roles`)
	f.Add(`a\\.b..c\`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := claim.ParsePath(text)
		if err != nil {
			return
		}
		again, err := claim.ParsePath(p.String())
		if err != nil || !slices.Equal(again, p) {
			t.Fatalf("%q is %q, and as text %q, which is %q (%v)", text, p, p.String(), again, err)
		}
		if !strings.Contains(text, `\`) && p.Name() != text {
			t.Errorf("%q: the name at the top is %q", text, p.Name())
		}
		if got, ok := p.In(map[string]any{p.Name(): "top"}); !ok || got != "top" {
			t.Errorf("%q: at the top: %v, %v", text, got, ok)
		}
		nested := map[string]any{}
		at := nested
		for _, part := range p[:len(p)-1] {
			next := map[string]any{}
			at[part] = next
			at = next
		}
		at[p[len(p)-1]] = "end"
		got, ok := p.In(nested)
		if _, isTop := nested[p.Name()]; !isTop && (!ok || got != "end") {
			t.Errorf("%q: nested: %v, %v", text, got, ok)
		}
	})
}
