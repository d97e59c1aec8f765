package sso_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/ssotest/memory"
	"github.com/ssobridge/ssobridge/sso/token"
)

var morning = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// world is a bridge over a store in memory, with a clock that the test moves.
type world struct {
	*sso.Bridge
	t     *testing.T
	store *memory.Store
	now   time.Time
	log   bytes.Buffer
	n     int // of tokens
}

const (
	secretA = "vH7pX2mQ9tL4kR8wZ3nB6yC1sF5dG0jA"
	secretB = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"
)

// newWorld has the provider jwt, as change leaves it.
func newWorld(t *testing.T, change ...func(*sso.Provider)) *world {
	t.Helper()
	w := &world{t: t, store: memory.New(), now: morning}
	p := provider(t, "jwt", "", secretA)
	for _, c := range change {
		c(p)
	}
	w.Bridge = &sso.Bridge{
		Providers: sso.Providers{p}, Return: sso.ReturnRules{Site: "https://bi.example", Allowed: []origin.Origin{"https://app.example"}},
		Sessions: sso.SessionPolicy{MaxAge: time.Hour}, Store: w.store, Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	return w
}

// provider is one of the redirect kind, with a secret of its own.
func provider(t *testing.T, name, issuer, secret string) *sso.Provider {
	t.Helper()
	keys, _, err := keyset.NewSecrets([]string{secret}, sso.Standard)
	if err != nil {
		t.Fatal(err)
	}
	scope := name
	if name == "jwt" {
		scope = ""
	}
	return &sso.Provider{
		Name: name, Settings: "JWT_", Issuer: issuer, Binding: sso.BindingOff,
		Policy: sso.Policy{SingleUse: true, Admission: sso.Admission{SiteName: "Example", Settings: "JWT_", Provision: true},
			GroupSync: sso.GroupSync{SyncGroups: true}},
		Beginner: oidc.Redirect{URI: &url.URL{Scheme: "https", Host: name + ".example", Path: "/login"}, ClientID: "c", RedirectURI: "https://bi.example/auth/sso"},
		Login: &token.Verifier{
			Provider: name, Settings: "JWT_", Scope: scope, Profile: sso.Standard, Keys: keys, Issuer: issuer,
			Names:  claim.Mapping{Email: "email", FirstName: "first_name", LastName: "last_name", Groups: "groups"},
			MaxAge: 3 * time.Minute, MaxLifetime: 10 * time.Minute,
		},
		Digest: func(keyID string) string { return "digest of " + keyID },
	}
}

// bound ties the logins of a provider to their browser.
func bound(b sso.Binding) func(*sso.Provider) { return func(p *sso.Provider) { p.Binding = b } }

// token signs claims over usable ones; nil removes a claim.
func (w *world) token(secret string, claims map[string]any) string {
	w.t.Helper()
	w.n++
	all := map[string]any{"email": "ada@example.com", "iat": w.now.Unix(), "exp": w.now.Add(2 * time.Minute).Unix(), "jti": fmt.Sprint("t-", w.n)}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	tok, err := token.Mint(secret, all)
	if err != nil {
		w.t.Fatal(err)
	}
	return tok
}

// signIn wants a login.
func (w *world) signIn(cb sso.Callback) *sso.Login {
	w.t.Helper()
	login, err := w.SignIn(w.t.Context(), cb)
	if err != nil {
		w.t.Fatalf("refused: %v", err)
	}
	return login
}

// refused wants a refusal with a code and its one event, and returns the event.
func (w *world) refused(cb sso.Callback, want sso.Code) sso.Event {
	w.t.Helper()
	before := w.events(sso.EventSignInRefused)
	login, err := w.SignIn(w.t.Context(), cb)
	if sso.CodeOf(err) != want || login != nil {
		w.t.Fatalf("got %+v, %v, want %s", login, err, want)
	}
	after := w.events(sso.EventSignInRefused)
	if len(after) != len(before)+1 || after[0].Code != want {
		w.t.Fatalf("%s: got %d more events, the last %+v; want its own", want, len(after)-len(before), after[:1])
	}
	return after[0]
}

func (w *world) events(kind sso.EventKind) []sso.Event {
	events, _, err := w.store.Events(context.Background(), sso.EventQuery{Kinds: []sso.EventKind{kind}})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// principal is the browser that a login signed in.
func (w *world) principal(login *sso.Login) *sso.Principal {
	w.t.Helper()
	hash, ok := sso.HashSessionID(login.SessionID)
	p, err := w.store.Principal(w.t.Context(), hash)
	if err != nil || !ok {
		w.t.Fatalf("the session of the login: %v, %v", ok, err)
	}
	return p
}

// begin begins a bound login, and returns what its browser brings back besides the answer.
func (w *world) begin(cb sso.Callback) sso.Callback {
	w.t.Helper()
	_, flow, err := w.Begin(w.t.Context(), cb)
	if err != nil || flow == nil {
		w.t.Fatalf("Begin: %v, %v", flow, err)
	}
	return sso.Callback{State: flow.State, Flow: flow}
}

// redeemer is a token endpoint.
type redeemer struct {
	token string
	err   error
	asked int
}

func (r *redeemer) Redeem(context.Context, sso.Answer) (sso.Grant, error) {
	r.asked++
	return sso.Grant{Token: r.token}, r.err
}
