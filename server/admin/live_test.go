package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// window opens a window of live sign-ins, and returns its address.
func (c *browser) window(query string) string {
	c.b.t.Helper()
	resp := c.get("/admin/try/live" + query)
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.Contains(to, "opened=") {
		c.b.t.Fatalf("got %d to %q, want 303 to an address that can be loaded again", resp.StatusCode, to)
	}
	return to
}

// A listener has the lines of a stream, each as it comes.
type listener struct {
	lines chan string // closed at the end of the stream
	resp  *http.Response
}

// listen opens the stream of a window.
func (c *browser) listen(window string) *listener {
	t := c.b.t
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", c.b.url+strings.Replace(window, "/live?", "/live/events?", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	l := &listener{make(chan string, 100), resp}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			l.lines <- s.Text()
		}
	}()
	return l
}

// event waits for the next event, and says how long that took.
func (l *listener) event(t *testing.T, limit time.Duration) (name, data string, took time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		select {
		case line, ok := <-l.lines:
			switch {
			case !ok:
				return "over", "", time.Since(began)
			case strings.HasPrefix(line, "event: "):
				name = line[len("event: "):]
			case strings.HasPrefix(line, "data: "):
				return name, line[len("data: "):], time.Since(began)
			}
		case <-time.After(limit):
			t.Fatalf("no event within %v", limit)
		}
	}
}

// ends wants a stream to say why it ends, and to end.
func (l *listener) ends(t *testing.T, why string, limit time.Duration) {
	t.Helper()
	name, data, took := l.event(t, limit)
	if name != "end" || !strings.Contains(data, why) || took > limit {
		t.Errorf("got %q %q after %v, want the end within %v, since %q", name, data, took, limit, why)
	}
	if name, data, _ := l.event(t, limit); name != "over" {
		t.Errorf("after the end: %q %q", name, data)
	}
}

// A window shows the sign-ins that came since it was opened, through whichever replica, with what was checked. A stream says
// within a second that one came; without a script the page is loaded again.
func TestLiveWindow(t *testing.T) {
	b := start(t, "JWT_BINDING=off")
	other := replica(t, b, "JWT_BINDING=off")
	if got := b.signIn(secret, claims{"email": "before@example.com"}); got != "" {
		t.Fatal(got)
	}
	c := b.admin()
	at := c.window("?provider=jwt")
	page := c.get(at)
	if page.StatusCode != http.StatusOK || strings.Contains(page.body, "before@example.com") || !strings.Contains(page.body, "Nobody has signed in since") {
		t.Errorf("before: got %d %s", page.StatusCode, sso.Truncate(page.body, 500))
	}
	stream := c.listen(at)
	if h := stream.resp.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: got %v", h)
	}
	stream.event(t, time.Second) // where it stands
	for _, tt := range []struct {
		by    *bridge
		key   string
		with  claims
		code  string
		shows []string
		not   []string
	}{
		{b, secret, claims{"jti": "never shown", "phone": "+49 30 1234567"}, "", []string{"Signed in", "ann@example.com", "Its signature fits a key of yours <span class=\"verdict\">passed", "JWT_AUDIENCE is not set"}, []string{"never shown", "1234567", "eyJ"}},
		{other, secret, claims{"exp": 12}, "token_expired", []string{"Refused:", "What to change:", "failed", "It says who the person is <span class=\"verdict\">not checked"}, nil},
		{other, otherSecret, claims{"email": "eve@example.com"}, "token_signature", []string{"eve@example.com", "by its own word", "It is fresh: neither expired nor too old <span class=\"verdict\">not checked"}, []string{"eyJ"}},
	} {
		began := time.Now()
		if got := tt.by.signIn(tt.key, tt.with); got != tt.code {
			t.Fatalf("got %q, want %q", got, tt.code)
		}
		name, _, took := stream.event(t, 3*time.Second)
		if name != "came" || took > time.Second {
			t.Errorf("%q: got %q after %v, want it within a second", tt.code, name, took)
		}
		t.Logf("%q: told after %v", tt.code, time.Since(began).Round(time.Millisecond))
		first, _, _ := strings.Cut(c.get(at).body, "</section>")
		for _, want := range tt.shows {
			if !strings.Contains(first, want) {
				t.Errorf("%q: no %q in %s", tt.code, want, first)
			}
		}
		for _, secret := range tt.not {
			if strings.Contains(first, secret) {
				t.Errorf("%q: %q is shown", tt.code, secret)
			}
		}
	}
	if n := len(dom.Text(c.get(at).body, ".attempt")); n != 3 {
		t.Errorf("got %d sign-ins, want 3", n)
	}
	if anew := c.get(c.window("?provider=jwt")); strings.Contains(anew.body, "ann@example.com") {
		t.Error("a new window shows what came before")
	}
	// What settings asked for then, nobody knows any more.
	c.mustSave("JWT_AUDIENCE=bridge")
	if body := c.get(at).body; strings.Contains(body, "It is meant for this bridge <span class=\"verdict\">passed") || !strings.Contains(body, "not known: settings were changed since") {
		t.Errorf("after a change of settings: %s", body)
	}
	for query, want := range map[string]int{"?provider=nobody": http.StatusNotFound, "?after=x&opened=y": http.StatusSeeOther} {
		if resp := c.get("/admin/try/live" + query); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", query, resp.StatusCode, want)
		}
	}
	if resp := c.get("/admin/try/live/events"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a stream of no window: got %d, want 400", resp.StatusCode)
	}
	if resp := c.send("HEAD", strings.Replace(at, "/live?", "/live/events?", 1), ""); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: got %d, want 200", resp.StatusCode)
	}
}

