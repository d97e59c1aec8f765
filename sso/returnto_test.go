package sso_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
)

var returns = sso.ReturnRules{Site: "https://bi.example", Allowed: []origin.Origin{"https://app.example:8443", "http://[::1]:3000"}}

// SECURITY B1, B2: what comes back is a path of this site or a URL of an allowed origin, written anew.
func TestReturnTo(t *testing.T) {
	for raw, want := range map[string]string{
		"": "/", "/": "/", "dash": "/dash", "/a/b?x=1#y": "/a/b?x=1#y", "/a:b": "/a:b", "a/b:c": "/a/b:c", "/?": "/?", "/#": "/#",
		"/ü": "/%C3%BC", "/a%2fb": "/a%2fb", "/50%": "/50%25", "/%zz": "/%25zz", `/a"b<c>`: "/a%22b%3Cc%3E", "/a?b=c d": "",
		"https://bi.example/x": "/x", "HTTPS://BI.EXAMPLE:443/x?y": "/x?y", "https://bi.example": "/", "https://bi.example?x=1": "/?x=1",
		"https://app.example:8443/x": "https://app.example:8443/x", "http://[::1]:3000/": "http://[::1]:3000/",
		// SECURITY B5: a token is not carried on.
		"/a?jwt=t": "/a", "/a?x=1&jwt=t&y=2": "/a?x=1&y=2", "/a?%6awt=t": "/a", "/a#jwt=t": "/a", "/a#/page?jwt=t": "/a#/page", "/a#/page?jwt=t&x=1": "/a#/page?x=1",
		"/a?jwt": "/a?jwt", "/a/b%20c": "/a/b%20c", "/question/1?x=1&y=%2F%2F#f": "/question/1?x=1&y=%2F%2F#f", "/q?x=a|b": "/q?x=a%7Cb",
		// Elsewhere, to one reader at least.
		"//evil.example": "", "///evil.example": "", "//bi.example/x": "", "https://app.example:8443%2eevil/": "", "https://ｂi.example/": "", "https://goodbi.example/": "",
		"/a\r\nX: y": "", "/a b": "", "https:/evil.example": "", "https:evil.example": "", "/\t/evil.example": "", "https://evil.example/": "", "http://bi.example/": "", "https://bi.example:8443/": "", "https://app.example/": "",
		"https://bi.example.evil.example/": "", "https://bi.example@evil.example/": "", "https://user@bi.example/": "", "https:bi.example": "", "https:/bi.example": "",
		"https:///bi.example": "", "javascript:alert(1)": "", "data:text/html,x": "", "ftp://bi.example/": "", `/\evil.example`: "", `\\evil.example`: "",
		"/a\tb": "", "/a\nb": "", "/\x00": "", "/\x7f": "", "\xff": "", "https://bi.example//evil.example": "", "https://BÜCHER.example/": "",
		"https://[fe80::1%25eth0]/": "", "https://bi.example:x/": "", "https://": "", ":": "", "https://app.example:8443:1/": "",
		"/" + strings.Repeat("a", 6<<10): "", "/" + strings.Repeat("ü", 2<<10): "",
	} {
		got, err := returns.Parse(raw)
		if want == "" {
			if sso.CodeOf(err) != sso.ReturnToRefused {
				t.Errorf("%.60q: got %q, %v, want it refused", raw, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%.60q: got %q, %v, want %q", raw, got, err, want)
		}
	}
	if got, err := (sso.ReturnRules{}).Parse("https://bi.example/"); err == nil {
		t.Errorf("the zero rules allow %q", got)
	}
}

// FuzzReturnTo: what is accepted is accepted again and stays, and leads browsers nowhere but to this site or an allowed one.
func FuzzReturnTo(f *testing.F) {
	for _, raw := range []string{"/a", "//x", "https://bi.example/x", `/\x`, "/%2f%2fx", "/a?jwt=b#c", "https://app.example:8443//x", "javascript:x", "/\u2028"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := returns.Parse(raw)
		if err != nil {
			return
		}
		if again, err := returns.Parse(got); err != nil || again != got {
			t.Errorf("%q becomes %q, and that %q, %v", raw, got, again, err)
		}
		at, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", raw, got, err)
		}
		to := (&url.URL{Scheme: "https", Host: "bi.example"}).ResolveReference(at)
		origin := to.Scheme + "://" + to.Host
		if origin != "https://bi.example" && origin != "https://app.example:8443" && origin != "http://[::1]:3000" || strings.ContainsAny(got, "\\\r\n\t ") {
			t.Errorf("%q becomes %q, which leads to %s", raw, got, origin)
		}
	})
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://App.Example": "https://app.example", "https://app.example/": "https://app.example", "https://a:443": "https://a", "http://a:80": "http://a",
		"http://a:443": "http://a:443", "http://localhost:3000": "http://localhost:3000", "https://[::1]:8443": "https://[::1]:8443", "http://a_b": "http://a_b",
	} {
		if got, err := origin.Parse(text); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"app.example": "write https://app.example", "localhost:3000": "write http://localhost:3000", "127.0.0.1": "write http://127.0.0.1",
		"[::1]:80": "write http://[::1]:80", "ftp://a": "does not begin with", "https://a/b": "more than scheme", "https://a?b": "more than scheme",
		"https://a#": "more than scheme", "https://u@a": "more than scheme", "https://": "no host", "https://ü": "no host", "https://[::1%25a]": "no host",
		"://": "is not a URL", "https://[::0001]": "no host", "": "does not begin with",
	} {
		if got, err := origin.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want an error with %q", text, got, err, want)
		}
	}
}
