package sso_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/explain"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	cb := sso.Callback{
		Token: w.token(secretA, map[string]any{"first_name": "Ada"}), ReturnTo: "https://app.example/report?a=1", Reference: "REF", Peer: "192.0.2.1",
		UserAgent: "x\x00" + strings.Repeat("y", 400),
	}
	login := w.signIn(cb)
	p := w.principal(login)
	if p.Account.Email != "ada@example.com" || p.Account.FirstName != "Ada" || login.ReturnTo != cb.ReturnTo || login.Resumed {
		t.Errorf("got %+v of %+v", login, p.Account)
	}
	if s := p.Session; s.Provider != "jwt" || s.ExpiresAt != morning.Add(time.Hour) || s.Peer != cb.Peer || len(s.UserAgent) > 300 || strings.Contains(s.UserAgent, "\x00") {
		t.Errorf("session: got %+v", s)
	}
	want := sso.Event{ID: 1, At: morning, Kind: sso.EventSignIn, Reference: "REF", Provider: "jwt", AccountID: p.Account.ID, Email: "ada@example.com",
		Peer: "192.0.2.1", Detail: "account provisioned", KeyID: sso.SecretID(secretA), Proof: p.Session.Proof}
	if diff := cmp.Diff([]sso.Event{want}, w.events(sso.EventSignIn)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if login.Claims["jti"] != "t-1" || login.SignedIn.Admitted != sso.AdmittedNew {
		t.Errorf("got claims %v, admission %v", login.Claims, login.SignedIn.Admitted)
	}
	w.Providers[0].Digest = nil
	w.signIn(sso.Callback{Token: w.token(secretA, nil)})
}

