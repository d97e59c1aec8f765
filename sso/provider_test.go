package sso_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// twoProviders are a and b, which differ in their secrets and issuers alone.
func twoProviders(t *testing.T, binding sso.Binding) *world {
	w := newWorld(t)
	w.Providers = sso.Providers{provider(t, "a", "https://a.example", secretA), provider(t, "b", "https://b.example", secretB)}
	for _, p := range w.Providers {
		p.Binding, p.Policy.LinkAccounts = binding, true
	}
	return w
}

func issued(by string) map[string]any { return map[string]any{"iss": "https://" + by + ".example"} }

// first keeps the first value.
func first(kept *string, value string) string {
	*kept = cmp.Or(*kept, value)
	return *kept
}

// A token is held against the keys of the provider that it is from, and its session says which one that was.
func TestTwoProviders(t *testing.T) {
	w := twoProviders(t, sso.BindingOff)
	owner := "" // the account stays that of the first
	for name, cb := range map[string]sso.Callback{
		"a by issuer": {Token: w.token(secretA, issued("a"))}, "a by name": {Token: w.token(secretA, issued("a")), Provider: "a"},
		"b by issuer": {Token: w.token(secretB, issued("b"))}, "b by name": {Token: w.token(secretB, issued("b")), Provider: "b"},
	} {
		login := w.signIn(cb)
		p, of := w.principal(login), name[:1]
		if p.Session.Provider != of || p.Account.Source != first(&owner, of) || w.events(sso.EventSignIn)[0].Provider != of {
			t.Errorf("%s: got a session of %q, an account of %q, event %+v", name, p.Session.Provider, p.Account.Source, w.events(sso.EventSignIn)[0])
		}
	}
	for name, tt := range map[string]struct {
		cb   sso.Callback
		want sso.Code
	}{
		"a's token with b's secret":      {sso.Callback{Token: w.token(secretB, issued("a"))}, sso.TokenSignature},
		"named a, with b's secret":       {sso.Callback{Token: w.token(secretB, issued("b")), Provider: "a"}, sso.TokenSignature},
		"named b, with a's issuer":       {sso.Callback{Token: w.token(secretB, issued("a")), Provider: "b"}, sso.TokenIssuer},
		"no issuer":                      {sso.Callback{Token: w.token(secretA, nil)}, sso.RequestMalformed},
		"an issuer that nobody has":      {sso.Callback{Token: w.token(secretA, issued("c"))}, sso.RequestMalformed},
		"a name that nobody has":         {sso.Callback{Token: w.token(secretA, issued("a")), Provider: "c"}, sso.RequestMalformed},
		"no token at all":                {sso.Callback{Token: "a.b.c"}, sso.RequestMalformed},
		"a's token, signed with neither": {sso.Callback{Token: w.token(strings.Repeat("k", 40), issued("a"))}, sso.TokenSignature},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(tt.cb, tt.want)
		})
	}
	w.t = t
	w.Providers[1].Issuer = w.Providers[0].Issuer // then an issuer says nothing
	w.refused(sso.Callback{Token: w.token(secretA, issued("a"))}, sso.RequestMalformed)
}

