package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

var identityHeaders = []string{"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "Remote-Id", "Remote-Assertion"}

// SECURITY H1, H2: 2xx only for who is signed in, with every header.
func TestVerify(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true")
	if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	c := b.browser()
	anonymous := c.get("/auth/verify")
	if anonymous.StatusCode != 401 || anonymous.Header.Get("Www-Authenticate") == "" {
		t.Errorf("anonymous: got %d %v", anonymous.StatusCode, anonymous.Header)
	}
	c.signIn(claims{"groups": []string{"Sales"}}).want(t, 302, "/")
	resp := c.get("/auth/verify")
	want := map[string]string{
		"Remote-User": "ann@example.com", "Remote-Email": "ann@example.com", "Remote-Name": "Ann Lee",
		"Remote-Groups": "All Users,Sales", "Remote-Id": fmt.Sprint(c.who()["id"]), "Remote-Assertion": "-",
		"Cache-Control": "no-store", "Vary": "Cookie, Authorization",
	}
	for name, v := range want {
		if got := resp.Header[name]; len(got) != 1 || got[0] != v {
			t.Errorf("%s: got %q, want %q", name, got, v)
		}
	}
	for query, status := range map[string]int{
		"?group=Sales": 200, "?group=A&group=Sales": 200, "?group=Administrators": 403, "?group=sales": 403, "?group=": 403,
		"?group=%zz": 403, "?group=All+Users": 200,
	} {
		if got := c.get("/auth/verify" + query).StatusCode; got != status {
			t.Errorf("%s: got %d, want %d", query, got, status)
		}
	}
	if got := c.send("POST", "/auth/verify", "").StatusCode; got != 405 {
		t.Errorf("POST: got %d", got)
	}
	// SECURITY H1: nothing that a client says gets it in.
	for _, h := range []string{
		"User-Agent: GoogleHC/1.0", "User-Agent: kube-probe/1.30", "Remote-User: root@example.com", "X-Forwarded-User: root",
		"X-Forwarded-Uri: /healthz", "X-Original-URL: /auth/logout", "Authorization: Basic cm9vdDpyb290", "Authorization: Bearer ",
		"Authorization: Bearer " + strings.Repeat("A", 43), "X-Metabase-Session: 1", "Cookie: ssobridge=", "Cookie: ssobridge=" + strings.Repeat("A", 43),
		"Cookie: ssobridge=" + strings.Repeat("x", 8000), "Cookie: ;;;=;ssobridge;\xff=\xfe", "X-HTTP-Method-Override: HEAD",
	} {
		resp := b.browser().get("/auth/verify", h)
		if resp.StatusCode != 401 {
			t.Errorf("%.60s: got %d, want 401", h, resp.StatusCode)
		}
		for _, name := range identityHeaders {
			if resp.Header.Get(name) != "" {
				t.Errorf("%.60s: answered with %s", h, name)
			}
		}
	}
}

// SECURITY D6: every prefix and every change of the cookie is signed out, and so are two cookies of the name.
func TestCookieMustBeWhole(t *testing.T) {
	b := start(t)
	c := b.browser()
	resp := c.signIn(nil)
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" || cookie.MaxAge != 20160*60 { // SECURITY D1
		t.Errorf("cookie: got %v", cookie)
	}
	id := cookie.Value
	status := func(h ...string) int { return b.browser().get("/auth/verify", h...).StatusCode }
	if got := status("Cookie: ssobridge=" + id); got != 200 {
		t.Fatalf("the cookie itself: got %d", got)
	}
	for i := range id {
		if got := status("Cookie: ssobridge=" + id[:i]); got != 401 {
			t.Errorf("prefix of %d: got %d", i, got)
		}
	}
	last := id[len(id)-1]
	for _, bad := range []string{
		"ssobridge=" + id + "A", "ssobridge=" + id + "=", "ssobridge=" + id[:42] + string(last+1), "ssobridge=" + strings.ToUpper(id),
		"ssobridge=" + id + "; ssobridge=" + id, "ssobridge=x; ssobridge=" + id, "SSOBRIDGE=" + id, `ssobridge="` + id + `"`,
		"__Host-ssobridge=" + id,
	} {
		if got := status("Cookie: " + bad); got != 401 {
			t.Errorf("%.70s: got %d, want 401", bad, got)
		}
	}
	if got := status("Cookie: ssobridge=x", "Cookie: ssobridge="+id); got != 401 {
		t.Errorf("two lines: got %d", got)
	}
	if got := status("Cookie: a=b; ssobridge=" + id + "; c=d"); got != 200 {
		t.Errorf("among others: got %d", got)
	}
}