// What comes is a token or a code of a provider that is on; everything else has its own refusal.
func TestSignInRefuses(t *testing.T) {
	code := func(p *sso.Provider) { p.Redeemer = &redeemer{} }
	for _, tt := range []struct {
		name   string
		change func(*sso.Provider)
		cb     sso.Callback
		want   sso.Code
	}{
		{"a return path of another site", nil, sso.Callback{Token: "good", ReturnTo: "https://evil.example/"}, sso.ReturnToRefused},
		{"another provider", nil, sso.Callback{Token: "good", Provider: "x"}, sso.RequestMalformed},
		{"a provider without logins", func(p *sso.Provider) { p.Login = nil }, sso.Callback{Token: "good"}, sso.Disabled},
		{"an error", nil, sso.Callback{IDPError: "access_denied"}, sso.ProviderRefused},
		{"nothing", nil, sso.Callback{}, sso.TokenMalformed},
		{"an empty parameter", nil, sso.Callback{Empty: true}, sso.TokenMalformed},
		{"a token and a code", code, sso.Callback{Token: "good", Code: "c"}, sso.RequestMalformed},
		{"a code for nobody", nil, sso.Callback{Code: "c"}, sso.CodeExchangeFailed},
		{"a token instead of a code", code, sso.Callback{Token: "good"}, sso.FlowMismatch}, // SECURITY C6
		{"a code without a flow", func(p *sso.Provider) { code(p); p.Binding = sso.BindingPKCE }, sso.Callback{Code: "c"}, sso.FlowMissing},
		{"a code without a binding", code, sso.Callback{Code: "c"}, sso.Internal},
		{"a token that is none", nil, sso.Callback{Token: "x"}, sso.TokenMalformed},
	} {
		w := newWorld(t)
		if tt.change != nil {
			tt.change(w.Providers[0])
		}
		if tt.cb.Token == "good" {
			tt.cb.Token = w.token(secretA, nil)
		}
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.refused(tt.cb, tt.want)
			if n := w.store.Rows(t)["sessions"]; n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
	w := newWorld(t)
	w.Providers = nil
	w.refused(sso.Callback{Token: "x"}, sso.Disabled)
	if _, _, err := w.Begin(t.Context(), sso.Callback{}); sso.CodeOf(err) != sso.Disabled {
		t.Errorf("Begin without a provider: %v", err)
	}
}

// Whom a refused token names is in its event, and whether that is proven.
func TestRefusalNamesWhom(t *testing.T) {
	w := newWorld(t)
	if e := w.refused(sso.Callback{Token: w.token("a secret that nobody knows, 32 bytes", nil)}, sso.TokenSignature); e.Email != "ada@example.com" || !strings.HasSuffix(e.Detail, sso.Unproven) {
		t.Errorf("forged: got %+v", e)
	}
	expired := map[string]any{"exp": w.now.Add(-time.Hour).Unix(), "iat": nil}
	if e := w.refused(sso.Callback{Token: w.token(secretA, expired)}, sso.TokenExpired); e.Email != "ada@example.com" || strings.Contains(e.Detail, sso.Unproven) || e.Proof == "" {
		t.Errorf("expired: got %+v", e)
	}
	w.store.Down = sso.StoreUnavailable
	if _, err := w.SignIn(t.Context(), sso.Callback{Token: "x", Reference: "LOST"}); sso.CodeOf(err) != sso.TokenMalformed || !strings.Contains(w.log.String(), "LOST") {
		t.Errorf("got %v, and the log %q: without a store the log has the event", err, w.log.String())
	}
	if _, err := w.SignIn(t.Context(), sso.Callback{Token: w.token(secretA, nil), Reference: "ONCE"}); sso.CodeOf(err) != sso.StoreUnavailable || strings.Contains(w.log.String(), "ONCE") {
		t.Errorf("got %v, and the log %q: what refused the sign-in is why it has no event, and whoever asked logs it", err, w.log.String())
	}
}

// SECURITY C1: a token opens one session; the browser that it opened it for goes on with it.
func TestTokenAgain(t *testing.T) {
	w := newWorld(t)
	cb := sso.Callback{Token: w.token(secretA, nil), ReturnTo: "/a"}
	mine := w.principal(w.signIn(cb))
	if e := w.refused(cb, sso.TokenReplayed); e.AccountID != 0 {
		t.Errorf("got %+v", e)
	}
	page := cb
	page.Navigation = true
	if e := w.refused(page, sso.TokenReplayed); !strings.Contains(e.Detail, "begins once more") {
		t.Errorf("got %q", e.Detail)
	}
	w.now = w.now.Add(30 * time.Minute) // long expired
	cb.Current = mine
	if again := w.signIn(cb); !again.Resumed || again.Session.Hash != mine.Session.Hash || again.ReturnTo != "/a" {
		t.Errorf("a reload: got %+v", again)
	}
	if n := w.store.Rows(t)["sessions"]; n != 1 {
		t.Errorf("got %d sessions, want one", n)
	}
}

// A browser that is signed in as the person whom a useless token names goes on to its page, and nothing is opened.
func TestGoesOn(t *testing.T) {
	w := newWorld(t)
	spent := sso.Callback{Token: w.token(secretA, nil), ReturnTo: "/page"}
	w.signIn(spent)
	ada := w.principal(w.signIn(sso.Callback{Token: w.token(secretA, nil)}))
	bob := w.principal(w.signIn(sso.Callback{Token: w.token(secretA, map[string]any{"email": "bob@example.com"})}))
	spent.Current, spent.Navigation = ada, true
	if login := w.signIn(spent); !login.Resumed || login.ReturnTo != "/page" || login.Session.Hash != ada.Session.Hash {
		t.Errorf("got %+v", login)
	}
	if e := w.events(sso.EventSignInRefused)[0]; !strings.Contains(e.Detail, "goes on to its page") {
		t.Errorf("got %q", e.Detail)
	}
	for name, change := range map[string]func(*sso.Callback){
		"another person": func(cb *sso.Callback) { cb.Current = bob },
		"no page":        func(cb *sso.Callback) { cb.Navigation = false },
		"nobody":         func(cb *sso.Callback) { cb.Current = nil },
	} {
		cb := spent
		change(&cb)
		if login, err := w.SignIn(t.Context(), cb); sso.CodeOf(err) != sso.TokenReplayed {
			t.Errorf("%s: got %+v, %v", name, login, err)
		}
	}
	forged := sso.Callback{Token: "x", Current: ada, Navigation: true}
	w.refused(forged, sso.TokenMalformed)
}

// SECURITY C5, C8: a link that anybody can have sent does not make this browser another person's, unless they agree.
func TestSwitch(t *testing.T) {
	w := newWorld(t)
	ada := w.principal(w.signIn(sso.Callback{Token: w.token(secretA, nil)}))
	for name, cb := range map[string]sso.Callback{"current": {Current: ada}, "beside": {Besides: []*sso.Principal{ada}}} {
		cb.Token = w.token(secretA, map[string]any{"email": "bob@example.com"})
		before := w.store.Rows(t)
		_, err := w.SignIn(t.Context(), cb)
		if ask, ok := errors.AsType[*sso.SwitchNeeded](err); !ok || ask.From != ada.Account.ID || ask.To.Email != "bob@example.com" {
			t.Errorf("%s: got %v, want to be asked", name, err)
		}
		if diff := cmp.Diff(before, w.store.Rows(t)); diff != "" {
			t.Errorf("%s: asking wrote (-before +after):\n%s", name, diff)
		}
		cb.Switch = true
		w.signIn(cb)
	}
	b := newWorld(t, bound(sso.BindingState)) // begun in this very browser: no question
	first := b.begin(sso.Callback{})
	first.Token = b.token(secretA, nil)
	second := b.begin(sso.Callback{})
	second.Current, second.Token = b.principal(b.signIn(first)), b.token(secretA, map[string]any{"email": "bob@example.com"})
	b.signIn(second)
}

// SECURITY D8
func TestSettingsChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	cb := sso.Callback{Token: w.token(secretA, nil)}
	w.store.ChangeSettings()
	_, err := w.SignIn(t.Context(), cb)
	if _, anew := errors.AsType[sso.SettingsChanged](err); !anew || len(w.events(sso.EventSignInRefused)) != 0 {
		t.Errorf("got %v, want to judge anew, and no event", err)
	}
	w.Settings = 1
	w.signIn(cb)
}

