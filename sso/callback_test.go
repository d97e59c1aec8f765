package sso_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

func TestParseCallback(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for _, tt := range []struct {
		query, kind, body string
		want              sso.Callback
	}{
		{"", "", "", sso.Callback{Sent: []string{}}},
		{"jwt=a.b.c&return_to=%2Fx%3Fy%3D1%26z", "", "", sso.Callback{Token: "a.b.c", ReturnTo: "/x?y=1&z", Sent: []string{"jwt", "return_to"}}},
		{"redirect=/x", "", "", sso.Callback{ReturnTo: "/x", Sent: []string{"redirect"}}},
		{"preferred_method=jwt", "", "", sso.Callback{Provider: "jwt", Sent: []string{"preferred_method"}}},
		{"code=c&state=s", "", "", sso.Callback{Code: "c", State: "s", Sent: []string{"code", "state"}}},
		{"error=access_denied&state=s", "", "", sso.Callback{IDPError: "access_denied", State: "s", Sent: []string{"error", "state"}}},
		{"handoff=h", "", "", sso.Callback{Handoff: "h", Sent: []string{"handoff"}}},
		// What careless pages send.
		{"return_to=/a;b&jwt=T", "", "", sso.Callback{Token: "T", ReturnTo: "/a;b", Sent: []string{"jwt", "return_to"}}},
		{"return_to=/100%&jwt=T", "", "", sso.Callback{Token: "T", ReturnTo: "/100%", Sent: []string{"jwt", "return_to"}}},
		{"return_to=/a%zz&jwt=T%20", "", "", sso.Callback{Token: "T ", ReturnTo: "/a%zz", Sent: []string{"jwt", "return_to"}}},
		{"%&jwt=T", "", "", sso.Callback{Token: "T", Sent: []string{"jwt", "one with an odd name"}}},
		{"eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFAYiJ9.c2ln", "", "", sso.Callback{Sent: []string{"one with an odd name"}}}, // SECURITY K1
		{"&&=&a", "", "", sso.Callback{Sent: []string{"a", "one with an odd name"}}},
		// Empty is not absent.
		{"jwt=", "", "", sso.Callback{Empty: true, Sent: []string{"jwt"}}},
		{"jwt", "", "", sso.Callback{Empty: true, Sent: []string{"jwt"}}},
		{"error=&state=s", "", "", sso.Callback{State: "s", Empty: true, Sent: []string{"error", "state"}}},
		{"redirect=", "", "", sso.Callback{Sent: []string{"redirect"}}},
		{"JWT=T", "", "", sso.Callback{Sent: []string{"JWT"}}},
		// Bodies.
		{"return_to=/x", form, "jwt=T&switch=yes", sso.Callback{Token: "T", ReturnTo: "/x", Switch: true, Sent: []string{"jwt", "return_to", "switch"}}},
		{"", form, "jwt=T&switch=no", sso.Callback{Token: "T", Sent: []string{"jwt", "switch"}}},
		{"", form, "switch=yes&switch=yes", sso.Callback{Sent: []string{"switch"}}},
		{"return_to=/x", object, `{"jwt":"T","n":7,"x":null}`, sso.Callback{Token: "T", ReturnTo: "/x", Sent: []string{"jwt", "return_to"}}},
		{"", object, `{"jwt":""}`, sso.Callback{Empty: true, Sent: []string{"jwt"}}},
		{"", object, `{"Jwt":"T"}`, sso.Callback{Sent: []string{"Jwt"}}},
	} {
		got, err := sso.ParseCallback(tt.query, tt.kind, []byte(tt.body))
		if err != nil {
			t.Errorf("%q %q: %v", tt.query, tt.body, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", tt.query, tt.body, diff)
		}
		if want := len(got.Token+got.Code+got.State+got.IDPError) > 0 || got.Empty; got.Answers() != want {
			t.Errorf("%q: answers: got %v, want %v", tt.query, got.Answers(), want)
		}
	}
}

// SECURITY B4: twice is refused, wherever, and under either name.
func TestParseCallbackRefuses(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for _, tt := range [][3]string{
		{"jwt=a&jwt=a"}, {"jwt=&jwt="}, {"j%77t=a&jwt=a"}, {"return_to=/a&redirect=/a"}, {"redirect=/a&redirect=/a"}, {"state=a&state=b"},
		{"code=a&code=a"}, {"error=a&error=b"}, {"provider=a&preferred_method=a"}, {"handoff=a&handoff=a"}, {"jwt=a;jwt=b&jwt=c"},
		{"jwt=a", form, "jwt=a"}, {"redirect=/", form, "return_to=/"}, {"", form, "jwt=a&jwt=b"}, {"jwt=a", object, `{"jwt":"a"}`},
		{"", object, `{"jwt":"a","jwt":"a"}`}, {"", object, `{"jwt":"a","\u006awt":"a"}`}, {"", object, `{"jwt":7}`}, {"", object, `{"jwt":null}`},
		{"", object, `{"return_to":["/"]}`}, {"", object, `{"redirect":{}}`}, {"", object, `["a"]`}, {"", object, `{"jwt":"a"} {}`},
		{"", object, `{"jwt":"a"`}, {"", object, `"a"`}, {"", object, ` `}, {"", "text/plain", "jwt=a"}, {"", "", "jwt=a"},
		{"", "multipart/form-data", "--x"},
	} {
		if cb, err := sso.ParseCallback(tt[0], tt[1], []byte(tt[2])); sso.CodeOf(err) != sso.RequestMalformed {
			t.Errorf("%q: got %+v, %v, want request_malformed", tt, cb, err)
		}
	}
}

func TestParsePasted(t *testing.T) {
	for _, tt := range []struct {
		text string
		want sso.Callback
	}{
		{"a.b.c", sso.Callback{Token: "a.b.c", Pasted: sso.PastedToken}},
		{" a.b.c\n", sso.Callback{Token: "a.b.c", Pasted: sso.PastedToken}},
		{`"a.b.c"`, sso.Callback{Token: `"a.b.c"`, Pasted: sso.PastedToken}},
		{"a.b.c=", sso.Callback{Token: "a.b.c=", Pasted: sso.PastedToken}},
		{"", sso.Callback{Empty: true, Pasted: sso.PastedToken}},
		{"jwt=a.b.c", sso.Callback{Token: "a.b.c", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"?jwt=a.b.c", sso.Callback{Token: "a.b.c", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"/auth/sso?jwt=a.b.c", sso.Callback{Token: "a.b.c", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"https://bi.example/auth/sso?jwt=a%0A", sso.Callback{Token: "a\n", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"https://bi.example/auth/sso/?jwt=a", sso.Callback{Token: "a", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"https://bi.example//auth/sso?jwt=a", sso.Callback{Token: "a", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"https://bi.example/_sso/auth/sso?jwt=a", sso.Callback{Token: "a", Pasted: sso.PastedAddress, Sent: []string{"jwt"}}},
		{"https://bi.example/auth/sso?return_to=/x#jwt=a", sso.Callback{ReturnTo: "/x", Pasted: sso.PastedAddress, Sent: []string{"return_to", "#jwt"}}},
		{"https://bi.example/auth/sso", sso.Callback{Pasted: sso.PastedAddress, Sent: []string{}}},
		{"https://bi.example/?jwt=a", sso.Callback{Token: "a", Pasted: sso.PastedAddress, Elsewhere: "/", Sent: []string{"jwt"}}},
		{"https://bi.example", sso.Callback{Pasted: sso.PastedAddress, Elsewhere: "/", Sent: []string{}}},
		{"https://bi.example/x/auth/ssox?a", sso.Callback{Pasted: sso.PastedAddress, Elsewhere: "/x/auth/ssox", Sent: []string{"a"}}},
	} {
		got, err := sso.ParsePasted(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
	if _, err := sso.ParsePasted("/auth/sso?jwt=a&jwt=b"); sso.CodeOf(err) != sso.RequestMalformed {
		t.Errorf("twice: got %v, want request_malformed", err)
	}
}

// FuzzParseCallback: whatever comes is read or is malformed; what was read is read again in the same way, once it is
// written as a query should be; and no value is among the names.
func TestShownPath(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9.c2lnbmF0dXJl"
	for path, want := range map[string]string{
		"":                                 "",
		"/auth/sso/" + token:               "/auth/sso/[token]",
		"/auth/sso;jwt=" + token:           "/auth/sso;jwt=[token]",
		token + "/x":                       "[token]/x",
		"/a/" + token + "é" + token + "/b": "/a/[token]é[token]/b",
		"/dist/app-1.2.3.min.js":           "/dist/app-1.2.3.min.js",
		"/some-long-name-of-a-report.2026.11.csv": "/some-long-name-of-a-report.2026.11.csv",
		"/ü/%\xff/..":                              "/ü/%\xff/..",
		"/.well-known/jwks.json":                   "/.well-known/jwks.json",
		"/abcdefghijkl.example.com/mirror.example": "/abcdefghijkl.example.com/mirror.example",
	} {
		if got := urltext.ShownPath(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	f.Add("jwt=a.b.c&return_to=%2Fx&state=s", "application/x-www-form-urlencoded", "switch=yes")
	f.Add("redirect=/a;b&code=100%&error=%zz", "application/json", `{"jwt":"a.b.c","n":[1,{}]}`)
	f.Fuzz(func(t *testing.T, query, kind, body string) {
		cb, err := sso.ParseCallback(query, kind, []byte(body))
		if err != nil {
			if sso.CodeOf(err) != sso.RequestMalformed {
				t.Errorf("got %v, want request_malformed", err)
			}
			return
		}
		written := url.Values{}
		for name, value := range map[string]string{
			"jwt": cb.Token, "code": cb.Code, "state": cb.State, "error": cb.IDPError, "return_to": cb.ReturnTo, "provider": cb.Provider, "handoff": cb.Handoff,
		} {
			if value != "" {
				written.Set(name, value)
			}
		}
		again, err := sso.ParseCallback(written.Encode(), "", nil)
		again.Sent, again.Empty, again.Switch, again.Again = cb.Sent, cb.Empty, cb.Switch, cb.Again
		if diff := cmp.Diff(cb, again); err != nil || diff != "" {
			t.Errorf("again: %v (-first +again):\n%s", err, diff)
		}
		if len(cb.Sent) > 20 || slices.ContainsFunc(cb.Sent, func(name string) bool { return len(name) > 32 || strings.ContainsAny(name, "=.%\n") }) {
			t.Errorf("names: got %q", cb.Sent)
		}
		if pasted, err := sso.ParsePasted("https://bridge.example/auth/sso?" + written.Encode()); err != nil || pasted.Token != cb.Token || pasted.ReturnTo != cb.ReturnTo {
			t.Errorf("pasted: got %+v, %v, want %+v", pasted, err, cb)
		}
	})
}