func TestSessionCookieForms(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		want     string
	}{
		{[]string{"SITE_URL=https://bridge.example"}, "__Host-ssobridge=; Path=/; Max-Age=1209600; HttpOnly; Secure; SameSite=Lax"},
		{[]string{"SITE_URL=https://bridge.example", "COOKIE_DOMAIN=bridge.example"}, "__Secure-ssobridge=; Path=/; Domain=bridge.example; Max-Age=1209600; HttpOnly; Secure; SameSite=Lax"},
		{[]string{"SITE_URL=https://bridge.example", "SESSION_COOKIES=true", "SESSION_COOKIE_SAMESITE=none"}, "__Host-ssobridge=; Path=/; HttpOnly; Secure; SameSite=None"},
		{[]string{"SESSION_COOKIE_SAMESITE=strict", "MAX_SESSION_AGE=60"}, "ssobridge=; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"},
	} {
		b := start(t, tt.settings...)
		cookie := b.browser().signIn(nil).Cookies()[0]
		cookie.Value, cookie.Raw, cookie.Expires = "", "", time.Time{} // Expires is Max-Age again, for old browsers
		if got := cookie.String(); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.settings, got, tt.want)
		}
		if tt.settings[0][:8] == "SITE_URL" { // over https the plain name is no session of ours
			if got := b.browser().get("/auth/verify", "Cookie: ssobridge="+cookie.Value).StatusCode; got != 401 {
				t.Errorf("plain name: got %d", got)
			}
		}
	}
}

// SECURITY D5: idle and absolute lifetimes, on the server.
func TestSessionsEnd(t *testing.T) {
	b := start(t, "SESSION_TIMEOUT=10m", "MAX_SESSION_AGE=60")
	c := b.browser()
	c.signIn(nil)
	status := func() int { return c.get("/auth/verify").StatusCode }
	for range 6 { // used every nine minutes: stays
		b.Pass(9 * time.Minute)
		if got := status(); got != 200 {
			t.Fatalf("in use: got %d", got)
		}
	}
	b.Pass(6*time.Minute + time.Second) // 60 minutes and a second in all
	if got := status(); got != 401 {
		t.Errorf("after MAX_SESSION_AGE: got %d", got)
	}
	c.signIn(claims{"n": 2})
	b.Pass(10*time.Minute + 16*time.Second) // one batch of last uses may be under way
	if got := status(); got != 401 {
		t.Errorf("idle: got %d", got)
	}
}

// SECURITY D5: a shorter MAX_SESSION_AGE ends the sessions that are older by now, also what runs in them.
func TestShorterSessionAge(t *testing.T) {
	b := start(t)
	old, young := b.browser(), b.browser()
	old.signIn(nil)
	b.Pass(50 * time.Minute)
	young.signIn(claims{"n": 2})
	b.Pass(20 * time.Minute)
	b.save("MAX_SESSION_AGE=60")
	if err := eventually(func() bool { return old.get("/auth/verify").StatusCode == 401 }); err != nil {
		t.Error("a session of 70 minutes lives on where 60 are the most")
	}
	if got := young.get("/auth/verify").StatusCode; got != 200 {
		t.Errorf("a session of 20 minutes: got %d, want 200", got)
	}
}