func TestWarningsAreLogged(t *testing.T) {
	w := newWorld(t, func(p *sso.Provider) { p.Policy.Mappings = sso.Mappings{"x": {{Name: "Gone"}}} })
	w.signIn(sso.Callback{Token: w.token(secretA, map[string]any{"groups": []string{"x"}}), Reference: "WARNED"})
	if log := w.log.String(); !strings.Contains(log, "WARNED") || !strings.Contains(log, "Gone") {
		t.Errorf("got log %q", log)
	}
}

// SECURITY C4, C6: what a bound login must bring.
func TestBinding(t *testing.T) {
	for _, tt := range []struct {
		name    string
		binding sso.Binding
		change  func(*sso.Callback)
		claims  func(f *sso.Flow) map[string]any
		want    sso.Code
	}{
		{name: "as it began", binding: sso.BindingState},
		{name: "nonce returned", binding: sso.BindingState, claims: func(f *sso.Flow) map[string]any { return map[string]any{"nonce": f.Nonce} }},
		{name: "another nonce", binding: sso.BindingState, claims: func(*sso.Flow) map[string]any { return map[string]any{"nonce": "x"} }, want: sso.FlowMismatch},
		{name: "no state", binding: sso.BindingState, change: func(cb *sso.Callback) { cb.State, cb.Flow = "", nil }, want: sso.FlowMissing},
		{name: "no cookie", binding: sso.BindingState, change: func(cb *sso.Callback) { cb.Flow = nil }, want: sso.FlowMissing},
		{name: "why there is no flow", binding: sso.BindingState, change: func(cb *sso.Callback) { cb.Flow, cb.NoFlow = nil, sso.FlowMismatch }, want: sso.FlowMismatch},
		{name: "another state", binding: sso.BindingState, change: func(cb *sso.Callback) { cb.State += "x" }, want: sso.FlowMismatch},
		{name: "another provider", binding: sso.BindingState, change: func(cb *sso.Callback) { f := *cb.Flow; f.Provider = "gone"; cb.Flow = &f }, want: sso.FlowMismatch},
		{name: "too late", binding: sso.BindingState, change: func(cb *sso.Callback) { f := *cb.Flow; f.Expires = morning; cb.Flow = &f }, want: sso.FlowMissing},
		{name: "challenge returned", binding: sso.BindingPKCE, claims: func(f *sso.Flow) map[string]any { return map[string]any{"code_challenge": f.Challenge()} }},
		{name: "no challenge", binding: sso.BindingPKCE, want: sso.FlowMismatch},
		{name: "no verifier", binding: sso.BindingPKCE, change: func(cb *sso.Callback) { f := *cb.Flow; f.Verifier = ""; cb.Flow = &f }, want: sso.FlowMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, bound(tt.binding))
			cb := w.begin(sso.Callback{ReturnTo: "/wanted"})
			claims := map[string]any{}
			if tt.claims != nil {
				claims = tt.claims(cb.Flow)
			}
			cb.Token, cb.ReturnTo = w.token(secretA, claims), "/elsewhere"
			if tt.change != nil {
				tt.change(&cb)
			}
			if tt.want != "" {
				w.refused(cb, tt.want)
				return
			}
			if login := w.signIn(cb); login.ReturnTo != "/wanted" || login.Session.Flow != sso.FlowKey(cb.State) {
				t.Errorf("got %+v", login)
			}
			again := w.token(secretA, claims) // one flow, two tokens
			cb.Token = again
			w.refused(cb, sso.FlowMismatch)
		})
	}
}

