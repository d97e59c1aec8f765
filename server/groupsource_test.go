package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/slapd"
)

// groupsOf are the names of the groups of whoever a browser has signed in.
func groupsOf(c *browser) string {
	c.b.t.Helper()
	var names []string
	for _, g := range c.who()["groups"].([]any) {
		names = append(names, fmt.Sprint(g.(map[string]any)["name"]))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// One sign-in after the other through the front door, with a real directory. SECURITY E5, E13
func TestSignInWithDirectory(t *testing.T) {
	d := slapd.Start(t)
	onEach(t, func(t *testing.T, database string) {
		settings := []string{database, "JWT_ATTRIBUTE_SUBJECT=sub", "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"staff":["Staff"],"admins":[2],"research":["Research"]}`,
			"JWT_GROUPS_ORDER=token,ldap", "LDAP_ENABLED_FILTER=(!(userAccountControl:1.2.840.113556.1.4.803:=2))", "LDAP_CACHE=0"}
		for _, kv := range d.Environ() {
			settings = append(settings, strings.TrimPrefix(kv, "SSOBRIDGE_"))
		}
		b := start(t, settings...)
		ada := claims{"email": "ada@example.org", "sub": "ada"}
		c := b.browser()
		c.signIn(ada).want(t, 302, "/")
		if got := groupsOf(c); got != "All Users, Research, Staff" {
			t.Errorf("groups of the directory: got %s", got)
		}
		d.Delete(t, "cn=staff,"+slapd.Groups)
		c.signIn(claims{"email": "ada@example.org", "sub": "ada", "jti": "later"}).want(t, 302, "/")
		if got := groupsOf(c); got != "All Users, Research" {
			t.Errorf("after a group of groups has gone: got %s", got)
		}
		d.AddGroup(t, "staff", "cn=science,"+slapd.Groups)
		c.signIn(claims{"email": "ada@example.org", "sub": "ada", "groups": []string{}}).want(t, 302, "/")
		if got := groupsOf(c); got != "All Users" {
			t.Errorf("the token says none: got %s", got)
		}
		if code := b.signsIn(b.token(claims{"email": "bob@example.org", "sub": "bob"})); code != sso.PersonNotAllowed {
			t.Errorf("somebody who is switched off: got %s", code)
		}
		for i, name := range []string{"*", "ada)(uid=*", `\2a`, "eve"} {
			c := b.browser()
			c.signIn(claims{"email": fmt.Sprintf("eve%d@example.org", i), "sub": name}).want(t, 302, "/")
			if got := groupsOf(c); got != "All Users" {
				t.Errorf("%q: got %s", name, got)
			}
		}
	})
}

// An endpoint is a source that the test holds.
type endpoint struct {
	*httptest.Server
	asked  atomic.Int64
	status atomic.Int64
	hold   chan struct{} // nil: it answers at once
}

func newEndpoint(t *testing.T, hold chan struct{}) *endpoint {
	e := &endpoint{hold: hold}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		e.asked.Add(1)
		if hold != nil {
			<-hold
		}
		if status := e.status.Load(); status != 0 {
			w.WriteHeader(int(status))
		}
		io.WriteString(w, `{"groups":["staff"]}`)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) settings(more ...string) []string {
	return append([]string{"JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"staff":["Staff"]}`, "JWT_GROUPS_ORDER=token,endpoint", "JWT_GROUPS_ENDPOINT_URL=" + e.URL,
		"JWT_GROUPS_ENDPOINT_TIMEOUT=5s"}, more...)
}

// While a source takes its time, the database is free, and twenty sign-ins of one person have one question.
func TestSlowGroupSource(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		e := newEndpoint(t, make(chan struct{}))
		b := start(t, e.settings(database)...)
		const n = 20
		codes := make(chan sso.Code, n)
		go ssotest.AtOnce(n, func(i int) {
			codes <- b.signsIn(b.token(claims{"email": "ada@example.org", "jti": fmt.Sprint("slow-", i)}))
		})
		for deadline := time.Now().Add(20 * time.Second); e.asked.Load() == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if code := b.signsIn(b.token(claims{"email": "bea@example.org", "groups": []string{"staff"}})); code != "" {
			t.Errorf("somebody whose groups the token says, meanwhile: got %s", code)
		}
		close(e.hold)
		for range n {
			if code := <-codes; code != "" {
				t.Errorf("once the source answered: got %s", code)
			}
		}
		if asked := e.asked.Load(); asked != 1 {
			t.Errorf("the source was asked %d times, want once", asked)
		}
	})
}

