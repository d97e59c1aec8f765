package gate

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// fakeBearer knows the tokens whose payload says who it is, and counts how often it is asked.
type fakeBearer struct {
	asked      atomic.Int64
	generation atomic.Uint64
	lasts      time.Duration
	account    int64
	slow       chan struct{} // Authenticate judges, and answers when this is closed; nil: at once
}

func (f *fakeBearer) Generation() uint64 { return f.generation.Load() }

func (f *fakeBearer) Authenticate(_ context.Context, token string, x *sso.Exam) *sso.Principal {
	f.asked.Add(1)
	if f.slow != nil {
		<-f.slow
	}
	if !x.Check("signature", func(*sso.Exam) error {
		if strings.HasSuffix(token, ".bad") {
			return sso.TokenSignature
		}
		return nil
	}) {
		return nil
	}
	return &sso.Principal{How: sso.ByToken, Account: sso.Account{ID: f.account, Email: "etl@example.com", Synced: map[string]string{"team": "data", "room": "4"}},
		Groups: []sso.Group{{ID: 1, Name: "All Users"}, {ID: 7, Name: "Research"}}, Provider: "api", Subject: "etl", Until: x.Now.Add(f.lasts)}
}

func issuedBy(issuer, rest string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iss":%q,"x":%q}`, issuer, rest)) + ".good"
}

func presenting(t *testing.T, b *bearers, header string) *presented {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", header)
	found, err := b.tokenOf(r)
	if err != nil || found == nil {
		t.Fatalf("got %v, %v, want a token", found, err)
	}
	return found
}

// A token that was good is remembered until it ends, its keys change, its account changes, or settings do; one that was not
// good never is (SECURITY D4, J2).
func TestTokensAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFakeSessions(0)
		p := newTestPrincipals(f, 0)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go p.follow(ctx)
		synctest.Wait()
		api := &fakeBearer{lasts: time.Minute, account: 5}
		providers := sso.Providers{{Name: "api", Issuer: "a", Bearer: api}}
		b := newBearers(providers, "Authorization", "")
		token := presenting(t, b, "bearer  "+issuedBy("a", "1"))
		asked := int64(0)
		check := func(name string, t1 *presented, more int64, want sso.Code) {
			t.Helper()
			if _, _, err := p.findToken(t.Context(), t1); sso.CodeOf(err) != want {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
			if asked += more; api.asked.Load() != asked {
				t.Errorf("%s: the provider was asked %d times so far, want %d", name, api.asked.Load(), asked)
				asked = api.asked.Load()
			}
		}
		check("first sight", token, 1, "")
		check("second", token, 0, "")
		api.generation.Add(1)
		check("a key was removed", token, 1, "")
		f.set(func() { f.changes = append(f.changes, sso.Change{Seq: int64(len(f.changes) + 1), AccountID: 5}) })
		time.Sleep(time.Second)
		check("its account changed", token, 1, "")
		check("again", token, 0, "")
		f.set(func() { f.changes = append(f.changes, sso.Change{Seq: int64(len(f.changes) + 1), AccountID: 6}) })
		time.Sleep(time.Second)
		check("another account changed", token, 0, "")
		time.Sleep(time.Minute)
		check("after its end", token, 1, "")
		check("with other settings", presenting(t, newBearers(providers, "Authorization", ""), "Bearer "+token.token), 1, "")
		bad := presenting(t, b, "Bearer "+strings.TrimSuffix(token.token, "good")+"bad")
		check("a bad one", bad, 1, sso.TokenSignature)
		check("a bad one again", bad, 1, sso.TokenSignature)
		check("of nobody", presenting(t, b, "Bearer "+issuedBy("b", "1")), 0, sso.TokenIssuer)
		f.set(func() { f.feedDown = sso.StoreUnavailable })
		time.Sleep(time.Second)
		check("while changes are not known", token, 1, "")
	})
}

