package ssobridge

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/checklist"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
	"github.com/ssobridge/ssobridge/sso/ssotest/memory"
	"github.com/ssobridge/ssobridge/sso/token"
)

// madeOf are the checks of an explanation that a line of the list stands for.
var madeOf = map[string][]string{
	"answer": {"return_to", "provider"}, "code": {"code"}, "form": {"size", "form", "header"}, "signature": {"algorithm", "key", "signature"}, "type": {"claims", "type"},
	"times": {"expiry", "not_before", "issued_at", "lifetime"}, "issuer": {"issuer"}, "audience": {"audience", "authorized_party"}, "require": {"require"}, "token_id": {"token_id"},
	"identity": {"subject", "email_verified", "identity"}, "flow": {"nonce", "code_challenge", "flow"}, "group_sources": {"group_sources"}, "admission": {"admission"},
	"single_use": {"single_use"}, "account": {"account"}, "session": {},
}

// ofSeveral are the codes that more than one check has.
var ofSeveral = []sso.Code{sso.TokenMalformed, sso.FlowMismatch, sso.TokenClaim, sso.TokenUnbounded, sso.TokenTooOld, sso.TokenFromFuture}

// A listed sign-in is one whose list is held against an explanation of the same.
type listed struct {
	t      *testing.T
	b      *sso.Bridge
	cfg    *setting.Config
	store  *memory.Store
	now    time.Time
	secret string
}

// signsIn is a store for sign-ins alone: no API client is judged with it.
type signsIn struct{ *memory.Store }

func (signsIn) Groups(context.Context) ([]sso.Group, error) { panic("not asked for") }

func (signsIn) MakeCaller(context.Context, *sso.Exam, sso.Attempt) (*sso.SignedIn, error) {
	panic("not asked for")
}

func newListed(t *testing.T, flags map[string]string, more ...string) *listed {
	t.Helper()
	l := &listed{t: t, store: memory.New(), now: time.Now().Truncate(time.Second), secret: secret}
	all := map[string]string{"jwt-identity-provider-uri": "https://app.example.com/login", "jwt-shared-secret": secret}
	maps.Copy(all, flags)
	var faults []setting.Fault
	if l.cfg, faults = setting.Resolve(setting.Inputs{Flags: all, Environ: more}); len(faults) > 0 {
		t.Fatal(faults)
	}
	var err error
	if l.b, _, err = Bridge(t.Context(), l.cfg, signsIn{l.store}, func() time.Time { return l.now }, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return l
}

// token signs claims over usable ones; nil removes a claim.
func (l *listed) token(with map[string]any) string {
	l.t.Helper()
	all := map[string]any{"email": "ada@example.com", "iat": l.now.Unix(), "exp": l.now.Add(time.Minute).Unix(), "jti": sso.NewReference(), "iss": "acme", "aud": "bridge"}
	maps.Copy(all, with)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	signed, err := token.Mint(l.secret, all)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// check runs one sign-in, and holds the list of its event against the explanation of an equal one: what is called passed was made and
// passed before anything failed, and what failed is what failed first. It returns the list.
func (l *listed) check(cb func() sso.Callback, want sso.Code) map[string]checklist.State {
	t := l.t
	t.Helper()
	e := l.b.Explain(t.Context(), cb())
	if _, err := l.b.SignIn(t.Context(), cb()); sso.CodeOf(err) != want {
		t.Fatalf("got %v, want %q", err, want)
	}
	events, _, _ := l.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventSignIn, sso.EventSignInRefused}})
	if len(events) == 0 || events[0].Code != want {
		t.Fatalf("got the events %+v, want one of %q", events, want)
	}
	p := l.cfg.Provider(events[0].Provider)
	states := map[string]checklist.State{}
	failed := slices.IndexFunc(e.Checks, func(c sso.Check) bool { return !c.OK })
	for _, c := range checklist.Of(events[0], p, true) {
		states[c.Name] = c.State
		switch c.State {
		case checklist.Passed:
			made := 0
			for i, check := range e.Checks {
				if !slices.Contains(madeOf[c.Name], check.Name) {
					continue
				}
				made++
				if !check.OK || failed >= 0 && i > failed || strings.Contains(check.Detail, "not checked") {
					t.Errorf("%s: %s is called passed; its check %+v, of which the first that failed is %d", want, c.Name, check, failed)
				}
			}
			if made == 0 && len(madeOf[c.Name]) > 0 {
				t.Errorf("%s: %s is called passed, and was not made: %+v", want, c.Name, e.Checks)
			}
		case checklist.Failed:
			if failed < 0 || !slices.Contains(madeOf[c.Name], e.Checks[failed].Name) && !slices.Contains(ofSeveral, want) {
				t.Errorf("%s: %s is called failed; it was %+v", want, c.Name, e.Checks[max(failed, 0)])
			}
		}
	}
	if n := len(slices.DeleteFunc(slices.Collect(maps.Values(states)), func(s checklist.State) bool { return s != checklist.Failed })); (n != 1) != (want == "") {
		t.Errorf("%s: got %d checks that failed", want, n)
	}
	return states
}

