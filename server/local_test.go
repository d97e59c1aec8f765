package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

const page = "Accept: text/html"

// root makes an administrator with goodPassword.
func (b *bridge) root() sso.Account {
	b.t.Helper()
	hash, err := (&hasher{}).hash(b.t)
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := b.store.CreateAccount(b.t.Context(), sso.Account{Email: "root@example.com", FirstName: "Rose", Active: true}, hash,
		[]int64{sso.Administrators}, sso.Event{At: b.Now(), Kind: sso.EventAccount, Actor: "cli"})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// password signs in with one.
func (c *browser) password(email, typed string, headers ...string) response {
	c.b.t.Helper()
	return c.send("POST", "/login", form("email", email, "password", typed), headers...)
}

func (b *bridge) setupSecret() string {
	b.t.Helper()
	link, err := b.srv.SetupLink(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	secret, ok := strings.CutPrefix(link, b.url+"/auth/setup#")
	if !ok || len(secret) != 43 {
		b.t.Fatalf("set-up link: got %q, want one with 256 bits in the fragment", link)
	}
	return secret
}

// SECURITY F7: no default administrator; the link works once, on any replica and after a restart; then there is no page.
func TestFirstStart(t *testing.T) {
	b := start(t)
	c := b.browser()
	secret := b.setupSecret()
	replica := startOn(t, b)
	if again := replica.setupSecret(); again != secret {
		t.Errorf("another start: got another secret, want the same")
	}
	if resp := c.get("/auth/setup", page); resp.StatusCode != 200 || strings.Contains(resp.body, secret) {
		t.Errorf("page: got %d, and the secret in it %v", resp.StatusCode, strings.Contains(resp.body, secret))
	}
	good := func() url.Values {
		return url.Values{"secret": {secret}, "email": {"root@example.com"}, "password": {goodPassword}, "again": {goodPassword}}
	}
	for _, row := range []struct{ field, value, want string }{
		{"secret", "", "not the set-up secret"},
		{"secret", secret[:42], "not the set-up secret"},
		{"secret", secret + "x", "not the set-up secret"},
		{"email", "root", "Not an e-mail address"},
		{"email", "", "Not an e-mail address"},
		{"password", "short", "has 5 characters"},
		{"password", "passwordpassword", "easy to guess"},
		{"again", goodPassword + "!", "not the same"},
	} {
		v := good()
		v.Set(row.field, row.value)
		resp := c.send("POST", "/auth/setup", "application/x-www-form-urlencoded\n"+v.Encode(), page)
		if resp.StatusCode != 400 || !strings.Contains(resp.body, row.want) || strings.Contains(resp.body, v.Get("password")) && row.field != "password" {
			t.Errorf("%s %q: got %d, want 400 and %q; body %s", row.field, row.value, resp.StatusCode, row.want, resp.body)
		}
		if row.field != "email" && !dom.Has(resp.body, `[value="root@example.com"]`) {
			t.Errorf("%s %q: the e-mail is lost", row.field, row.value)
		}
	}
	if got := b.sessions(); got != 0 {
		t.Errorf("got %d sessions, want none", got)
	}
	body := "application/x-www-form-urlencoded\n" + good().Encode()
	c.send("POST", "/auth/setup", body, "Sec-Fetch-Site: cross-site").want(t, 403, "")
	c.send("POST", "/auth/setup", body, page).want(t, 303, "/")
	if who := c.who(); who["email"] != "root@example.com" || who["is_superuser"] != true {
		t.Errorf("signed in: got %v, want root as administrator", who)
	}
	if e := b.lastEvent(); e.Kind != sso.EventAccount || e.Actor != "set-up link" || e.Email != "root@example.com" {
		t.Errorf("event: got %+v", e)
	}
	for _, at := range []*bridge{b, replica} {
		late := at.browser()
		late.get("/auth/setup").want(t, 404, "")
		late.send("POST", "/auth/setup", body).want(t, 404, "")
		if link, err := at.srv.SetupLink(t.Context()); link != "" || err != nil {
			t.Errorf("link afterwards: got %q, %v; want none", link, err)
		}
	}
	c.password("root@example.com", goodPassword).want(t, 303, "/")
	for _, log := range []string{b.log.String(), replica.log.String()} {
		if strings.Contains(log, secret) || strings.Contains(log, goodPassword) { // SECURITY K1
			t.Error("got a secret in the log of the server")
		}
	}
}

// The first administrator may have a passkey and no password that anyone knows; no identity provider can take the account
// over (SECURITY E2).
func TestFirstStartWithAPasskey(t *testing.T) {
	b := start(t, "SITE_URL=http://localhost:$PORT")
	secret := b.setupSecret()
	c, k := b.browser(), &softKey{}
	for name, body := range map[string]map[string]any{
		"another secret": {"secret": secret[1:], "email": "root@example.com"},
		"no secret":      {"email": "root@example.com"},
		"no address":     {"secret": secret, "email": "root"},
	} {
		if resp, out := c.json("/auth/setup/passkey", body); resp.StatusCode != 403 && resp.StatusCode != 400 || out["detail"] == nil {
			t.Errorf("%s: got %d %s, want a refusal that says why", name, resp.StatusCode, resp.body)
		}
	}
	begin := func() map[string]any {
		_, out := c.json("/auth/setup/passkey", map[string]any{"secret": b.url + "/auth/setup#" + secret, "email": "root@example.com"})
		return out["publicKey"].(map[string]any)
	}
	add := func(secret string, s spoil) response {
		resp, _ := c.json("/auth/setup/passkey/add", map[string]any{"secret": secret, "email": "root@example.com", "credential": k.make(t, begin(), b.url, s)})
		return resp
	}
	if resp := add("guess", spoil{}); resp.StatusCode != 403 {
		t.Errorf("another secret at the second step: got %d, want 403", resp.StatusCode)
	}
	if resp := add(secret, spoil{origin: "https://evil.example"}); resp.StatusCode != 401 {
		t.Errorf("made elsewhere: got %d, want 401", resp.StatusCode)
	}
	if b.sessions() != 0 {
		t.Error("got a session of a refused set-up")
	}
	if resp := add(secret, spoil{}); resp.StatusCode != 200 || c.who()["is_superuser"] != true {
		t.Fatalf("set-up: got %d %s, signed in as %v", resp.StatusCode, resp.body, c.who())
	}
	again := b.browser()
	if resp, _ := again.json("/auth/setup/passkey", map[string]any{"secret": secret, "email": "second@example.com"}); resp.StatusCode != 404 {
		t.Errorf("once more: got %d, want 404", resp.StatusCode)
	}
	if resp := again.usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 || again.email() != "root@example.com" {
		t.Errorf("sign in: got %d %s", resp.StatusCode, resp.body)
	}
	if resp := b.browser().signIn(claims{"email": "root@example.com"}); resp.StatusCode != 403 {
		t.Errorf("a token of that address: got %d, want 403", resp.StatusCode)
	}
}

// Without password sign-in the first administrator has a passkey. Where there are none either, the page says what to do.
func TestSetUpWithoutPasswords(t *testing.T) {
	b := start(t, "ENABLE_PASSWORD_LOGIN=false", "SITE_URL=http://localhost:$PORT")
	secret := b.setupSecret()
	c, k := b.browser(), &softKey{}
	resp := c.get("/auth/setup", page)
	if !dom.Has(resp.body, `[data-passkey="setup"]`) || dom.Has(resp.body, `[type="password"]`) || dom.Has(resp.body, `[action="/auth/setup"]`) {
		t.Errorf("got %d %s, want a passkey's button alone", resp.StatusCode, resp.body)
	}
	c.send("POST", "/auth/setup", form("secret", secret, "email", "root@example.com", "password", goodPassword, "again", goodPassword)).want(t, 404, "")
	_, out := c.json("/auth/setup/passkey", map[string]any{"secret": secret, "email": "root@example.com"})
	made := k.make(t, out["publicKey"].(map[string]any), b.url, spoil{})
	if resp, _ := c.json("/auth/setup/passkey/add", map[string]any{"secret": secret, "email": "root@example.com", "credential": made}); resp.StatusCode != 200 {
		t.Fatalf("got %d %s", resp.StatusCode, resp.body)
	}
	again := b.browser()
	if resp := again.usePasskey(k, signInPath, spoil{}); resp.StatusCode != 200 || again.who()["is_superuser"] != true {
		t.Errorf("sign in: got %d %s", resp.StatusCode, resp.body)
	}

	b = start(t, "ENABLE_PASSWORD_LOGIN=false", "SITE_URL=http://127.0.0.1:$PORT")
	if resp := b.browser().get("/auth/setup", page); !strings.Contains(resp.body, "ssobridge users create") || dom.Has(resp.body, "form") {
		t.Errorf("without either: got %d %s", resp.StatusCode, resp.body)
	}
	if link, err := b.srv.SetupLink(t.Context()); link != "" || err != nil {
		t.Errorf("link: got %q, %v; want none", link, err)
	}
}

// Whoever opens an empty bridge without its link is led to where it is asked for, and later to the sign-in. People of a site that a
// product lets in read nothing of it.
func TestAnEmptyBridgeLeadsToTheSetUp(t *testing.T) {
	b := start(t, "ENABLE_PASSWORD_LOGIN=true", "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=")
	leads := func(b *bridge, path string) string {
		return strings.Join(dom.Attr(b.browser().get(path, page).body, "main a.button", "href"), ", ")
	}
	for _, path := range []string{"/", "/login", "/login?return_to=%2Fadmin"} {
		if got := leads(b, path); got != "/auth/setup" {
			t.Errorf("%s without an administrator: got the buttons %q", path, got)
		}
	}
	b.root()
	if home, login := leads(b, "/"), leads(b, "/login"); home != "/login?return_to=%2Fadmin" || login != "" {
		t.Errorf("with one: got the buttons %q at / and %q at /login", home, login)
	}
	if got := leads(start(t, "ENABLE_PASSWORD_LOGIN=true"), "/login"); strings.Contains(got, "setup") {
		t.Errorf("with a product and no administrator: got the buttons %q", got)
	}
}

// SECURITY G3, D3: a proof is fresh for ten minutes; a new one gives the session another id.
func TestConfirm(t *testing.T) {
	b := start(t)
	b.root()
	c := b.browser()
	c.get("/auth/confirm?return_to=/a", page).want(t, 302, "/login?return_to=%2Fa")
	c.password("root@example.com", goodPassword)
	c.get("/auth/confirm?return_to=/a").want(t, 302, "/a")
	b.Pass(10 * time.Minute)
	resp := c.get("/auth/confirm?return_to=/a")
	if resp.StatusCode != 200 || !dom.Has(resp.body, `[name="return_to"][value="/a"]`) || strings.Contains(resp.body, "/auth/sso") {
		t.Errorf("page: got %d %s", resp.StatusCode, resp.body)
	}
	c.get("/auth/confirm?return_to=https://evil.example/").want(t, 400, "")
	before := c.cookie()
	for _, typed := range []string{"", "wrong", goodPassword + " "} {
		resp := c.send("POST", "/auth/confirm", form("password", typed, "return_to", "/a"), page)
		if resp.StatusCode != 401 || !strings.Contains(resp.body, "not your password") {
			t.Errorf("%q: got %d", typed, resp.StatusCode)
		}
	}
	if e := b.lastEvent(); e.Code != sso.PasswordRefused || e.Detail == "" {
		t.Errorf("event of a refusal: got %+v", e)
	}
	b.browser().send("POST", "/auth/confirm", form("password", goodPassword)).want(t, 401, "")
	c.send("POST", "/auth/confirm", form("password", goodPassword), "Sec-Fetch-Site: cross-site").want(t, 403, "")
	c.send("POST", "/auth/confirm", form("password", goodPassword, "return_to", "/a"), page).want(t, 303, "/a")
	if c.cookie() == before {
		t.Error("the session's id is the same, want another")
	}
	if b.browser().who("X-Metabase-Session: "+before) != nil {
		t.Error("the old id still signs in")
	}
	if c.email() != "root@example.com" || b.sessions() != 1 {
		t.Errorf("got %q with %d sessions, want root with 1", c.email(), b.sessions())
	}
	if e := b.lastEvent(); e.Kind != sso.EventProof || e.Detail != "by password" {
		t.Errorf("event: got %+v", e)
	}
	c.get("/auth/confirm?return_to=/a").want(t, 302, "/a")
}

// Guesses at /auth/confirm count with those at /login: a stolen session is no second chance (SECURITY I2).
func TestConfirmIsThrottled(t *testing.T) {
	b := start(t)
	b.root()
	c := b.browser()
	c.password("root@example.com", goodPassword)
	b.Pass(20 * time.Minute)
	thief := b.browser()
	got := ""
	for range 12 {
		got += fmt.Sprint(thief.send("POST", "/auth/confirm", form("password", "wrong"), "X-Metabase-Session: "+c.cookie()).StatusCode, " ")
	}
	if want := strings.Repeat("401 ", 10) + "429 429 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	thief.password("root@example.com", goodPassword).want(t, 429, "")
}

// Who came through the identity provider proves it by signing in there once more, as the same account.
func TestConfirmThroughTheProvider(t *testing.T) {
	b := start(t)
	c := b.browser()
	c.signIn(nil)
	b.Pass(11 * time.Minute)
	resp := c.get("/auth/confirm?return_to=/admin")
	const again = "/auth/sso?provider=jwt&redirect=%2Fauth%2Fconfirm%3Freturn_to%3D%252Fadmin"
	if resp.StatusCode != 200 || !dom.Has(resp.body, `[href="`+again+`"]`) || dom.Has(resp.body, `[name="password"]`) {
		t.Errorf("page: got %d %s", resp.StatusCode, resp.body)
	}
	back := "/auth/sso?return_to=" + url.QueryEscape("/auth/confirm?return_to=%2Fadmin") + "&jwt="
	other := c.get(back+b.token(claims{"email": "eve@example.com"}), page)
	if other.StatusCode != 200 || !strings.Contains(other.body, "eve@example.com") {
		t.Errorf("another account: got %d, want the question whether to switch", other.StatusCode)
	}
	if resp := c.get("/auth/confirm?return_to=/admin"); resp.StatusCode != 200 {
		t.Errorf("after another's sign-in: got %d, want no proof", resp.StatusCode)
	}
	c.get(back+b.token(nil)).want(t, 302, "/auth/confirm?return_to=%2Fadmin")
	c.get("/auth/confirm?return_to=%2Fadmin").want(t, 302, "/admin")
}

// What was typed into a form that needs a proof is there afterwards, for this person alone.
func TestKeptForm(t *testing.T) {
	b := start(t)
	b.root()
	c := b.browser()
	c.password("root@example.com", goodPassword)
	b.Pass(11 * time.Minute)
	r, _ := http.NewRequest("POST", b.url+"/admin/sign-in?x=1", nil)
	r.AddCookie(&http.Cookie{Name: "ssobridge", Value: c.cookie()})
	r.RemoteAddr = "127.0.0.1:1"
	if b.srv.Recent(r) {
		t.Error("recent: got true, want false after 11 minutes")
	}
	typed := url.Values{"JWT_MAX_AGE": {"77s"}, "key": {`<"paste">`}, "twice": {"a", "b"}}
	location, err := b.srv.KeepForm(r, typed)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(location)
	resume := u.Query().Get("return_to")
	if u.Path != "/auth/confirm" || !strings.HasPrefix(resume, "/auth/confirm/resume?form=") {
		t.Fatalf("location: got %q", location)
	}
	c.send("POST", "/auth/confirm", form("password", goodPassword, "return_to", resume), page).want(t, 303, resume)
	for range 2 { // a reload
		body := c.get(resume, page).body
		for _, want := range []string{`[action="/admin/sign-in?x=1"]`, `[name="JWT_MAX_AGE"][value="77s"]`, `[name="key"][value='<"paste">']`, `[name="twice"][value="a"]`, `[name="twice"][value="b"]`} {
			if !dom.Has(body, want) {
				t.Errorf("form: got %s, want %s", body, want)
			}
		}
	}
	eve := b.browser()
	eve.signIn(claims{"email": "eve@example.com"})
	eve.get(resume).want(t, 404, "")
	if resp := c.get(resume, page); resp.StatusCode != 200 {
		t.Errorf("after another's look: got %d, want it still there", resp.StatusCode)
	}
	b.Pass(15 * time.Minute)
	c.get(resume).want(t, 404, "")
	if _, err := b.srv.KeepForm(httpRequest(b, "POST", "/admin"), typed); sso.CodeOf(err) != sso.NotSignedIn {
		t.Errorf("nobody's form: got %v, want not_signed_in", err)
	}
}

func httpRequest(b *bridge, method, path string) *http.Request {
	r, _ := http.NewRequest(method, b.url+path, nil)
	return r
}

// SECURITY D3, D4, E3, I1: a new password needs the old one, is judged, and ends every other session.
func TestChangePassword(t *testing.T) {
	b := start(t)
	b.root()
	c, other := b.browser(), b.browser()
	c.get("/auth/password", page).want(t, 302, "/login?return_to=%2Fauth%2Fpassword")
	c.password("root@example.com", goodPassword)
	other.password("root@example.com", goodPassword)
	const next = "seven quiet lamps argue with rain"
	for _, row := range []struct {
		old, new, again, want string
		status                int
	}{
		{"wrong", next, next, "not your password", 401},
		{"", next, next, "not your password", 401},
		{goodPassword, "short", "short", "has 5 characters", 400},
		{goodPassword, "qwertyuiopasdfgh", "qwertyuiopasdfgh", "easy to guess", 400},
		{goodPassword, "root@example.com", "root@example.com", "easy to guess", 400},
		{goodPassword, next, next + "x", "not the same", 400},
	} {
		resp := c.send("POST", "/auth/password", form("old", row.old, "new", row.new, "again", row.again), page)
		if resp.StatusCode != row.status || !strings.Contains(resp.body, row.want) || strings.Contains(resp.body, next) {
			t.Errorf("%v: got %d, want %d and %q", row, resp.StatusCode, row.status, row.want)
		}
	}
	for chosen, want := range map[string]string{"short": "Das Passwort hat 5 Zeichen.", "qwertyuiopasdfgh": "Das Passwort ist leicht zu erraten", strings.Repeat("x", 5000): "Das Passwort hat 5000 Bytes."} {
		if resp := c.send("POST", "/auth/password", form("old", goodPassword, "new", chosen, "again", chosen), page, "Accept-Language: de"); resp.StatusCode != 400 || !strings.Contains(resp.body, want) || strings.Contains(resp.body, "The password") {
			t.Errorf("%.20s: got %d %s, want it in German", chosen, resp.StatusCode, resp.body)
		}
	}
	before := c.cookie()
	c.send("POST", "/auth/password", form("old", goodPassword, "new", next, "again", next), page).want(t, 303, "/auth/password?done=changed")
	if c.email() != "root@example.com" || c.cookie() == before {
		t.Errorf("this browser: got %q, same id %v; want root with a new id", c.email(), c.cookie() == before)
	}
	if other.who() != nil {
		t.Error("another session lives on")
	}
	if e := b.lastEvent(); e.Kind != sso.EventAccount || !strings.Contains(e.Detail, "password changed") || strings.Contains(e.Detail, next) {
		t.Errorf("event: got %+v", e)
	}
	other.password("root@example.com", goodPassword).want(t, 401, "")
	other.password("root@example.com", next).want(t, 303, "/")

	ann := b.browser()
	ann.signIn(nil)
	ann.get("/auth/password").want(t, 404, "")
	ann.send("POST", "/auth/password", form("old", "", "new", next, "again", next)).want(t, 404, "")
}

// counting counts the hashes that are computed.
type counting struct {
	password.Hasher
	verified atomic.Int32
	most     atomic.Int32
	now      atomic.Int32
}

func (h *counting) Verify(ctx context.Context, hash, typed string) (bool, bool, error) {
	h.verified.Add(1)
	now := h.now.Add(1)
	defer h.now.Add(-1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	return h.Hasher.Verify(ctx, hash, typed)
}

// quick knows one password and computes nothing, for tests of counts.
type quick struct{}

func (quick) Verify(_ context.Context, hash, typed string) (bool, bool, error) {
	return hash != "" && typed == goodPassword, false, nil
}

func (quick) Hash(context.Context, string) (string, error) { return "hash", nil }

// SECURITY I3: unknown, SSO-only, deactivated and wrong get the same answer, by the same work: one hash each, of which
// package password promises that it takes as long for an account without one.
func TestEqualAnswers(t *testing.T) {
	h := &counting{}
	b := startWith(t, func(o *server.Options) { o.Passwords = h })
	b.root()
	b.browser().signIn(nil)
	hash, err := (&hasher{}).hash(t)
	if err != nil {
		t.Fatal(err)
	}
	cli := sso.Event{At: b.Now(), Kind: sso.EventAccount, Actor: "cli"}
	gone, err := b.store.CreateAccount(t.Context(), sso.Account{Email: "gone@example.com", Active: true}, hash, nil, cli)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.SetActive(t.Context(), gone.ID, false, cli); err != nil {
		t.Fatal(err)
	}
	var want string
	reference := regexp.MustCompile(`<code>[A-Z0-9]+</code>`)
	for _, email := range []string{"nobody@example.com", "ann@example.com", "gone@example.com", "root@example.com", "no address", ""} {
		h.verified.Store(0)
		typed := goodPassword
		if email == "root@example.com" {
			typed = "wrong"
		}
		resp := b.browser().password(email, typed, page)
		got := fmt.Sprint(resp.StatusCode, len(resp.Header), strings.ReplaceAll(reference.ReplaceAllString(resp.body, ""), `value="`+email+`"`, `value=""`))
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", email, got, want)
		}
		if n := h.verified.Load(); n != 1 {
			t.Errorf("%s: got %d hashes, want 1", email, n)
		}
	}
}

// SECURITY I2, I4: of 500 guesses at once on two replicas, as many are looked at as the limit allows, whatever
// X-Forwarded-For says; none of the others costs a hash, and a sign-in through the provider goes on beside them.
func TestManyGuessesAtOnce(t *testing.T) {
	h := &counting{}
	b := startWith(t, func(o *server.Options) { o.Passwords = h })
	replica := startOn(t, b)
	b.root()
	var refused, throttled atomic.Int32
	var wg sync.WaitGroup
	slots := make(chan struct{}, 50)
	for i := range 500 {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			at := []*bridge{b, replica}[i%2]
			req, _ := http.NewRequest("POST", at.url+"/login", strings.NewReader("email=root%40example.com&password=wrong"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.0.1", i%250))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			switch resp.StatusCode {
			case 401:
				refused.Add(1)
			case 429:
				throttled.Add(1)
			default:
				t.Errorf("got %d, want 401 or 429", resp.StatusCode)
			}
		})
	}
	c := b.browser()
	c.signIn(nil).want(t, 302, "/")
	wg.Wait()
	if refused.Load() != 10 || throttled.Load() != 490 {
		t.Errorf("got %d refused and %d throttled, want 10 and 490", refused.Load(), throttled.Load())
	}
	if n := h.verified.Load(); n > 10 {
		t.Errorf("got %d hashes, want at most 10", n)
	}
}

// Who guesses from many networks uses up what an account has, but its owner gets in with the browser that knows the way:
// nobody can be locked out by others (SECURITY I2).
func TestOwnerIsNotLockedOut(t *testing.T) {
	b := startWith(t, func(o *server.Options) { o.Passwords = quick{} }, "TRUSTED_PROXIES=127.0.0.0/8")
	b.root()
	owner := b.browser()
	owner.password("root@example.com", goodPassword, "X-Forwarded-For: 192.0.2.1").want(t, 303, "/")
	attacker := b.browser()
	last := 0
	for i := range 61 {
		last = attacker.password("root@example.com", "wrong", fmt.Sprintf("X-Forwarded-For: 10.0.%d.1", i)).StatusCode
	}
	if last != 429 {
		t.Errorf("guess 61, each from another network: got %d, want 429", last)
	}
	stranger := b.browser()
	stranger.password("root@example.com", goodPassword, "X-Forwarded-For: 203.0.113.1").want(t, 429, "")
	owner.password("root@example.com", goodPassword, "X-Forwarded-For: 203.0.113.1").want(t, 303, "/")

	// The cookie is no free ticket: it has a limit of its own.
	got := ""
	for range 11 {
		got += fmt.Sprint(owner.password("root@example.com", "wrong").StatusCode, " ")
	}
	if want := strings.Repeat("401 ", 10) + "429 "; got != want {
		t.Errorf("with the device cookie: got %s, want %s", got, want)
	}
}

// Who found out a password could collect devices while it was good, each with its own count of guesses at the next one. They
// count as strangers once the password is another, and the browser that changed it does not (SECURITY I2).
func TestDevicesOfAnOldPassword(t *testing.T) {
	b := startWith(t, func(o *server.Options) { o.Passwords = quick{} })
	b.root()
	var thieves []*browser
	for range 3 {
		thief := b.browser()
		thief.password("root@example.com", goodPassword).want(t, 303, "/")
		thieves = append(thieves, thief)
	}
	owner := b.browser()
	owner.password("root@example.com", goodPassword).want(t, 303, "/")
	const next = "Quittengelee-Fahrrad-7-Oboe"
	owner.send("POST", "/auth/password", form("old", goodPassword, "new", next, "again", next)).want(t, 303, "/auth/password?done=changed")
	got := map[int]int{}
	for _, thief := range thieves {
		for range 10 {
			got[thief.password("root@example.com", "wrong").StatusCode]++
		}
	}
	if got[401] != 10 || got[429] != 20 {
		t.Errorf("got %v, want 10 guesses from one network and no more", got)
	}
	owner.password("root@example.com", goodPassword).want(t, 303, "/") // quick takes no other one
}

// SECURITY H6: none of the bridge's cookies reaches the app.
func TestNoCookieOfOursReachesTheApp(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL)
	b.root()
	c := b.browser()
	c.password("root@example.com", goodPassword)
	u, _ := url.Parse(b.url)
	if n := len(c.Jar.Cookies(u)); n != 3 {
		t.Fatalf("got %d cookies, want those of the session, of the device and of the way used last", n)
	}
	if body := c.get("/x", "Cookie: theirs=1; __Host-ssobridge-passkey=2").body; strings.Contains(body, "ssobridge") || !strings.Contains(body, "theirs=1") {
		t.Errorf("the app got %s, want its own cookie alone", body)
	}
}

// startWith runs a bridge with other options.
func startWith(t *testing.T, change func(*server.Options), settings ...string) *bridge {
	t.Helper()
	return startChanged(t, nil, change, settings...)
}