// SECURITY C2: each provider counts its tokens for itself.
func TestUsedTokensOfTwoProviders(t *testing.T) {
	w := twoProviders(t, sso.BindingOff)
	for _, jti := range []any{"1", nil} {
		claims := map[string]any{"jti": jti, "email": "ada@example.com"}
		for name, secret := range map[string]string{"a": secretA, "b": secretB} {
			claims["iss"] = "https://same.example"
			for _, p := range w.Providers {
				p.Login = provider(t, p.Name, "", map[string]string{"a": secretA, "b": secretB}[p.Name]).Login
			}
			cb := sso.Callback{Token: w.token(secret, claims), Provider: name}
			w.signIn(cb)
			w.refused(cb, sso.TokenReplayed)
		}
	}
	// What was spent before there were scopes stays spent.
	if got, want := sso.ProofByID("", "i", "1"), fmt.Sprintf("jti:%x", sha256.Sum256([]byte("i\x001"))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	all := map[string]bool{}
	for _, scope := range []string{"", "a", "b"} {
		all[sso.ProofByID(scope, "i", "1")], all[sso.ProofByContent(scope, "h.p")] = true, true
	}
	if len(all) != 6 {
		t.Errorf("got %d keys, want 6 different ones", len(all))
	}
}

// SECURITY C4: what began with one provider ends with that one.
func TestFlowOfTwoProviders(t *testing.T) {
	w := twoProviders(t, sso.BindingState)
	for _, name := range []string{"a", "b", ""} {
		began := w.begin(sso.Callback{Provider: name})
		if want := map[string]string{"a": "a", "b": "b", "": "a"}[name]; began.Flow.Provider != want {
			t.Errorf("begun with %q: got %q, want %q", name, began.Flow.Provider, want)
		}
	}
	a := w.begin(sso.Callback{Provider: "a"})
	a.Token = w.token(secretB, issued("b"))
	w.refused(a, sso.TokenSignature)
	a.Provider = "b"
	w.refused(a, sso.FlowMismatch)
	a.Provider, a.Token = "", w.token(secretA, nil) // the flow says which one it is
	w.refused(a, sso.TokenIssuer)
	a.Token = w.token(secretA, issued("a"))
	if p := w.principal(w.signIn(a)); p.Session.Provider != "a" {
		t.Errorf("got a session of %q", p.Session.Provider)
	}
	if at, err := w.LoginURL(t.Context(), w.begin(sso.Callback{Provider: "b"}).Flow); err != nil || !strings.HasPrefix(at, "https://b.example/login?") {
		t.Errorf("got %s, %v", at, err)
	}
	gone := w.begin(sso.Callback{Provider: "b"})
	w.Providers = w.Providers[:1]
	gone.Token = w.token(secretA, issued("a"))
	w.refused(gone, sso.FlowMismatch)
}

// What the logins of a provider may do is its own.
func TestPolicyOfTwoProviders(t *testing.T) {
	w := twoProviders(t, sso.BindingOff)
	w.Providers[1].Policy.Provision, w.Providers[1].Policy.SingleUse = false, false
	w.refused(sso.Callback{Token: w.token(secretB, issued("b"))}, sso.ProvisioningOff)
	w.signIn(sso.Callback{Token: w.token(secretA, issued("a"))})
	cb := sso.Callback{Token: w.token(secretB, issued("b"))}
	w.signIn(cb)
	w.signIn(cb)
}

// SECURITY E1: an e-mail says who somebody is at one provider only. Whoever can write any e-mail at a second one gets into
// no account of the first.
func TestAccountOfAnotherProvider(t *testing.T) {
	w := twoProviders(t, sso.BindingOff)
	for _, p := range w.Providers {
		p.Policy.LinkAccounts = false
	}
	a := w.principal(w.signIn(sso.Callback{Token: w.token(secretA, issued("a"))}))
	w.refused(sso.Callback{Token: w.token(secretB, issued("b"))}, sso.LinkRefused)
	if e := w.events(sso.EventSignInRefused)[0]; e.Provider != "b" || !strings.Contains(e.Detail, `belongs to the provider "a"`) {
		t.Errorf("got event %+v", e)
	}
	if again := w.principal(w.signIn(sso.Callback{Token: w.token(secretA, issued("a"))})); again.Account.ID != a.Account.ID {
		t.Errorf("got account %d, want %d", again.Account.ID, a.Account.ID)
	}
}

func TestExplainOfTwoProviders(t *testing.T) {
	w := twoProviders(t, sso.BindingOff)
	if e := w.Explain(t.Context(), sso.Callback{Token: w.token(secretB, issued("b")), Pasted: sso.PastedToken}); !e.Accepted || e.Identity.Provider != "b" {
		t.Errorf("got %+v", e)
	}
	if e := w.Explain(t.Context(), sso.Callback{Token: w.token(secretB, nil), Pasted: sso.PastedToken}); e.Code != sso.RequestMalformed || len(e.Checks) != 2 {
		t.Errorf("got %+v", e)
	}
}

func TestPrincipal(t *testing.T) {
	groups := []sso.Group{{ID: sso.AllUsers}, {ID: sso.Administrators}}
	session := &sso.Principal{Groups: groups, Session: sso.Session{ExpiresAt: morning}}
	if !session.Administrator() || session.Ends() != morning {
		t.Errorf("a session: got %v, %v", session.Administrator(), session.Ends())
	}
	service := &sso.Principal{How: sso.ByService, Groups: groups, Until: morning.Add(time.Hour)}
	if service.Administrator() || service.Ends() != morning.Add(time.Hour) {
		t.Errorf("a service account: got %v, %v", service.Administrator(), service.Ends())
	}
	if holder := (&sso.Principal{How: sso.ByToken, Groups: groups}); holder.Administrator() || !holder.Ends().IsZero() {
		t.Errorf("the holder of a token is an administrator, until %v", holder.Ends())
	}
	if plain := (&sso.Principal{Groups: groups[:1]}); plain.Administrator() {
		t.Error("a plain person is an administrator")
	}
}