// Of each way in which a sign-in ends, in each profile, with and without a flow: the list of its event says nothing that was not so.
func TestChecklistIsTrue(t *testing.T) {
	for name, flags := range map[string]map[string]string{
		"standard":           {},
		"standard with all":  {"jwt-issuer": "acme", "jwt-audience": "bridge", "jwt-require": `[{"claim":"plan","values":["gold"]}]`, "jwt-allowed-domains": "example.com"},
		"strict":             {"jwt-profile": "strict", "jwt-binding": "state", "jwt-issuer": "acme", "jwt-audience": "bridge"},
		"metabase":           {"jwt-profile": "metabase", "jwt-issuer": "acme", "jwt-audience": "bridge"},
		"tied to a browser":  {"jwt-binding": "state", "jwt-allowed-domains": "example.com"},
		"without new people": {"jwt-user-provisioning-enabled": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListed(t, flags)
			if flags["jwt-user-provisioning-enabled"] == "" {
				for _, c := range l.check(l.callback(map[string]any{"plan": "gold"}), "") {
					if c == checklist.Failed {
						t.Error("of a good sign-in something failed")
					}
				}
			}
			for code, with := range l.bad(flags) {
				t.Run(string(code), func(t *testing.T) {
					m := *l
					m.t = t
					m.check(m.callback(with), code)
				})
			}
		})
	}
}

// bad are claims with which a sign-in ends with a code.
func (l *listed) bad(flags map[string]string) map[sso.Code]map[string]any {
	with := func(claims map[string]any) map[string]any {
		all := map[string]any{"plan": "gold"}
		maps.Copy(all, claims)
		return all
	}
	all := map[sso.Code]map[string]any{
		sso.TokenExpired: with(map[string]any{"exp": l.now.Add(-time.Hour).Unix()}), sso.TokenNotYetValid: with(map[string]any{"nbf": l.now.Add(time.Hour).Unix()}),
		sso.TokenTooOld: with(map[string]any{"iat": l.now.Add(-time.Hour).Unix()}), sso.TokenEmailMissing: with(map[string]any{"email": nil}), sso.TokenEmailInvalid: with(map[string]any{"email": "nobody"}),
		sso.TokenMalformed: with(map[string]any{"exp": "tomorrow"}), sso.TokenSignature: with(map[string]any{"": "other secret"}),
	}
	strict := flags["jwt-profile"] == "strict"
	if flags["jwt-issuer"] != "" && flags["jwt-profile"] != "metabase" {
		all[sso.TokenIssuer], all[sso.TokenAudience] = with(map[string]any{"iss": "other"}), with(map[string]any{"aud": "other"})
	}
	if strict {
		all[sso.TokenIDMissing], all[sso.TokenUnbounded] = with(map[string]any{"jti": nil}), with(map[string]any{"iat": nil})
	}
	if flags["jwt-require"] != "" {
		all[sso.TokenClaim] = map[string]any{}
	}
	if flags["jwt-allowed-domains"] != "" {
		all[sso.PersonNotAllowed] = with(map[string]any{"email": "eve@other.example"})
	}
	if flags["jwt-binding"] != "" {
		all[sso.FlowMissing], all[sso.FlowMismatch] = with(map[string]any{"": "no flow"}), with(map[string]any{"nonce": "other"})
	}
	if flags["jwt-user-provisioning-enabled"] != "" {
		return map[sso.Code]map[string]any{sso.ProvisioningOff: with(nil)}
	}
	return all
}