// SECURITY D4: a sign-out on one replica acts on the other within a second.
func TestSignOutIsEverywhere(t *testing.T) {
	b := start(t)
	replica := startOn(t, b, "SITE_URL="+b.url)
	c := b.browser()
	c.signIn(nil)
	cookie := "Cookie: ssobridge=" + c.cookie()
	r := replica.browser()
	if got := r.get("/auth/verify", cookie).StatusCode; got != 200 {
		t.Fatalf("replica: got %d", got)
	}
	page := c.get("/auth/logout", "Accept: text/html") // SECURITY D7: a link asks
	if page.StatusCode != 200 || !strings.Contains(page.body, "ann@example.com") || c.who() == nil {
		t.Errorf("GET /auth/logout: got %d, signed in %v", page.StatusCode, c.who() != nil)
	}
	c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: cross-site").want(t, 403, "")
	if c.who() == nil {
		t.Fatal("another site signed the person out")
	}
	out := c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: same-origin", "Accept: text/html")
	if out.StatusCode != 200 || c.cookie() != "" {
		t.Errorf("POST /auth/logout: got %d, cookie %q", out.StatusCode, c.cookie())
	}
	if got := b.browser().get("/auth/verify", cookie).StatusCode; got != 401 {
		t.Errorf("here: got %d", got)
	}
	if err := eventually(func() bool { return r.get("/auth/verify", cookie).StatusCode == 401 }); err != nil {
		t.Error("the replica still says yes")
	}
}

func TestLogoutForPrograms(t *testing.T) {
	b := start(t, "JWT_LOGOUT_URI=https://idp.example/logout")
	c := b.browser()
	c.signIn(nil)
	session := "X-Metabase-Session: " + c.cookie()
	resp := b.browser().send("POST", "/auth/sso/logout", "", session)
	if resp.StatusCode != 200 || !strings.Contains(resp.body, `"saml-logout-url":null`) || !strings.Contains(resp.body, `"logout_url":"https://idp.example/logout"`) {
		t.Errorf("got %d %s", resp.StatusCode, resp.body)
	}
	if c.who() != nil {
		t.Error("still signed in")
	}
	c.signIn(claims{"n": 2})
	c.send("POST", "/auth/logout", form(), "Accept: text/html").want(t, 303, "https://idp.example/logout")
}

func TestSignOutElsewhere(t *testing.T) {
	b := start(t)
	here, there, third, stranger := b.browser(), b.browser(), b.browser(), b.browser()
	here.signIn(nil)
	there.signIn(claims{"n": 2})
	third.signIn(claims{"n": 3})
	stranger.signIn(claims{"email": "bob@example.com"})
	list, _, err := b.store.Sessions(t.Context(), sso.SessionQuery{})
	if err != nil {
		t.Fatal(err)
	}
	hash, _ := sso.HashSessionID(stranger.cookie())
	here.send("POST", "/auth/logout", form("scope", "session", "session", fmt.Sprintf("%x", hash))).want(t, 303, "/auth/account?done=over")
	if stranger.who() == nil {
		t.Fatal("signed somebody else out")
	}
	hash, _ = sso.HashSessionID(there.cookie())
	here.send("POST", "/auth/logout", form("scope", "session", "session", fmt.Sprintf("%x", hash))).want(t, 303, "/auth/account?done=session")
	if there.who() != nil || third.who() == nil || here.who() == nil {
		t.Error("one session: the wrong ones ended")
	}
	here.send("POST", "/auth/logout", form("scope", "others")).want(t, 303, "/auth/account?done=others")
	if third.who() != nil || here.who() == nil || stranger.who() == nil {
		t.Errorf("others: the wrong ones ended (of %d)", len(list))
	}
}