// What was found out while new settings came into force is not kept, though the change was seen before: it may be by what was
// remembered from before (SECURITY D4, E5).
func TestTokensJudgedDuringAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFakeSessions(0)
		p := newTestPrincipals(f, 0)
		api := &fakeBearer{lasts: time.Minute, slow: make(chan struct{})}
		b := newBearers(sso.Providers{{Name: "api", Issuer: "a", Bearer: api}}, "Authorization", "")
		find := func(rest string) {
			if _, _, err := p.findToken(t.Context(), presenting(t, b, "Bearer "+issuedBy("a", rest))); err != nil {
				t.Error(err)
			}
		}
		during := func(what func()) {
			p.reload = func(context.Context) error { what(); return nil }
			f.set(func() { f.changes = append(f.changes, sso.Change{Seq: int64(len(f.changes) + 1)}) })
			if err := p.catchUp(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := p.catchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		during(func() { go find("1"); synctest.Wait() }) // it is judged from now on until after the reload
		close(api.slow)
		synctest.Wait()
		find("1")
		during(func() { find("2") })
		find("2")
		if n := api.asked.Load(); n != 4 {
			t.Errorf("the provider was asked %d times, want 4", n)
		}
		find("1")
		find("2")
		if n := api.asked.Load(); n != 5 { // the second reload forgot the first token
			t.Errorf("later the provider was asked %d times, want 5", n)
		}
	})
}