// The page that was loaded again has no flow any more, and needs none: by its state, or by its token.
func TestBoundPageAgain(t *testing.T) {
	w := newWorld(t, bound(sso.BindingState))
	cb := w.begin(sso.Callback{ReturnTo: "/wanted"})
	cb.Token = w.token(secretA, nil)
	login := w.signIn(cb)
	cb.Current = w.principal(login)
	if again := w.signIn(cb); !again.Resumed || again.ReturnTo != "/wanted" {
		t.Errorf("with its flow: got %+v", again)
	}
	cb.Flow = nil
	if again := w.signIn(cb); !again.Resumed || again.Session.Hash != login.Session.Hash {
		t.Errorf("without: got %+v", again)
	}
	late := w.begin(sso.Callback{ReturnTo: "/late"})
	w.now = w.now.Add(sso.FlowLifetime)
	late.Token, late.Current, late.Navigation = w.token(secretA, nil), cb.Current, true
	if on := w.signIn(late); !on.Resumed || on.ReturnTo != "/late" {
		t.Errorf("a flow that took too long: got %+v", on)
	}
}

func TestCode(t *testing.T) {
	w := newWorld(t, bound(sso.BindingPKCE))
	r := &redeemer{}
	w.Providers[0].Redeemer = r
	cb := w.begin(sso.Callback{})
	cb.Code, r.token = "c", w.token(secretA, nil)
	if login := w.signIn(cb); login.SignedIn.Account.Email != "ada@example.com" || r.asked != 1 {
		t.Errorf("got %+v, asked %d times", login, r.asked)
	}
	bad := w.begin(sso.Callback{})
	bad.Code, bad.State = "c", "another"
	w.refused(bad, sso.FlowMismatch)
	if r.asked != 1 {
		t.Error("a code was sent away for a flow that is not this browser's")
	}
	r.err = sso.ProviderUnavailable
	down := w.begin(sso.Callback{})
	down.Code = "c"
	w.refused(down, sso.ProviderUnavailable)
}

