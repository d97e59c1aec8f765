package oidc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 Appendix B

func exchange(t *testing.T, endpoint string) *Exchange {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return &Exchange{TokenURI: u, ClientID: "bridge", RedirectURI: "https://sso.example.com/auth/sso", Client: outbound.Client(u, nil)}
}

// endpoint is a token endpoint that gives one answer.
func endpoint(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// RFC 6749 §4.1.3 and RFC 7636 §4.5: what is asked.
func TestRequest(t *testing.T) {
	var got *http.Request
	var form url.Values
	s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		got, form = r, r.PostForm
		says(200, "application/json", `{"jwt":"a.b.c"}`)(w, r)
	})
	grant, err := exchange(t, s.URL+"/token?tenant=1").Redeem(t.Context(), sso.Answer{Code: "c/o+de&", Verifier: verifier})
	if err != nil || grant.Token != "a.b.c" {
		t.Fatalf("got %q, %v", grant.Token, err)
	}
	want := url.Values{"grant_type": {"authorization_code"}, "code": {"c/o+de&"}, "client_id": {"bridge"},
		"redirect_uri": {"https://sso.example.com/auth/sso"}, "code_verifier": {verifier}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if got.Method != "POST" || got.URL.String() != "/token?tenant=1" || got.Header.Get("Accept") != "application/json" ||
		got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || got.Header.Get("Cookie") != "" {
		t.Errorf("got %s %s %v", got.Method, got.URL, got.Header)
	}
}

// RFC 7636 Appendix B.
func TestAppendixB(t *testing.T) {
	if got, want := sso.S256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"; got != want {
		t.Errorf("S256: got %s, want %s", got, want)
	}
	f := sso.NewFlow("jwt", sso.BindingPKCE, "/", time.Now())
	if !validVerifier(f.Verifier) || f.Challenge() != sso.S256(f.Verifier) {
		t.Errorf("a new flow's verifier %q does not fit", f.Verifier)
	}
}

