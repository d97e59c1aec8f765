package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/local"
	"github.com/ssobridge/ssobridge/sso"
)

// SECURITY A13, K2: each outcome of a sign-in is the same at every replica, and leaves one event that says who, why and from
// where, and neither the token nor its jti.
func TestOutcomes(t *testing.T) {
	settings := []string{"JWT_ISSUER=https://idp.example", "JWT_AUDIENCE=bridge"}
	a := start(t, settings...)
	replica := startOn(t, a, append(settings, "SITE_URL="+a.url)...)
	base := func(with claims) claims {
		all := claims{"iss": "https://idp.example", "aud": "bridge", "jti": "a private id"}
		for k, v := range with {
			all[k] = v
		}
		return all
	}
	now := a.Now()
	for name, tt := range map[string]struct {
		token string
		code  sso.Code
	}{
		"good":      {a.token(base(nil)), ""},
		"expired":   {a.token(base(claims{"exp": now.Add(-time.Hour).Unix()})), sso.TokenExpired},
		"not yet":   {a.token(base(claims{"nbf": now.Add(time.Hour).Unix()})), sso.TokenNotYetValid},
		"old":       {a.token(base(claims{"iat": now.Add(-time.Hour).Unix()})), sso.TokenTooOld},
		"issuer":    {a.token(base(claims{"iss": "https://evil.example"})), sso.TokenIssuer},
		"audience":  {a.token(base(claims{"aud": "another"})), sso.TokenAudience},
		"e-mail":    {a.token(base(claims{"email": nil})), sso.TokenEmailMissing},
		"forged":    {a.token(base(nil))[:40] + "AAAA" + a.token(base(nil))[44:], sso.TokenSignature},
		"malformed": {"no.token", sso.TokenMalformed},
	} {
		want := 401
		for i, b := range []*bridge{a, replica} {
			code := tt.code
			if code == "" && i == 0 {
				want = 302
			} else if code == "" {
				want, code = 401, sso.TokenReplayed // the other one has spent it
			}
			before := events(a)
			resp := b.browser().get("/auth/sso?jwt=" + tt.token)
			if resp.StatusCode != want {
				t.Errorf("%s at replica %d: got %d, want %d", name, i+1, resp.StatusCode, want)
			}
			e := a.lastEvent()
			if n := events(a) - before; n != 1 || e.Code != code || e.Peer != "127.0.0.1" || e.Provider == "" || len(e.Reference) != 8 || !e.At.Equal(now) {
				t.Errorf("%s at replica %d: %d events, the last %+v; want one with code %q", name, i+1, n, e, code)
			}
			if verified := code != sso.TokenSignature && code != sso.TokenMalformed; verified != (e.KeyID != "" && e.Proof != "") {
				t.Errorf("%s: key %q and proof %q, want them of a verified token only", name, e.KeyID, e.Proof)
			}
			if all := e.Detail + e.Proof + e.KeyID + a.log.String() + replica.log.String(); strings.Contains(all, "a private id") || strings.Contains(all, tt.token) {
				t.Errorf("%s: the event or the log has the token or its jti", name)
			}
		}
	}
	// SECURITY A13: fails closed.
	replica.store.Close()
	if resp := replica.browser().get("/auth/sso?jwt=" + replica.token(base(claims{"jti": "2"}))); resp.StatusCode != 503 || len(resp.Cookies()) > 0 {
		t.Errorf("without a database: got %d %v, want 503", resp.StatusCode, resp.Cookies())
	}
}

func events(b *bridge) int {
	b.t.Helper()
	list, _, err := b.store.Events(b.t.Context(), sso.EventQuery{Page: sso.Page{Limit: sso.MaxLimit}})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

type panicking struct{ local.Passwords }

func (panicking) Verify(context.Context, string, string) (bool, bool, error) {
	panic("a private detail")
}

// SECURITY L5: a panic is the 500 of its own request; nobody outside learns more.
func TestPanicIsOneRequests(t *testing.T) {
	b := startChanged(t, nil, func(o *server.Options) { o.Passwords = panicking{} })
	c := b.browser()
	c.signIn(nil)
	for _, accept := range []string{"text/html", "application/json", "*/*"} {
		resp := b.browser().send("POST", "/login", form("email", "a@example.com", "password", "x"), "Accept: "+accept)
		if resp.StatusCode != 500 || strings.Contains(resp.body, "private") || strings.Contains(resp.body, "goroutine") {
			t.Errorf("%s: got %d %s", accept, resp.StatusCode, resp.body)
		}
	}
	if c.email() != "ann@example.com" {
		t.Error("the bridge does not go on")
	}
	if !strings.Contains(b.log.String(), "a private detail") {
		t.Error("the log does not say what happened")
	}
}
