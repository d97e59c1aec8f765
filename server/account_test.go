package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// Everybody who is signed in finds their own sessions, also where an app has the path /, and ends them: one, or all others.
//
// SECURITY D4, G1
func TestOwnSessions(t *testing.T) {
	const firefox, iphone = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database, "PATH_PREFIX=/_sso", "UPSTREAM="+app(t).URL)
		b.browser().get("/_sso/auth/account", page).want(t, 302, "/_sso/login?return_to=%2F_sso%2Fauth%2Faccount")
		in := func(agent string, with claims) *browser {
			c := b.browser()
			c.get("/_sso/auth/sso?jwt="+b.token(with), agent).want(t, 302, "/")
			return c
		}
		const name = `<b>عادل</b> "Ann"`
		here, there := in(firefox, claims{"n": 1, "first_name": name}), in(iphone, claims{"n": 2, "first_name": name})
		third, stranger := in(iphone, claims{"n": 3, "first_name": name}), in(firefox, claims{"email": "bob@example.com"})
		shown := here.get("/_sso/auth/account", page)
		if got := dom.Text(shown.body, "h1 bdi"); shown.StatusCode != 200 || len(got) != 1 || got[0] != name+" Lee" { // SECURITY K3
			t.Errorf("got %d and the name %q", shown.StatusCode, got)
		}
		if got := strings.Join(dom.Text(shown.body, ".rows strong"), ", "); got != "Firefox on Linux, Safari on iPhone, Safari on iPhone" || len(dom.Text(shown.body, ".rows .badge")) != 1 {
			t.Errorf("got the devices %s", got)
		}
		refs := dom.Attr(shown.body, `.rows input[name="session"]`, "value")
		end := func(c *browser, headers []string, pairs ...string) response {
			return c.send("POST", "/_sso/auth/logout", form(pairs...), append([]string{page}, headers...)...)
		}
		hashes := func(c *browser) string {
			value := c.cookie()
			hash, _ := sso.HashSessionID(value)
			return fmt.Sprintf("%x", hash)
		}
		if refused := end(here, []string{"Sec-Fetch-Site: cross-site"}, "scope", "others"); refused.StatusCode != 403 || b.sessions() != 4 {
			t.Errorf("a form of another site: got %d, and %d sessions", refused.StatusCode, b.sessions())
		}
		end(here, nil, "scope", "session", "session", hashes(stranger)).want(t, 303, "/_sso/auth/account?done=over")
		if b.sessions() != 4 {
			t.Error("somebody else's session ended")
		}
		end(here, nil, "scope", "session", "session", refs[0]).want(t, 303, "/_sso/auth/account?done=session")
		if e := b.lastEvent(); e.Kind != sso.EventSession || e.Email != "ann@example.com" || b.sessions() != 3 {
			t.Errorf("got the event %+v, and %d sessions", e, b.sessions())
		}
		end(here, nil, "scope", "session", "session", refs[0]).want(t, 303, "/_sso/auth/account?done=over") // of a stale page
		end(here, nil, "scope", "others").want(t, 303, "/_sso/auth/account?done=others")
		for what, c := range map[string]*browser{"there": there, "third": third} {
			if resp := c.get("/_sso/auth/verify"); resp.StatusCode != 401 {
				t.Errorf("%s: got %d after it was ended", what, resp.StatusCode)
			}
		}
		if b.sessions() != 2 || here.get("/_sso/auth/verify").StatusCode != 200 {
			t.Errorf("got %d sessions, want this one and the stranger's", b.sessions())
		}
		done := here.get("/_sso/auth/account?done=others", page)
		if got := dom.Text(done.body, `[role="status"]`); len(got) != 1 || got[0] != "You are signed out everywhere else." {
			t.Errorf("got the notice %q", got)
		}
		if odd := here.get("/_sso/auth/account?done=%3Cscript%3E", page); odd.StatusCode != 200 || dom.Has(odd.body, `[role="status"]`) {
			t.Errorf("an odd notice: got %d", odd.StatusCode)
		}
	})
}
