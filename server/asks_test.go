package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// SECURITY H1, H4: a requirement that is misspelt lets nobody in, rather than everybody; the log says what is wrong.
func TestProxyAsksOddly(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", "TRUSTED_PROXIES=127.0.0.1", "BEARER_PARAMETER=access_token", `ACCESS_RULES=[{"path":"/public","allow":"public"}]`)
	if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	ann, anyone := b.browser(), b.browser()
	ann.signIn(claims{"groups": []string{"Sales"}})
	id := ann.cookie()
	const groups = "groups are asked for as ?group=A&group=B"
	for _, tt := range []struct {
		query           string
		verify, forward int // as Ann
		logged          string
	}{
		{"", 200, 200, ""},
		{"?", 200, 200, ""},
		{"?group=Sales", 200, 200, ""},
		{"?group=Other&group=Sales", 200, 200, ""},
		{"?access_token=" + id, 200, 200, ""},
		{"?group=Sales&access_token=" + id, 200, 200, ""},
		{"?with=cookies", 403, 200, ""},
		{"?groups=Sales", 403, 403, "groups is no parameter of /auth/"},
		{"?groups=Sales", 403, 403, groups},
		{"?Group=Sales", 403, 403, "Group is no parameter"},
		{"?group[]=Sales", 403, 403, "group[] is no parameter"},
		{"?allowed_groups=Sales", 403, 403, "allowed_groups is no parameter"},
		{"?group=Sales&groups=Other", 403, 403, "groups is no parameter"},
		{"?rd=/x", 403, 403, "rd is no parameter"},
		{"?Access_token=" + id, 403, 403, "Access_token is no parameter"},
		{"?=Sales", 403, 403, "odd name"},
		{"?" + id, 403, 403, "one with an odd name is no parameter"}, // SECURITY K1
		{"?group=", 403, 403, "parameter group is empty"},
		{"?group", 403, 403, "parameter group is empty"},
		{"?group=Sales&group=", 403, 403, "parameter group is empty"},
		{"?group=Sales,Other", 403, 403, "no comma"},
		{"?group=%20Sales", 403, 403, "no group's name"},
		{"?group=%zz", 403, 403, "cannot be read"},
		{"?group=Sales;x", 403, 403, "cannot be read"},
		{"?with=cookie", 403, 403, ""},
		{"?with=signin", 403, 403, ""},
		{"?with=", 403, 403, ""},
		{"?with=cookies&with=sign_in", 403, 403, ""},
		{"?with=cookies&with=cookies", 403, 403, ""},
		{"?With=cookies", 403, 403, "With is no parameter"},
	} {
		for route, want := range map[string]int{"/auth/verify": tt.verify, "/auth/forward": tt.forward} {
			b.log.Reset()
			b.Pass(1e10) // between two of these lines
			resp := ann.get(route+tt.query, asked(b, "GET", "/page")...)
			if resp.StatusCode != want {
				t.Errorf("%s%s: got %d, want %d", route, tt.query, resp.StatusCode, want)
			}
			if log := b.log.String(); want == 403 && (!strings.Contains(log, "level=ERROR") || !strings.Contains(log, tt.logged) || strings.Contains(log, id)) {
				t.Errorf("%s%s: logged %s, want %q at error", route, tt.query, log, tt.logged)
			}
			for _, name := range identityHeaders {
				if want == 403 && resp.Header.Get(name) != "" {
					t.Errorf("%s%s: answered with %s", route, tt.query, name)
				}
			}
			if want == 403 { // whoever asks, and whatever for
				if got := anyone.get(route+tt.query, asked(b, "GET", "/public")...).StatusCode; got != 403 {
					t.Errorf("%s%s, signed out: got %d, want 403", route, tt.query, got)
				}
			}
		}
	}
	if ann.get("/auth/forward?with=signin", asked(b, "GET", "/")...); !strings.Contains(b.log.String(), "one of cookies, sign_in") {
		t.Errorf("logged %s", b.log)
	}
	// A Caddyfile that says "uri /auth/forward" hands on what clients ask for.
	b.Pass(1e10)
	if ann.get("/auth/forward?tab=2", asked(b, "GET", "/page?tab=2")...); !strings.Contains(b.log.String(), "write uri /auth/forward? with the question mark") {
		t.Errorf("logged %s", b.log)
	}
	b.log.Reset()
	for range 50 {
		anyone.get("/auth/verify?groups=x")
	}
	if n := strings.Count(b.log.String(), "level=ERROR"); n > 5 {
		t.Errorf("got %d lines of what anyone may ask, want 5 at most", n)
	}
	if got := ann.send(http.MethodHead, "/auth/verify?groups=x", "").StatusCode; got != 403 {
		t.Errorf("HEAD: got %d, want 403", got)
	}
}

// Whoever is kept out by a group is in the log, whichever way the group is asked for; who is signed out is not.
func TestOutsiderIsLogged(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true", `ACCESS_RULES=[{"path":"/sales","allow":["Sales","Support"]}]`)
	ann, anyone := b.browser(), b.browser()
	ann.signIn(nil)
	account := fmt.Sprintf("account=%v", ann.who()["id"])
	ann.get("/auth/verify") // see TestVerifyFollowsNoRules
	for _, target := range []string{"/auth/verify?group=Sales&group=Support", "/auth/forward?group=Sales&group=Support", "/auth/forward", "/sales"} {
		b.log.Reset()
		resp := ann.get(target, asked(b, "GET", "/sales")...)
		line := b.log.String()
		if resp.StatusCode != 403 || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: got %d, logged %q, want 403 and one line", target, resp.StatusCode, line)
		}
		for _, want := range []string{"level=INFO", "msg=refused", "code=forbidden", "status=403", account, `[\"Sales\" \"Support\"]`, "request_id=" + resp.Header.Get("X-Request-Id"), "peer=127.0.0.1"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: logged %s, want %s in it", target, line, want)
			}
		}
		if strings.Contains(line, ann.cookie()) || strings.Contains(line, "ann@") { // SECURITY K1
			t.Errorf("%s: logged %s", target, line)
		}
	}
	b.log.Reset()
	if anyone.get("/auth/verify?group=Sales"); b.log.String() != "" {
		t.Errorf("signed out: logged %s", b.log)
	}
}

// /auth/verify does not know which page is wanted: that rules have no effect there is said once.
func TestVerifyFollowsNoRules(t *testing.T) {
	const said = "ACCESS_RULES are not followed by /auth/verify"
	b := start(t, "TRUSTED_PROXIES=127.0.0.1", `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`)
	c := b.browser()
	c.signIn(nil)
	c.get("/auth/forward", asked(b, "GET", "/page")...)
	if strings.Contains(b.log.String(), said) {
		t.Error("said though nobody asked /auth/verify")
	}
	for range 3 {
		if got := c.get("/auth/verify").StatusCode; got != 200 {
			t.Errorf("got %d, want 200", got)
		}
	}
	if n := strings.Count(b.log.String(), said); n != 1 || !strings.Contains(b.log.String(), "level=ERROR") {
		t.Errorf("said %d times, want once: %s", n, b.log)
	}
	plain := start(t)
	plain.browser().get("/auth/verify")
	if strings.Contains(plain.log.String(), said) {
		t.Error("said without rules")
	}
}