// A sign-in through another provider is not shown, and one of which it is not known whose it is, is.
func TestLiveWindowOfOneProvider(t *testing.T) {
	b := start(t, "PROVIDERS=acme", "PROVIDER_ACME_KIND=jwt", "PROVIDER_ACME_IDENTITY_PROVIDER_URI=https://acme.example/login", "PROVIDER_ACME_SHARED_SECRET="+otherSecret,
		"PROVIDER_ACME_ISSUER=acme", "PROVIDER_ACME_ENABLED=true", "JWT_BINDING=off", "PROVIDER_ACME_BINDING=off")
	c := b.admin()
	of, all := c.window("?provider=jwt"), c.window("")
	if got := b.signIn(otherSecret, claims{"iss": "acme", "email": "bob@example.com"}); got != "" {
		t.Fatal(got)
	}
	if got := b.signIn(secret, nil); got == "" {
		t.Fatal("a token of nobody's was accepted")
	}
	if body := c.get(of).body; strings.Contains(body, "bob@example.com") || len(dom.Text(body, ".attempt")) != 1 {
		t.Errorf("one provider: %s", body)
	}
	if body := c.get(all).body; !strings.Contains(body, "bob@example.com") || len(dom.Text(body, ".attempt")) != 2 {
		t.Errorf("all: %s", body)
	}
}

// A stream ends within a second when its administrator is none any more, or is signed out, on whichever replica that happens, and says
// so. Nobody else gets one.
//
// SECURITY D4, E5
func TestLiveWindowEndsWithTheRight(t *testing.T) {
	for name, end := range map[string]func(b, other *bridge, c *browser){
		"no administrator": func(_, other *bridge, c *browser) {
			a := other.find("second@example.com")
			other.admin().call("DELETE", fmt.Sprintf("/api/v1/people/%d/groups/%d", a.ID, sso.Administrators), nil, nil)
		},
		"signed out": func(b, _ *bridge, c *browser) { c.post("/auth/logout", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			other := replica(t, b)
			b.admin()
			c := b.as("second@example.com", sso.Administrators)
			at := c.window("")
			stream := c.listen(at)
			stream.event(t, time.Second)
			end(b, other, c)
			stream.ends(t, "You are signed out, or no administrator any more", 1500*time.Millisecond)
			if again := c.get(strings.Replace(at, "/live?", "/live/events?", 1), "Accept: text/event-stream"); again.StatusCode == http.StatusOK {
				t.Error("a stream once more: got 200")
			}
		})
	}
	b := start(t)
	at := strings.Replace(b.admin().window(""), "/live?", "/live/events?", 1)
	for who, c := range map[string]*browser{"nobody": b.browser(), "a plain person": b.as("ann@example.com")} {
		if resp := c.get(at, "Accept: text/event-stream"); resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d", who, resp.StatusCode)
		}
	}
}