func TestBegin(t *testing.T) {
	w := newWorld(t)
	if at, _, err := w.Begin(t.Context(), sso.Callback{ReturnTo: "/a b?x=1&y=2"}); err == nil {
		t.Errorf("a return path with a space: got %s", at)
	}
	at, flow, err := w.Begin(t.Context(), sso.Callback{ReturnTo: "/a?x=1&y=2"})
	if err != nil || flow != nil || at != "https://jwt.example/login?return_to=%2Fa%3Fx%3D1%26y%3D2" {
		t.Errorf("got %s, %v, %v", at, flow, err)
	}
	if at, _, _ = w.Begin(t.Context(), sso.Callback{}); at != "https://jwt.example/login" {
		t.Errorf("got %s", at)
	}
	if _, _, err := w.Begin(t.Context(), sso.Callback{Provider: "x"}); sso.CodeOf(err) != sso.RequestMalformed {
		t.Errorf("another provider: got %v", err)
	}
	w.Providers[0].Binding = sso.BindingPKCE
	at, flow, err = w.Begin(t.Context(), sso.Callback{})
	if err != nil || flow.ReturnTo != "/" || flow.Expires != morning.Add(sso.FlowLifetime) || !strings.Contains(at, "code_challenge="+flow.Challenge()) ||
		!strings.Contains(at, "state="+flow.State) || strings.Contains(at, flow.Verifier) {
		t.Errorf("got %s, %+v, %v", at, flow, err)
	}
	if again, err := w.LoginURL(t.Context(), flow); again != at || err != nil {
		t.Errorf("LoginURL: got %s, %v, want %s", again, err, at)
	}
	w.Providers[0].Beginner = nil
	if _, err := w.LoginURL(t.Context(), flow); sso.CodeOf(err) != sso.RequestMalformed {
		t.Errorf("nothing begins: got %v", err)
	}
}

// An explanation runs to its end, whatever fails, and leaves nothing behind.
func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*sso.Provider)
		cb     sso.Callback
		want   sso.Code
		checks string // some of them, with + or -
	}{
		{"good", nil, sso.Callback{Token: "good", Pasted: sso.PastedToken}, "", "+return_to +provider +signature +flow +single_use +account +groups"},
		{"wrong twice", nil, sso.Callback{Token: "expired", ReturnTo: "//x", Pasted: sso.PastedAddress}, sso.ReturnToRefused, "-return_to +provider +signature -expiry +flow +account"},
		{"another provider", nil, sso.Callback{Token: "good", Provider: "x", Pasted: sso.PastedAddress}, sso.RequestMalformed, "+return_to -provider +signature"},
		{"elsewhere", nil, sso.Callback{Token: "good", Elsewhere: "/x", Pasted: sso.PastedAddress}, sso.SignInCircle, "-provider +account"},
		{"no answer", nil, sso.Callback{Pasted: sso.PastedAddress}, sso.SignInCircle, "-provider +flow"},
		{"bound, a token alone", bound(sso.BindingState), sso.Callback{Token: "good", Pasted: sso.PastedToken}, "", "+flow +account"},
		{"bound, an address without state", bound(sso.BindingState), sso.Callback{Token: "good", Pasted: sso.PastedAddress}, sso.FlowMissing, "-flow +account"},
		{"bound, an address with state", bound(sso.BindingState), sso.Callback{Token: "good", State: "s", Pasted: sso.PastedAddress}, "", "+flow +account"},
		{"no challenge", bound(sso.BindingPKCE), sso.Callback{Token: "good", Pasted: sso.PastedToken}, sso.FlowMismatch, "-flow +account"},
		{"a token where a code is due", func(p *sso.Provider) { p.Redeemer = &redeemer{} }, sso.Callback{Token: "good", Pasted: sso.PastedAddress}, sso.FlowMismatch, "-provider +account"},
		{"a token of a code", func(p *sso.Provider) { p.Redeemer, p.Binding = &redeemer{}, sso.BindingPKCE }, sso.Callback{Token: "good", Pasted: sso.PastedToken}, "", "+provider +flow +account"},
		{"provisioning off", func(p *sso.Provider) { p.Policy.Provision = false }, sso.Callback{Token: "good", Pasted: sso.PastedToken}, sso.ProvisioningOff, "+single_use -account +groups"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.change != nil {
				tt.change(w.Providers[0])
			}
			switch tt.cb.Token {
			case "good":
				tt.cb.Token = w.token(secretA, nil)
			case "expired":
				tt.cb.Token = w.token(secretA, map[string]any{"exp": morning.Add(-time.Hour).Unix()})
			}
			before := w.store.Rows(t)
			e := w.Explain(t.Context(), tt.cb)
			if e.Code != tt.want || e.Accepted != (tt.want == "") {
				t.Errorf("got %v %q, want %q; checks %+v", e.Accepted, e.Code, tt.want, e.Checks)
			}
			said := ""
			for _, c := range e.Checks {
				said += map[bool]string{true: "+", false: "-"}[c.OK] + c.Name + " "
				if c.Detail == "" {
					t.Errorf("%s says nothing", c.Name)
				}
			}
			for want := range strings.FieldsSeq(tt.checks) {
				if !strings.Contains(said, want+" ") {
					t.Errorf("got checks %s, want %s", said, want)
				}
			}
			if diff := cmp.Diff(before, w.store.Rows(t)); diff != "" {
				t.Errorf("the explanation wrote (-before +after):\n%s", diff)
			}
		})
	}
}

