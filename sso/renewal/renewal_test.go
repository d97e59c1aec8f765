package renewal_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
	"github.com/ssobridge/ssobridge/sso/ssotest/memory"
	"github.com/ssobridge/ssobridge/sso/token"
)

const (
	every = 10 * time.Minute
	grace = time.Hour
)

// world is a bridge with one OpenID provider, over a store in memory.
type world struct {
	*sso.Bridge
	t        *testing.T
	idp      *idp.Provider
	store    *memory.Store
	provider *sso.Provider
	now      time.Time
	log      bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, idp: idp.New(t), store: memory.New(), now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	w.idp.Now = now
	discovery, err := oidc.NewDiscovery(w.idp.URL, "", nil, now, log)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.NewRemote(w.idp.URL+"/jwks", keyset.RemoteOptions{Now: now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	client := &oidc.Client{Discovery: discovery, Issuer: w.idp.URL, ClientID: "the bridge", ClientSecret: "s", RedirectURI: "https://bi.example/callback",
		Scopes: []string{"openid", "offline_access"}}
	w.provider = &sso.Provider{
		Name: "acme", Settings: "PROVIDER_ACME_", Issuer: w.idp.URL, Binding: sso.BindingPKCE, OwnPage: true, Beginner: client, Redeemer: client,
		Refresher: client, RefreshEvery: every, RefreshGrace: grace,
		Policy: sso.Policy{SingleUse: true, Admission: sso.Admission{Provision: true}, GroupSync: sso.GroupSync{SyncGroups: true}},
		Login: &token.Verifier{
			Provider: "acme", Settings: "PROVIDER_ACME_", Scope: "acme", Profile: sso.Strict, Keys: keys, Issuer: w.idp.URL, Audience: "the bridge",
			Names:  claim.Mapping{Email: "email", Subject: "sub", Groups: "groups"},
			MaxAge: 10 * time.Minute, OpenID: &token.OpenID{VerifiedEmail: true, MaxAuthAge: time.Minute, Userinfo: client.Userinfo, AlwaysAsk: true},
		},
	}
	w.Bridge = &sso.Bridge{Providers: sso.Providers{w.provider}, Return: sso.ReturnRules{Site: "https://bi.example"},
		Sessions: sso.SessionPolicy{MaxAge: 100 * time.Hour}, Store: w.store, Now: now, Log: log}
	if _, err := w.store.EnsureGroups(t.Context(), []string{"research", "sales"}, sso.Event{Kind: sso.EventGroup}); err != nil {
		t.Fatal(err)
	}
	return w
}

// signIn is a sign-in at the provider.
func (w *world) signIn() sso.SessionHash {
	w.t.Helper()
	at, flow, err := w.Begin(w.t.Context(), sso.Callback{})
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(mustRequest(w.t, at))
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		w.t.Fatal(err)
	}
	cb, err := sso.ParseCallback(back.RawQuery, "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	cb.Flow, cb.Provider, cb.Page = flow, "acme", "acme"
	login, err := w.SignIn(w.t.Context(), cb)
	if err != nil {
		w.t.Fatal(err)
	}
	return login.Session.Hash
}

func mustRequest(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) refresh(session sso.SessionHash) (renewal.Outcome, error) {
	return renewal.Run(w.t.Context(), w.Bridge, w.store, w.provider, session)
}

func (w *world) alive(session sso.SessionHash) bool {
	_, err := w.store.Principal(w.t.Context(), session)
	return err == nil
}

// answers has the token endpoint answer so.
func (w *world) answers(status int, kind, body string) {
	w.idp.Before["/token"] = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", kind)
		rw.Header().Set("Retry-After", "77")
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}
}

func claims(name string, value any) func(*world) {
	return func(w *world) {
		w.idp.IDToken = func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
}

func answers(status int, kind, body string) func(*world) {
	return func(w *world) { w.answers(status, kind, body) }
}

func says(code string) func(*world) {
	return func(w *world) { w.idp.Switched = func() string { return code } }
}

// What a provider answers, and what becomes of the session. What says nothing about the person keeps it until the grace is over.
func TestAnswers(t *testing.T) {
	const json = "application/json"
	for _, tt := range []struct {
		name string
		then func(*world)
		want renewal.Outcome
		code sso.Code
	}{
		{name: "confirmed", want: renewal.Refreshed},
		{name: "the nonce of the sign-in", want: renewal.Refreshed, then: func(w *world) {
			g, _ := w.store.Granted(w.t.Context(), w.first())
			claims("nonce", g.Nonce)(w)
		}},
		{name: "no ID token", want: renewal.Refreshed, then: func(w *world) {
			w.idp.Token = func(a map[string]any) { delete(a, "id_token") }
		}},
		{name: "no new refresh token", want: renewal.Refreshed, then: func(w *world) {
			w.idp.Token = func(a map[string]any) { delete(a, "refresh_token") }
		}},
		{name: "the auth_time of the sign-in", want: renewal.Refreshed, then: func(w *world) { claims("auth_time", w.now.Add(-time.Hour).Unix())(w) }},

		{"switched off", says("invalid_grant"), renewal.Ended, sso.ProviderRefused},
		{"access_denied", says("access_denied"), renewal.Ended, sso.ProviderRefused},
		{"login_required", says("login_required"), renewal.Ended, sso.ProviderRefused},
		{"refused with 401", answers(401, json, `{"error":"invalid_grant"}`), renewal.Ended, sso.ProviderRefused},
		{"refused as Dex does", answers(400, json, `{"error":"invalid_request","error_description":"Refresh token expired."}`), renewal.Ended, sso.ProviderRefused},
		{"another sub", claims("sub", "bob-1"), renewal.Ended, sso.TokenSubjectMismatch},
		{"another sub that has an account", func(w *world) {
			w.idp.Claims = map[string]any{"sub": "bob-1", "email": "bob@example.com", "email_verified": true}
			w.signIn()
		}, renewal.Ended, sso.TokenSubjectMismatch},
		{"no sub", claims("sub", nil), renewal.Ended, sso.TokenSubjectMissing},
		{"another iss", claims("iss", "https://evil.example"), renewal.Ended, sso.TokenIssuer},
		{"another aud", claims("aud", "another"), renewal.Ended, sso.TokenAudience},
		{"another azp", claims("azp", "another"), renewal.Ended, sso.TokenAudience},
		{"another nonce", claims("nonce", "x"), renewal.Ended, sso.FlowMismatch},
		{"another at_hash", claims("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), renewal.Ended, sso.TokenClaim},
		{"an address that is not verified", claims("email_verified", false), renewal.Ended, sso.EmailUnverified},
		{"userinfo of another", func(w *world) {
			w.idp.Userinfo = func(a map[string]any) { a["sub"] = "bob-1" }
		}, renewal.Ended, sso.TokenSubjectMismatch},
		{"not allowed any more", func(w *world) { w.provider.Policy.AllowedGroups = []string{"staff"} }, renewal.Ended, sso.PersonNotAllowed},
		{"deactivated", func(w *world) {
			p, _ := w.store.Principal(w.t.Context(), w.first())
			_ = w.store.SetActive(w.t.Context(), p.Account.ID, false, sso.Event{})
		}, renewal.Ended, sso.AccountDisabled},

		{"500", answers(500, json, `{"error":"invalid_grant"}`), renewal.Failed, sso.ProviderUnavailable},
		{"503", answers(503, "text/html", "<h1>Maintenance</h1>"), renewal.Failed, sso.ProviderUnavailable},
		{"429", answers(429, json, `{"error":"invalid_grant"}`), renewal.Failed, sso.ProviderUnavailable},
		{"a page of a proxy", answers(200, "text/html", "<h1>Sign in to the network</h1>"), renewal.Failed, sso.CodeExchangeFailed},
		{"a refusal of a firewall", answers(403, "text/html", "invalid_grant"), renewal.Failed, sso.CodeExchangeFailed},
		{"a request that it does not take", answers(400, json, `{"error":"invalid_request","error_description":"client_id is missing"}`), renewal.Failed, sso.CodeExchangeFailed},
		{"a redirect", answers(302, json, `{"error":"invalid_grant"}`), renewal.Failed, sso.CodeExchangeFailed},
		{"an empty object", answers(200, json, `{}`), renewal.Failed, sso.CodeExchangeFailed},
		{"an error with 200", answers(200, json, `{"error":"invalid_grant"}`), renewal.Failed, sso.CodeExchangeFailed},
		{"not JSON", answers(400, json, `{"error":"invalid_grant"`), renewal.Failed, sso.CodeExchangeFailed},
		{"64 KiB and more", answers(400, json, `{"error":"invalid_grant","x":"`+strings.Repeat("x", 64<<10)+`"}`), renewal.Failed, sso.CodeExchangeFailed},
		{"a wrong client secret", says("invalid_client"), renewal.Failed, sso.CodeExchangeFailed},
		{"a grant type that is off", says("unauthorized_client"), renewal.Failed, sso.CodeExchangeFailed},
		{"no answer", func(w *world) { w.idp.Close() }, renewal.Failed, sso.ProviderUnavailable},
		{"a signature of nobody", func(w *world) {
			w.idp.Signed = func(token string) string { return token[:len(token)-8] + "AAAAAAAA" }
		}, renewal.Failed, sso.TokenSignature},
		{"an expired ID token", func(w *world) { claims("exp", w.now.Add(-time.Hour).Unix())(w) }, renewal.Failed, sso.TokenExpired},
		{"userinfo is away", func(w *world) {
			w.idp.Before["/userinfo"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
		}, renewal.Failed, sso.ProviderUnavailable},
		{"another issuer by now", func(w *world) { w.provider.Issuer = "https://new.example" }, renewal.Failed, sso.ProviderUnavailable},
		{"the groups cannot be had", func(w *world) { w.provider.Groups = noGroups{} }, renewal.Failed, sso.GroupsUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			session := w.signIn()
			w.now = w.now.Add(every)
			if tt.then != nil {
				tt.then(w)
			}
			got, err := w.refresh(session)
			if got != tt.want || sso.CodeOf(err) != tt.code {
				t.Fatalf("got %q, %v; want %q, %q", got, err, tt.want, tt.code)
			}
			if w.alive(session) != (tt.want != renewal.Ended) {
				t.Errorf("the session lives: %v", w.alive(session))
			}
			if tt.want == renewal.Failed {
				w.failsUntilTheGraceIsOver(session, tt.code)
			}
			if ended := w.ended(); tt.want == renewal.Refreshed && len(ended) > 0 || tt.want != renewal.Refreshed &&
				(len(ended) != 1 || ended[0].Code != tt.code || ended[0].Email != "ada@example.com" || ended[0].Provider != "acme" || ended[0].Detail == "") {
				t.Errorf("got the events %+v", ended)
			}
			w.holdsTokens()
		})
	}
}

type noGroups struct{}

func (noGroups) FindGroups(context.Context, sso.Identity) (sso.GroupAnswer, error) {
	return sso.GroupAnswer{}, fmt.Errorf("the directory is away: %w", sso.GroupsUnavailable)
}

// first is the session of the first sign-in.
func (w *world) first() sso.SessionHash { return w.store.SessionsOf(1)[0] }

func (w *world) ended() []sso.Event {
	events, _, err := w.store.Events(w.t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventNotRefreshed}})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// failsUntilTheGraceIsOver tries on until the session ends, which must be as soon as the grace is over, and not after a flood.
func (w *world) failsUntilTheGraceIsOver(session sso.SessionHash, code sso.Code) {
	w.t.Helper()
	first, tries := w.now, 1
	for w.alive(session) {
		if w.now = w.now.Add(time.Second); w.now.Sub(first) > grace+time.Minute {
			w.t.Fatal("the session goes on after the grace")
		}
		switch got, err := w.refresh(session); {
		case got == renewal.NotDue:
		case sso.CodeOf(err) != code:
			w.t.Fatalf("got %q, %v", got, err)
		default:
			tries++
		}
	}
	if took := w.now.Sub(first); took < grace || tries < 10 || tries > 40 {
		w.t.Errorf("the session ended after %v and %d tries", took, tries)
	}
}

// holdsTokens holds that no refresh token is in the log or in an event.
func (w *world) holdsTokens() {
	w.t.Helper()
	events, _, err := w.store.Events(w.t.Context(), sso.EventQuery{})
	text := w.log.String() + fmt.Sprint(events)
	tokens := w.idp.RefreshTokens()
	if err != nil || len(tokens) == 0 {
		w.t.Fatalf("got %d tokens, %v", len(tokens), err)
	}
	for _, token := range tokens {
		if strings.Contains(text, token) {
			w.t.Errorf("a refresh token is in the log or in an event: %s", text)
		}
	}
}

// A provider that repeats what it was sent does not put it into our log.
func TestRepeatedTokenIsNotLogged(t *testing.T) {
	w := newWorld(t)
	session := w.signIn()
	w.now = w.now.Add(every)
	w.idp.Before["/token"] = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(rw, `{"error":"invalid_grant","error_description":"the token %s is not known"}`, r.FormValue("refresh_token"))
	}
	if got, _ := w.refresh(session); got != renewal.Ended || !strings.Contains(w.ended()[0].Detail, "is not known") {
		t.Errorf("got %q and %+v", got, w.ended())
	}
	w.holdsTokens()
}

// Groups and addresses follow; who is only refreshed, is no one else.
func TestGroupsFollow(t *testing.T) {
	w := newWorld(t)
	session := w.signIn()
	before, _ := w.store.Principal(t.Context(), session)
	w.idp.Claims["groups"], w.idp.Claims["email"] = []any{"sales"}, "ada@new.example"
	w.now = w.now.Add(every)
	if got, err := w.refresh(session); got != renewal.Refreshed {
		t.Fatal(got, err)
	}
	after, err := w.store.Principal(t.Context(), session)
	if err != nil || after.Account.ID != before.Account.ID || after.Account.Email != "ada@new.example" ||
		!slices.ContainsFunc(after.Groups, func(g sso.Group) bool { return g.Name == "sales" }) || len(after.Groups) != 2 {
		t.Errorf("got %+v, %v", after, err)
	}
	if got, err := w.refresh(session); got != renewal.NotDue || err != nil {
		t.Errorf("at once again: got %q, %v", got, err)
	}
	w.provider.Refresher = nil
	if w.now = w.now.Add(every); !renewal.Due(w.provider, after.Session).IsZero() {
		t.Error("it is due though refreshes are off")
	}
	if g, _ := w.store.Granted(t.Context(), w.signIn()); g.RefreshToken != "" || g.IDToken == "" {
		t.Errorf("with refreshes off a refresh token is kept: %+v", g)
	}
}

// crashing is a store that crashes when it is to renew a session, or to end a claim.
type crashing struct{ renewal.Store }

func (crashing) Renew(context.Context, *sso.Exam, sso.Attempt, renewal.Claim) (*sso.SignedIn, error) {
	panic("crash")
}

// The new refresh token is kept before anything else can fail: after a crash it is there, and the old one is worth nothing.
func TestRotationSurvivesCrash(t *testing.T) {
	w := newWorld(t)
	session := w.signIn()
	w.now = w.now.Add(every)
	func() {
		defer func() { _ = recover() }()
		_, _ = renewal.Run(t.Context(), w.Bridge, crashing{w.store}, w.provider, session)
		t.Error("no crash")
	}()
	if got, _ := w.refresh(session); got != renewal.NotDue {
		t.Errorf("while it is claimed: got %q", got)
	}
	w.now = w.now.Add(renewal.Lease)
	if got, err := w.refresh(session); got != renewal.Refreshed {
		t.Errorf("after the crash: got %q, %v", got, err)
	}
	if asked, _ := w.idp.Refreshes(); asked != 2 {
		t.Errorf("the provider was asked %d times", asked)
	}
}

// Whoever signs out while the session is refreshed stays signed out.
func TestSignedOutMeanwhile(t *testing.T) {
	for name, code := range map[string]string{"confirmed": "", "refused": "invalid_grant", "no answer": "temporarily_unavailable"} {
		w := newWorld(t)
		session := w.signIn()
		w.now = w.now.Add(every)
		w.idp.Refreshing = func(url.Values) { _, _ = w.store.EndSession(t.Context(), session, sso.Event{}) }
		says(code)(w)
		if got, err := w.refresh(session); got != renewal.Gone || err != nil || w.alive(session) || len(w.ended()) > 0 {
			t.Errorf("%s: got %q, %v, lives %v, events %v", name, got, err, w.alive(session), w.ended())
		}
	}
}

// Sessions of one moment come due within the last tenth of the time, evenly.
func TestDueIsSpread(t *testing.T) {
	p := &sso.Provider{Refresher: &oidc.Client{}, RefreshEvery: every}
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var in [10]int
	for range 10_000 {
		hash, _ := sso.HashSessionID(sso.NewSessionID())
		early := at.Add(every).Sub(renewal.Due(p, sso.Session{Hash: hash, RefreshedAt: at}))
		if early < 0 || early >= every/10 {
			t.Fatalf("due %v before the time", early)
		}
		in[early*10/(every/10)]++
	}
	for i, n := range in {
		if n < 800 || n > 1200 { // 1000 ± 6.7 standard deviations
			t.Errorf("part %d of 10 has %d of 10,000", i, n)
		}
	}
}