// callback brings a token with these claims, each time another. Under "" stands what is wrong besides the claims.
func (l *listed) callback(with map[string]any) func() sso.Callback {
	return func() sso.Callback {
		claims := maps.Clone(with)
		delete(claims, "")
		signer := *l
		if with[""] == "other secret" {
			signer.secret = strings.Repeat("other", 10)
		}
		if l.b.Providers[0].Binding == sso.BindingOff || with[""] == "no flow" {
			return sso.Callback{Token: signer.token(claims)}
		}
		_, flow, err := l.b.Begin(l.t.Context(), sso.Callback{})
		if err != nil {
			l.t.Fatal(err)
		}
		return sso.Callback{Token: signer.token(claims), State: flow.State, Flow: flow}
	}
}

// A token that was used, and one that cannot be read.
func TestChecklistOfTheSameTokenAgain(t *testing.T) {
	l := newListed(t, nil)
	cb := l.callback(nil)()
	if _, err := l.b.SignIn(t.Context(), cb); err != nil {
		t.Fatal(err)
	}
	states := l.check(func() sso.Callback { return cb }, sso.TokenReplayed)
	if states["signature"] != checklist.Passed || states["identity"] != checklist.Passed || states["account"] != checklist.Unmade || states["session"] != checklist.Unmade {
		t.Errorf("got %v", states)
	}
	states = l.check(func() sso.Callback { return sso.Callback{Token: "no token"} }, sso.TokenMalformed)
	if states["form"] != checklist.Failed || states["signature"] != checklist.Unmade {
		t.Errorf("got %v", states)
	}
	states = l.check(func() sso.Callback { return sso.Callback{IDPError: "access_denied"} }, sso.ProviderRefused)
	if states["answer"] != checklist.Failed || states["form"] != checklist.Unmade {
		t.Errorf("got %v", states)
	}
}

// The same of an OpenID provider, whose checks have another order.
func TestChecklistOfOpenID(t *testing.T) {
	for _, tt := range []struct {
		code sso.Code
		id   func(map[string]any)
		call func(*idp.Provider)
	}{
		{"", nil, nil},
		{sso.TokenExpired, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, nil},
		{sso.TokenAudience, func(c map[string]any) { c["aud"] = "other" }, nil},
		{sso.TokenIssuer, func(c map[string]any) { c["iss"] = "other" }, nil},
		{sso.TokenClaim, nil, func(p *idp.Provider) { delete(p.Claims, "plan") }},
		{sso.TokenSubjectMissing, nil, func(p *idp.Provider) { delete(p.Claims, "sub") }},
		{sso.EmailUnverified, func(c map[string]any) { c["email_verified"] = false }, nil},
		{sso.FlowMismatch, func(c map[string]any) { c["nonce"] = "other" }, nil},
		{sso.TokenSignature, nil, func(p *idp.Provider) { p.Signed = func(s string) string { return s[:len(s)-6] + "AAAAAA" } }},
		{sso.CodeExchangeFailed, nil, func(p *idp.Provider) {
			p.Before["/token"] = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusBadRequest) }
		}},
	} {
		t.Run(fmt.Sprint("code ", tt.code), func(t *testing.T) {
			p := idp.New(t)
			p.Claims["plan"] = "gold"
			p.IDToken = tt.id
			if tt.call != nil {
				tt.call(p)
			}
			l := newListed(t, map[string]string{"jwt-identity-provider-uri": "", "jwt-shared-secret": ""}, "SSOBRIDGE_PROVIDERS=corp", "SSOBRIDGE_PROVIDER_CORP_KIND=oidc", "SSOBRIDGE_PROVIDER_CORP_ISSUER="+p.URL,
				"SSOBRIDGE_PROVIDER_CORP_CLIENT_ID=bridge", "SSOBRIDGE_PROVIDER_CORP_CLIENT_SECRET=s3cret", "SSOBRIDGE_PROVIDER_CORP_REQUIRE="+`[{"claim":"plan","values":["gold"]}]`)
			states := l.check(func() sso.Callback { return l.throughOpenID(p) }, tt.code)
			if tt.code != sso.CodeExchangeFailed && states["code"] != checklist.Passed {
				t.Errorf("got %v, want the code passed", states)
			}
		})
	}
}

// throughOpenID goes to the provider, and comes back with a code.
func (l *listed) throughOpenID(p *idp.Provider) sso.Callback {
	l.t.Helper()
	url, flow, err := l.b.Begin(l.t.Context(), sso.Callback{Provider: "corp"})
	if err != nil {
		l.t.Fatal(err)
	}
	client := p.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(url)
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		l.t.Fatal(err)
	}
	return sso.Callback{Provider: "corp", Page: "corp", Code: to.Query().Get("code"), State: to.Query().Get("state"), Flow: flow}
}