// RFC 7636 §4.1: 43*128unreserved. Nothing else leaves the bridge (SECURITY C6).
func TestVerifierForm(t *testing.T) {
	asked := false
	s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		asked = true
		says(200, "application/json", `{"jwt":"a.b.c"}`)(w, r)
	})
	for _, tt := range []struct {
		name, verifier string
		ok             bool
	}{
		{"42 characters", strings.Repeat("a", 42), false},
		{"43 characters", strings.Repeat("a", 43), true},
		{"128 characters", strings.Repeat("~", 128), true},
		{"129 characters", strings.Repeat("a", 129), false},
		{"none", "", false},
		{"a space", strings.Repeat("a", 43) + " ", false},
		{"a plus sign", strings.Repeat("+", 43), false},
		{"padding", strings.Repeat("a", 43) + "=", false},
		{"not ASCII", strings.Repeat("é", 43), false},
	} {
		asked = false
		grant, err := exchange(t, s.URL).Redeem(t.Context(), sso.Answer{Code: "code", Verifier: tt.verifier})
		if ok := err == nil && grant.Token != ""; ok != tt.ok || asked != tt.ok {
			t.Errorf("%s: got %q, %v, asked %v; want %v", tt.name, grant.Token, err, asked, tt.ok)
		}
		if !tt.ok && !errors.Is(err, sso.CodeExchangeFailed) {
			t.Errorf("%s: got %v, want code_exchange_failed", tt.name, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	const jsonType = "application/json"
	tests := []struct {
		name   string
		answer http.HandlerFunc
		token  string
		code   sso.Code
		reason string // a part of it
	}{
		{"jwt", says(200, jsonType, `{"jwt":"a.b.c"}`), "a.b.c", "", ""},
		{"id_token", says(200, "application/json; charset=UTF-8", `{"id_token":"i.d.t","access_token":"opaque","expires_in":60}`), "i.d.t", "", ""},
		{"access_token", says(200, jsonType, `{"access_token":"a.t.x","token_type":"Bearer","id_token":null}`), "a.t.x", "", ""},
		{"jwt before the others", says(200, jsonType, `{"access_token":"a","id_token":"i","jwt":"j"}`), "j", "", ""},
		{"empty jwt", says(200, jsonType, `{"jwt":"","id_token":"i.d.t"}`), "i.d.t", "", ""},

		{"no token", says(200, jsonType, `{"token_type":"Bearer"}`), "", sso.CodeExchangeFailed, "without jwt, id_token or access_token"},
		{"a number", says(200, jsonType, `{"jwt":7}`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"an object", says(200, jsonType, `{"id_token":{"raw":"a.b.c"}}`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"a list", says(200, jsonType, `["a.b.c"]`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"a string", says(200, jsonType, `"a.b.c"`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"null", says(200, jsonType, `null`), "", sso.CodeExchangeFailed, "without jwt"},
		{"two objects", says(200, jsonType, `{"jwt":"a.b.c"}{}`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"nothing", says(200, jsonType, ``), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"cut off", says(200, jsonType, `{"jwt":"a.b`), "", sso.CodeExchangeFailed, "not an object of strings"},
		{"HTML", says(200, "text/html", `<h1>a.b.c</h1>`), "", sso.CodeExchangeFailed, `"text/html"; JSON is needed`},
		{"JSON called text", says(200, "text/plain", `{"jwt":"a.b.c"}`), "", sso.CodeExchangeFailed, "JSON is needed"},
		{"the token as it is", says(200, "application/jwt", `a.b.c`), "", sso.CodeExchangeFailed, "JSON is needed"},
		{"another 2xx", says(201, jsonType, `{"jwt":"a.b.c"}`), "", sso.CodeExchangeFailed, "status 201"},

		{"refused", says(400, jsonType, `{"error":"invalid_grant","error_description":"used\nbefore"}`), "", sso.CodeExchangeFailed,
			`refused the code with status 400, error "invalid_grant", "used before"`},
		{"refused, with a token", says(401, jsonType, `{"error":"invalid_client","jwt":"a.b.c"}`), "", sso.CodeExchangeFailed, `"invalid_client"`},
		{"refused at length", says(400, jsonType, `{"error":"`+strings.Repeat("x", 5000)+`"}`), "", sso.CodeExchangeFailed, strings.Repeat("x", 60) + `"`},
		{"404 page", says(404, "text/html", `no`), "", sso.CodeExchangeFailed, "answered 404"},

		{"500", says(500, jsonType, `{"jwt":"a.b.c"}`), "", sso.ProviderUnavailable, "answered 500"},
		{"503", says(503, "text/html", `later`), "", sso.ProviderUnavailable, "answered 503"},

		{"too large", says(200, jsonType, `{"jwt":"a.b.c","x":"`+strings.Repeat("x", maxAnswer)+`"}`), "", sso.CodeExchangeFailed, "more than 65536 bytes"},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"jwt":"a.b.c"}`)
		}, "", sso.ProviderUnavailable, "reading the answer"},
		{"headers without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}, "", sso.ProviderUnavailable, ""},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", sso.ProviderUnavailable, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := endpoint(t, tt.answer)
			grant, err := exchange(t, s.URL).Redeem(t.Context(), sso.Answer{Code: "SECRETCODE", Verifier: verifier})
			if grant.Token != tt.token || sso.CodeOf(err) != tt.code {
				t.Fatalf("got %q, %v; want %q, %s", grant.Token, err, tt.token, tt.code)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), tt.reason) || !strings.Contains(err.Error(), s.URL) {
				t.Errorf("reason: got %q, want %q and the address in it", err, tt.reason)
			}
			for _, secret := range []string{"SECRETCODE", verifier, "a.b.c"} { // SECURITY K1
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the reason says %q: %v", secret, err)
				}
			}
		})
	}
}

// SECURITY A14: 50 MB are not read.
func TestFlood(t *testing.T) {
	const flood = 50 << 20
	sent := make(chan int, 1)
	s := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		n, chunk := 0, bytes.Repeat([]byte(" "), 64<<10)
		for n < flood {
			if _, err := w.Write(chunk); err != nil {
				break
			}
			n += len(chunk)
		}
		sent <- n
	})
	_, err := exchange(t, s.URL).Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier})
	if !errors.Is(err, sso.CodeExchangeFailed) || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("got %v, want code_exchange_failed", err)
	}
	if n := <-sent; n >= flood {
		t.Errorf("all %d bytes were taken", n)
	}
}

// SECURITY A14: a redirect is not followed, not even on the same host; nobody else gets the code.
func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		followed := false
		s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				followed = true
				says(200, "application/json", `{"jwt":"a.b.c"}`)(w, r)
				return
			}
			http.Redirect(w, r, "/elsewhere", status)
		})
		grant, err := exchange(t, s.URL+"/token").Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier})
		if grant.Token != "" || !errors.Is(err, sso.CodeExchangeFailed) || !strings.Contains(err.Error(), "redirect") || followed {
			t.Errorf("%d: got %q, %v, followed %v", status, grant.Token, err, followed)
		}
	}
}

func TestHangs(t *testing.T) {
	headers := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"jwt":"a.`)
		w.(http.Flusher).Flush()
	}
	for name, begin := range map[string]http.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) {},
		"amid the answer":   headers,
	} {
		t.Run(name, func(t *testing.T) {
			s := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				r.ParseForm()
				begin(w, r)
				<-r.Context().Done() // until the client has given up
			})
			e := exchange(t, s.URL)
			e.Client.Timeout = 20 * time.Millisecond
			if _, err := e.Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier}); !errors.Is(err, sso.ProviderUnavailable) {
				t.Errorf("got %v, want provider_unavailable", err)
			}
			e = exchange(t, s.URL)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := e.Redeem(ctx, sso.Answer{Code: "code", Verifier: verifier}); !errors.Is(err, sso.ProviderUnavailable) {
				t.Errorf("by context: got %v, want provider_unavailable", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := exchange(t, "http://"+l.Addr().String()).Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier}); !errors.Is(err, sso.ProviderUnavailable) {
		t.Errorf("nothing listens: got %v", err)
	}
	tls := httptest.NewTLSServer(says(200, "application/json", `{"jwt":"a.b.c"}`))
	defer tls.Close()
	grant, err := exchange(t, tls.URL).Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier})
	if grant.Token != "" || !errors.Is(err, sso.ProviderUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate nobody vouches for: got %q, %v", grant.Token, err)
	}
	e := exchange(t, tls.URL)
	e.Client.Transport = tls.Client().Transport // trusts it: the test tries what it says
	if grant, err := e.Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier}); grant.Token != "a.b.c" || err != nil {
		t.Errorf("a trusted certificate: got %q, %v", grant.Token, err)
	}
}