// A trial is no pasted text: its code is exchanged, its flow is known, and who makes it stays signed in.
func TestExplainTrial(t *testing.T) {
	w := newWorld(t, bound(sso.BindingPKCE))
	r := &redeemer{token: w.token(secretA, map[string]any{"email": "bob@example.com"})}
	w.Providers[0].Redeemer = r
	cb := w.begin(sso.Callback{})
	cb.Code, cb.Current = "c", &sso.Principal{Session: sso.Session{Flow: sso.FlowKey(cb.State)}}
	if e := w.Explain(t.Context(), cb); !e.Accepted || e.SignedIn.Account.Email != "bob@example.com" || r.asked != 1 {
		t.Errorf("got %+v, asked %d times", e, r.asked)
	}
	r.err = sso.CodeExchangeFailed
	if e := w.Explain(t.Context(), cb); e.Code != sso.CodeExchangeFailed || e.SignedIn != nil {
		t.Errorf("got %+v", e)
	}
}

func TestExplainPasted(t *testing.T) {
	w := newWorld(t)
	if e, err := explain.Pasted(t.Context(), w.Bridge, "/auth/sso?jwt="+w.token(secretA, nil), "192.0.2.1"); err != nil || !e.Accepted {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err := explain.Pasted(t.Context(), w.Bridge, "/auth/sso?jwt=a&jwt=b", ""); err != nil || e.Code != sso.RequestMalformed || len(e.Checks) != 1 {
		t.Errorf("two tokens: got %+v, %v", e, err)
	}
	if e, err := explain.Pasted(t.Context(), w.Bridge, "/auth/sso?code=c", ""); err != nil || e.Code != sso.CodeExchangeFailed {
		t.Errorf("a code for nobody: got %+v, %v", e, err)
	}
	if _, err := explain.Pasted(t.Context(), w.Bridge, "/auth/sso?handoff=x", ""); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("a step of ours: got %v", err)
	}
	w.Providers[0].Redeemer = &redeemer{}
	if _, err := explain.Pasted(t.Context(), w.Bridge, "/auth/sso?code=c&state=s", ""); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("a code: got %v", err)
	}
	w.store.Down = sso.StoreUnavailable
	if e, err := explain.Pasted(t.Context(), w.Bridge, w.token(secretA, nil), ""); err != nil || e.Code != sso.StoreUnavailable {
		t.Errorf("without a store: got %+v, %v", e, err)
	}
}