// SECURITY H2, H3, H5, H6: the app behind the bridge sees the true identity, and nothing of ours.
func TestReverseProxy(t *testing.T) {
	upstream := app(t)
	b := start(t, "UPSTREAM="+upstream.URL)
	c := b.browser()
	c.get("/deep/link?x=1&y=%2F", "Accept: text/html").want(t, 302, "/auth/sso?redirect=%2Fdeep%2Flink%3Fx%3D1%26y%3D%252F")
	for name, resp := range map[string]response{
		"API":       c.get("/api/things"),
		"POST":      c.send("POST", "/", form("a", "b"), "Accept: text/html"),
		"fetch":     c.get("/x", "Accept: text/html", "Sec-Fetch-Mode: cors"),
		"websocket": c.get("/x", "Accept: text/html", "Upgrade: websocket", "Connection: Upgrade"),
	} {
		if resp.StatusCode != 401 {
			t.Errorf("%s signed out: got %d, want 401", name, resp.StatusCode)
		}
	}
	c.signIn(claims{"first_name": "Zoë\r\nRemote-User: root", "last_name": "名"}).want(t, 302, "/")
	resp := c.get("/deep/%2e%2E/a%2Fb?q=1",
		"Remote-User: root@example.com", "remote_user: root", "Remote.Groups: Administrators", "REMOTE-EMAIL: root", "Remote-Extra: x",
		"Connection: Remote-User, Remote-Groups", "Cookie: other=1; ssobridge-flow-abc=x; last=2", "X-Metabase-Session: "+c.cookie(),
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Accept: */*")
	if resp.StatusCode != 200 {
		t.Fatalf("got %d %s", resp.StatusCode, resp.body)
	}
	var got http.Header
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Remote-User": "ann@example.com", "Remote-Email": "ann@example.com", "Remote-Groups": "All Users",
		"Remote-Name": "Zo%C3%AB  Remote-User: root %E5%90%8D", "Remote-Assertion": "-", "X-Forwarded-For": "127.0.0.1",
		"X-Forwarded-Proto": "http", "Cookie": "other=1; last=2", "X-Path": "/deep/%2e%2E/a%2Fb?q=1", "X-Host": strings.TrimPrefix(b.url, "http://"),
	} {
		if v := got[name]; len(v) != 1 || v[0] != want {
			t.Errorf("%s: got %q, want %q", name, v, want)
		}
	}
	for name := range got {
		plain := strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
		switch name {
		case "Remote-User", "Remote-Email", "Remote-Groups", "Remote-Name", "Remote-Assertion", "Remote-Id":
		default:
			if strings.HasPrefix(plain, "remote-") || plain == "x-metabase-session" {
				t.Errorf("%s reached the app", name)
			}
		}
	}
	if strings.Contains(resp.body, c.cookie()) {
		t.Error("the session reached the app")
	}
	upstream.Close()
	down := c.get("/x", "Accept: text/html")
	if down.StatusCode != 502 || !strings.Contains(down.body, "not answering") {
		t.Errorf("upstream down: got %d %s", down.StatusCode, down.body)
	}
}

func TestPasswordSignIn(t *testing.T) {
	b := start(t)
	hash, err := (&hasher{}).hash(t)
	if err != nil {
		t.Fatal(err)
	}
	cli := sso.Event{At: b.Now(), Kind: sso.EventAccount, Actor: "cli"}
	if _, err := b.store.CreateAccount(t.Context(), sso.Account{Email: "Root@example.com", Active: true}, hash, []int64{sso.Administrators}, cli); err != nil {
		t.Fatal(err)
	}
	b.browser().signIn(nil) // an account without a password
	c := b.browser()
	login := func(email, password string, headers ...string) response {
		return c.send("POST", "/login", form("email", email, "password", password, "return_to", "/a"), headers...)
	}
	// SECURITY I3, E3: one answer for unknown, SSO-only, wrong and empty.
	for _, try := range [][2]string{{"nobody@example.com", goodPassword}, {"ann@example.com", goodPassword}, {"ann@example.com", ""}, {"root@example.com", "wrong"}, {"root@example.com", ""}} {
		resp := login(try[0], try[1])
		if resp.StatusCode != 401 || resp.body != "E-mail or password is wrong" {
			t.Errorf("%v: got %d %q", try, resp.StatusCode, resp.body)
		}
	}
	page := login("root@example.com", "wrong", "Accept: text/html")
	if page.StatusCode != 401 || !dom.Has(page.body, `[value="root@example.com"]`) || !dom.Has(page.body, `[value="/a"]`) || dom.Has(page.body, `[value="wrong"]`) {
		t.Errorf("page: got %d %s", page.StatusCode, page.body)
	}
	login("root@example.com", goodPassword, "Sec-Fetch-Site: cross-site").want(t, 403, "")
	login("ROOT@example.com", goodPassword).want(t, 303, "/a")
	if c.who()["is_superuser"] != true || c.who()["sso_source"] != nil {
		t.Errorf("got %v", c.who())
	}
	// SECURITY I2: spellings of one account share a counter; X-Forwarded-For does not open another.
	statuses := ""
	for i := range 12 {
		email := []string{"root@example.com", "ROOT@example.com", "Root@Example.com"}[i%3]
		statuses += fmt.Sprint(login(email, "wrong", fmt.Sprintf("X-Forwarded-For: 10.0.0.%d", i)).StatusCode, " ")
	}
	if want := strings.Repeat("401 ", 10) + "429 429 "; statuses != want {
		t.Errorf("got %s, want %s", statuses, want)
	}
	login("root@example.com", goodPassword).want(t, 429, "")
	b.Pass(16 * time.Minute)
	login("root@example.com", goodPassword).want(t, 303, "/a")

	off := startOn(t, b, "ENABLE_PASSWORD_LOGIN=false")
	off.browser().send("POST", "/login", form("email", "root@example.com", "password", goodPassword)).want(t, 404, "")
	off.browser().get("/login?return_to=/a").want(t, 302, "/auth/sso?redirect=%2Fa")
}

// wantSecurityHeaders wants what SECURITY L1 asks of each answer, and the request's id.
func (r response) wantSecurityHeaders(t *testing.T, what string) {
	t.Helper()
	for name, part := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "X-Request-Id": "", "X-Frame-Options": "DENY",
	} {
		if got := r.Header[name]; len(got) != 1 || !strings.Contains(got[0], part) || got[0] == "" {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if r.Header.Get("Server") != "" {
		t.Errorf("%s: names the server", what)
	}
}

// Every answer has the headers of SECURITY L1, and every state-changing route refuses other sites (SECURITY G1).
func TestEveryRoute(t *testing.T) {
	b := start(t, "SITE_URL=https://bridge.example")
	c := b.browser()
	for _, route := range append(b.srv.Routes(), "GET /nothing", "TRACE /", "PATCH /login", "GET /auth/sso/", "GET //auth/verify", "GET /AUTH/verify") {
		method, path, _ := strings.Cut(route, " ")
		path = strings.ReplaceAll(path, "*", "app.css")
		resp := c.send(method, path, "", "Accept: text/html")
		if resp.StatusCode >= 500 {
			t.Errorf("%s: got %d", route, resp.StatusCode)
		}
		resp.wantSecurityHeaders(t, route)
		if path == "/metrics" || strings.HasPrefix(path, "/auth/sso") || strings.HasSuffix(path, "/backchannel-logout") || method == "GET" || method == "HEAD" || method == "OPTIONS" {
			continue
		}
		forged := c.send(method, path, form("a", "b"), "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
		if forged.StatusCode != 403 && forged.StatusCode != 404 && forged.StatusCode != 405 {
			t.Errorf("%s from another site: got %d", route, forged.StatusCode)
		}
	}
	for _, method := range []string{"TRACE", "PUT", "CONNECTX"} {
		if got := c.send(method, "/auth/sso", "").StatusCode; got != 405 {
			t.Errorf("%s: got %d, want 405", method, got)
		}
	}
}

func TestHealth(t *testing.T) {
	b := start(t)
	c := b.browser()
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/readyz": `"database":"ok"`, "/metrics": "ssobridge_verify_total"} {
		if resp := c.get(path); resp.StatusCode != 200 || !strings.Contains(resp.body, want) {
			t.Errorf("%s: got %d %.200s", path, resp.StatusCode, resp.body)
		}
	}
	b.store.Close() // SECURITY L4: the database is gone
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/auth/verify": 401, "/auth/sso?jwt=" + b.token(nil): 503} {
		resp := c.get(path)
		if resp.StatusCode != want || want == 503 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s without a database: got %d, want %d", path, resp.StatusCode, want)
		}
	}
	if got := c.get("/auth/verify", "Authorization: Bearer "+sso.NewSessionID()).StatusCode; got != 503 {
		t.Errorf("verify without a database: got %d, want 503", got)
	}
}