// A page of another site opens none: it would take the places of those that the administrator watches.
//
// SECURITY G1
func TestLiveWindowOfAnotherSite(t *testing.T) {
	b := start(t)
	c := b.admin()
	at := strings.Replace(c.window(""), "/live?", "/live/events?", 1)
	for _, header := range []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Site: cross-site", "Origin: https://app.bridge.example", "Origin: null"} {
		if resp := c.get(at, "Accept: text/event-stream", header); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", header, resp.StatusCode)
		}
	}
	for _, header := range []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Accept-Language: en"} {
		if resp := c.send("HEAD", at, "", header); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d, want 200", header, resp.StatusCode)
		}
	}
}

// Twenty tabs keep three streams, the newest. The others say so.
func TestLiveWindowInManyTabs(t *testing.T) {
	b := start(t)
	c := b.admin()
	at := c.window("")
	var tabs []*listener
	for range 20 {
		tab := c.listen(at)
		if name, _, _ := tab.event(t, 2*time.Second); name != "came" {
			t.Fatalf("got %q", name)
		}
		tabs = append(tabs, tab)
	}
	for _, tab := range tabs[:17] {
		tab.ends(t, "You watch in other tabs", time.Second)
	}
	if got := b.signIn(secret, nil); got != "" {
		t.Fatal(got)
	}
	for _, tab := range tabs[17:] {
		if name, _, _ := tab.event(t, time.Second); name != "came" {
			t.Errorf("one of the last three: got %q", name)
		}
	}
}

// There are thirty streams on a replica. Whoever comes then is told, and gets one when another has ended.
func TestLiveWindowsHaveABound(t *testing.T) {
	b := start(t)
	at := b.admin().window("")
	var first *listener
	for i := range 10 {
		c := b.as(fmt.Sprintf("admin%d@example.com", i), sso.Administrators)
		for range 3 {
			l := c.listen(at)
			l.event(t, 2*time.Second)
			if first == nil {
				first = l
			}
		}
	}
	c := b.admin()
	c.listen(at).ends(t, "As many of these windows are open", time.Second)
	first.resp.Body.Close()
	for range 100 {
		if name, _, _ := c.listen(at).event(t, 2*time.Second); name == "came" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a stream that ended left no room")
}

// A window watches for half an hour, and then says so. A stream is no use of its session, which ends as if nobody were there.
func TestLiveWindowOvernight(t *testing.T) {
	b := start(t, "SESSION_TIMEOUT=10m")
	c := b.admin()
	at := c.window("")
	stream := c.listen(at)
	stream.event(t, time.Second)
	b.ahead.Store(int64(9 * time.Minute))
	time.Sleep(time.Second) // it looks three times
	b.ahead.Store(int64(11*time.Minute + 30*time.Second))
	if resp := c.get("/admin"); resp.StatusCode != http.StatusFound {
		t.Errorf("after eleven minutes with nothing but a stream: got %d, want a sign-in", resp.StatusCode)
	}
	c = b.admin()
	at = c.window("")
	b.ahead.Store(int64(15 * time.Minute))
	stream = c.listen(at)
	stream.event(t, time.Second)
	opened, _ := url.ParseQuery(at[strings.Index(at, "?")+1:])
	opened.Set("opened", fmt.Sprint(b.now().Add(-31*time.Minute).Unix()))
	old := "/admin/try/live?" + opened.Encode()
	c.listen(old).ends(t, "has stopped", time.Second)
	if page := c.get(old); strings.Contains(page.body, "data-live") || !strings.Contains(page.body, "watched for 30 minutes") {
		t.Errorf("a window of before: %s", page.body)
	}
}

// At the end of the server streams end at once, so that they keep nobody waiting. A browser comes back to another replica.
func TestLiveWindowAtTheEndOfTheServer(t *testing.T) {
	b := start(t)
	c := b.admin()
	at := c.window("")
	var stream *listener
	var began time.Time
	t.Run("a replica", func(t *testing.T) {
		going := replica(t, b)
		admin := going.signedIn("root@example.com", 0)
		admin.b = &bridge{t: b.t, url: going.url} // the stream outlives this test
		stream = admin.listen(at)
		stream.event(t, time.Second)
		began = time.Now() // the server ends with this test
	})
	if name, data, _ := stream.event(t, 5*time.Second); name != "over" {
		t.Errorf("got %q %q, want the end of the stream, and no word that it is for good", name, data)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the server took %v to end", took)
	}
}