func TestZero(t *testing.T) {
	for _, e := range []*Exchange{{}, {Client: http.DefaultClient}, {TokenURI: &url.URL{Scheme: "http", Host: "127.0.0.1"}}} {
		if grant, err := e.Redeem(t.Context(), sso.Answer{Code: "code", Verifier: verifier}); grant.Token != "" || !errors.Is(err, sso.CodeExchangeFailed) {
			t.Errorf("%+v: got %q, %v", e, grant.Token, err)
		}
	}
}

// Whatever is answered: a token or one code, never both, and no panic.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"jwt":"a.b.c"}`)
	f.Add(200, "application/json;charset=utf-8", `{"id_token":"a","access_token":"b"}`)
	f.Add(400, "application/json", `{"error":"invalid_grant","error_description":"\u0000\u202e"}`)
	f.Add(302, "text/html", "")
	f.Add(500, `a/b; c="`, "{")
	f.Add(200, "application/json", `{"JWT":1,"jwt":"x","jwt":"y"}`)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}}
		answer, err := (&Exchange{}).readAnswer(resp, []byte(body), "the code", nil)
		if again, refused := refreshed(answer, err); (again == sso.Grant{}) != (refused != nil) || sso.CodeOf(refused) == sso.ProviderRefused && (status < 400 || status >= 500) {
			t.Errorf("a refresh: got %+v and %v", again, refused)
		}
		grant, err := (&Exchange{}).redeemed(answer, err)
		code := sso.CodeOf(err)
		switch {
		case (grant.Token == "") != (err != nil):
			t.Errorf("got %q and %v", grant.Token, err)
		case err != nil && code != sso.CodeExchangeFailed && code != sso.ProviderUnavailable:
			t.Errorf("got code %s: %v", code, err)
		case err == nil && (status != 200 || len(body) > maxAnswer || !strings.Contains(strings.ToLower(kind), "json")):
			t.Errorf("took a token from %d %q", status, kind)
		case err != nil && len(err.Error()) > 2000:
			t.Errorf("a reason of %d bytes", len(err.Error()))
		}
	})
}