// Who is no account has in assertions a name that no account has.
func TestSubjectOfAToken(t *testing.T) {
	b := newBearers(sso.Providers{{Name: "api", Bearer: &fakeBearer{}}}, "Authorization", "")
	token := presenting(t, b, "Bearer "+issuedBy("a", "0"))
	for want, p := range map[string]*sso.Principal{
		"api:etl":     {How: sso.ByToken, Subject: "etl"},
		"7":           {How: sso.ByToken, Subject: "etl", Account: sso.Account{ID: 7}},
		"api:nightly": {How: sso.ByService, Account: sso.Account{Email: "nightly"}},
	} {
		if got := newTokenEntry(token, token.of[0], 0, p).subject(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Junk pushes nothing out, and 10,000 tokens that are good hold 16 MB at most.
func TestTokensAreBounded(t *testing.T) {
	f, hashes := newFakeSessions(1)
	p := newTestPrincipals(f, 0)
	if err := p.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.current.Store(1 << 62) // however long it takes
	api := &fakeBearer{lasts: time.Hour}
	b := newBearers(sso.Providers{{Name: "api", Bearer: api}}, "Authorization", "")
	wantFind(t, p, hashes[0], "")
	first := presenting(t, b, "Bearer "+issuedBy("a", "0"))
	if _, _, err := p.findToken(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		if _, _, err := p.findToken(t.Context(), presenting(t, b, fmt.Sprintf("Bearer x.%d.bad", i))); err == nil {
			t.Fatal("junk was let in")
		}
	}
	if _, remembered, err := p.findToken(t.Context(), first); err != nil || !remembered {
		t.Errorf("after junk: remembered %v, %v", remembered, err)
	}
	const many = 10_000
	before := heap()
	for i := range many {
		if _, _, err := p.findToken(t.Context(), presenting(t, b, "Bearer "+issuedBy("a", fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	n := len(p.tokens.entries)
	if held := heap() - before; held > maxTokens || n < many*9/10 {
		t.Errorf("%d of %d tokens hold %d bytes, want at most %d", n, many, held, maxTokens)
	}
	wantFind(t, p, hashes[0], "")
	if q := f.questions.Load(); q != 1 {
		t.Errorf("the session was asked for %d times, want once", q)
	}
	runtime.KeepAlive(p)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// One request, one token: what two readers could take for different ones is refused (SECURITY B4).
func TestTokenOf(t *testing.T) {
	providers := sso.Providers{
		{Name: "open", Bearer: &fakeBearer{}, Header: "X-Jwt"},
		{Name: "a", Issuer: "a", Bearer: &fakeBearer{}},
		{Name: "b", Issuer: "b", Bearer: &fakeBearer{}, Parameter: "auth_token"},
		{Name: "login", Issuer: "l"},
	}
	b := newBearers(providers, "Authorization", "jwt")
	a, other, foreign, session := issuedBy("a", "1"), issuedBy("b", "1"), issuedBy("l", "1"), sso.NewSessionID()
	for _, tt := range []struct {
		name   string
		header http.Header
		query  string
		want   string // "": none
		refuse bool
	}{
		{"none", http.Header{}, "", "", false},
		{"Bearer", http.Header{"Authorization": {"Bearer " + a}}, "", a, false},
		{"any case, several spaces", http.Header{"Authorization": {"bEARER   " + a}}, "", a, false},
		{"not at the start", http.Header{"Authorization": {"x Bearer " + a}}, "", "", false},
		{"Basic", http.Header{"Authorization": {"Basic " + a}}, "", "", false},
		{"bare in Authorization", http.Header{"Authorization": {a}}, "", "", false},
		{"a session", http.Header{"Authorization": {"Bearer " + session}}, "", "", false},
		{"bare in a header of its own", http.Header{"X-Jwt": {a}}, "", a, false},
		{"Bearer in a header of its own", http.Header{"X-Jwt": {"Bearer " + a}}, "", a, false},
		{"another scheme there", http.Header{"X-Jwt": {"Basic " + a}}, "", "", false},
		{"twice", http.Header{"Authorization": {"Bearer " + a, "Bearer " + a}}, "", "", true},
		{"beside Basic", http.Header{"Authorization": {"Basic eDp5", "Bearer " + a}}, "", "", true},
		{"two of the app's own", http.Header{"Authorization": {"Bearer " + foreign, "Bearer x"}}, "", foreign, false},
		{"in the URL", nil, "jwt=" + a, a, false},
		{"in the URL twice", nil, "jwt=" + a + "&jwt=" + a, "", true},
		{"in another parameter", nil, "auth_token=" + other, other, false},
		{"in no parameter", nil, "token=" + other, "", false},
		{"header and URL, the same", http.Header{"Authorization": {"Bearer " + a}}, "jwt=" + a, a, false},
		{"header and URL, two", http.Header{"Authorization": {"Bearer " + a}}, "auth_token=" + other, "", true},
		{"two headers", http.Header{"Authorization": {"Bearer " + a}, "X-Jwt": {other}}, "", "", true},
		{"beside one of the app", http.Header{"Authorization": {"Bearer " + foreign}, "X-Jwt": {a}}, "", a, false},
		{"beside an opaque one of the app", http.Header{"Authorization": {"Bearer abc"}, "X-Jwt": {a}}, "", a, false},
		{"a query that cannot be read", nil, "jwt=" + a + "&%zz", "", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?"+tt.query, nil)
		if tt.header != nil {
			r.Header = tt.header
		}
		found, err := b.tokenOf(r)
		got := ""
		if found != nil {
			got = found.token
		}
		if got != tt.want || (err != nil) != tt.refuse || err != nil && sso.CodeOf(err) != sso.CredentialsConflict {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
	}
	if newBearers(sso.Providers{{Name: "login"}}, "Authorization", "") != nil {
		t.Error("without a provider for tokens there are places for them")
	}
}

// Whatever a client sends: where a token is taken, no other one that some provider takes stands beside it.
func FuzzTokenOf(f *testing.F) {
	f.Add("Bearer "+issuedBy("a", "1"), "x", "jwt="+issuedBy("a", "1"))
	f.Add("bearer  a.b.c", "a.b.c", "jwt=a.b.c&jwt=%61.b.c")
	b := newBearers(sso.Providers{{Name: "a", Issuer: "a", Bearer: &fakeBearer{}}, {Name: "open", Bearer: &fakeBearer{}, Header: "X-Jwt"}}, "Authorization", "jwt")
	f.Fuzz(func(t *testing.T, authorization, own, query string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}, "X-Jwt": {own}}, URL: &url.URL{RawQuery: query}}
		found, err := b.tokenOf(r)
		if err != nil {
			return
		}
		for i, at := range b.places {
			for _, v := range at.values(r) {
				if token := at.tokenIn(v); token != "" && b.present(i, token).ours() && (found == nil || found.token != token) {
					t.Errorf("%q is not seen", token)
				}
			}
		}
	})
}