// SECURITY E13: a source that fails lets nobody in, or leaves memberships alone.
func TestGroupSourceFails(t *testing.T) {
	e := newEndpoint(t, nil)
	refuse := start(t, e.settings("JWT_GROUPS_ENDPOINT_CACHE=0")...)
	keep := start(t, e.settings("JWT_GROUPS_ENDPOINT_CACHE=0", "JWT_GROUPS_ON_FAILURE=keep")...)
	ada := claims{"email": "ada@example.org"}
	kept := keep.browser()
	kept.signIn(ada).want(t, 302, "/")
	e.status.Store(500)
	c := refuse.browser()
	token := refuse.token(ada)
	resp := c.get("/auth/sso?jwt="+token, "Accept: application/problem+json")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(resp.body, string(sso.GroupsUnavailable)) || strings.Contains(resp.body, "500") {
		t.Errorf("refuse: got %d, Retry-After %q, %s", resp.StatusCode, resp.Header.Get("Retry-After"), resp.body)
	}
	if event := refuse.lastEvent(); event.Code != sso.GroupsUnavailable || !strings.Contains(event.Detail, "answered with status 500") {
		t.Errorf("event: got %+v", event)
	}
	kept.signIn(claims{"email": "ada@example.org", "jti": "while it fails"}).want(t, 302, "/")
	if got := groupsOf(kept); got != "All Users, Staff" {
		t.Errorf("keep: got %s", got)
	}
	e.status.Store(0)
	if code := refuse.signsIn(token); code != "" {
		t.Errorf("the same token, once the source is back: got %s", code)
	}
	e.status.Store(404)
	kept.signIn(claims{"email": "ada@example.org", "jti": "later"}).want(t, 302, "/")
	if got := groupsOf(kept); got != "All Users" {
		t.Errorf("the source knows nobody of that name any more: got %s", got)
	}
}

// What an API client may do is what the source says of its name, too; while the source fails, a token that was not seen yet
// lets nobody in.
func TestBearerAsksGroupSources(t *testing.T) {
	e := newEndpoint(t, nil)
	b, issuer := startAPI(t, "PROVIDER_API_GROUPS_ORDER=endpoint", "PROVIDER_API_GROUPS_ON_FAILURE=keep", "PROVIDER_API_GROUPS_ENDPOINT_URL="+e.URL,
		"PROVIDER_API_GROUPS_ENDPOINT_CACHE=0", `PROVIDER_API_GROUP_MAPPINGS={"staff":["Staff"],"readers":["Readers"]}`)
	first := issuer.token(claims{"jti": "1", "groups": []string{"readers"}})
	another := issuer.token(claims{"jti": "2", "groups": []string{"readers"}})
	verify := func(token string) response {
		return b.browser().get("/auth/verify", "Authorization: Bearer "+token)
	}
	if resp := verify(first); resp.StatusCode != 200 || resp.Header.Get("Remote-Groups") != "All Users,Staff" {
		t.Errorf("got %d, %q", resp.StatusCode, resp.Header.Get("Remote-Groups"))
	}
	e.status.Store(500)
	if resp := verify(another); resp.StatusCode != 503 || resp.Header.Get("Remote-Groups") != "" {
		t.Errorf("another token, while the source fails: got %d, %q", resp.StatusCode, resp.Header.Get("Remote-Groups"))
	}
}
