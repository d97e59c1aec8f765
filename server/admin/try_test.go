package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

func TestExplain(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"]}`)
	c := b.admin()
	good := b.token(secret, claims{"groups": []string{"ext"}, "region": "<script>north"})
	for _, tt := range []struct {
		name, text string
		accepted   bool
		code       string
	}{
		{"a token", good, true, ""},
		{"with spaces around it", " " + good + "\n", true, ""},
		{"a callback", b.url + "/auth/sso?jwt=" + good + "&return_to=%2Fx", true, ""},
		{"a callback without the host", "/auth/sso?jwt=" + good, true, ""},
		{"a callback that leads elsewhere", b.url + "/auth/sso?jwt=" + good + "&return_to=https%3A%2F%2Fevil.example", false, "return_to_refused"},
		{"of another key", b.token(otherSecret, nil), false, "token_signature"},
		{"no token", "hello", false, "token_malformed"},
		{"a refusal of the identity provider", b.url + "/auth/sso?error=access_denied", false, "provider_refused"},
		{"a code that nobody takes", b.url + "/auth/sso?code=abc", false, "code_exchange_failed"},
		{"no answer", b.url + "/auth/sso", false, "sign_in_circle"},
		{"another address", "https://x/?jwt=" + good, false, "sign_in_circle"},
		{"a token twice", b.url + "/auth/sso?jwt=a&jwt=b", false, "request_malformed"},
		{"another site's nonsense", "://?%", false, "sign_in_circle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got struct {
				Accepted bool
				Code     string
				Advice   string
				Checks   []sso.Check
				Groups   []string
			}
			resp := c.call("POST", "/api/v1/explain", map[string]string{"token": tt.text}, &got)
			if got.Accepted != tt.accepted || got.Code != tt.code || len(got.Checks) == 0 || (got.Advice == "") != tt.accepted {
				t.Errorf("got %d %+v, want accepted %v, code %q and checks", resp.StatusCode, got, tt.accepted, tt.code)
			}
			page := c.post("/admin/try", url.Values{"token": {tt.text}})
			if page.StatusCode != http.StatusOK || strings.Contains(page.body, "<script>north") || strings.Contains(page.body, "would be accepted") != tt.accepted {
				t.Errorf("page: got %d, want accepted %v", page.StatusCode, tt.accepted)
			}
		})
	}
	for _, text := range []string{"", "  ", b.url + "/auth/sso?handoff=abc"} {
		resp := c.post("/admin/try", url.Values{"token": {text}})
		if resp.StatusCode != http.StatusBadRequest || !dom.Has(resp.body, `[id="token-error"]`) {
			t.Errorf("%q: got %d, want 400 with an error at the field", text, resp.StatusCode)
		}
	}
	if resp := c.post("/admin/try", url.Values{"token": {sso.NewReference()}}); resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.body, "search for it under Activity") {
		t.Errorf("a reference: got %d, want 400 that leads to Activity", resp.StatusCode)
	}
	if _, err := b.store.AccountByEmail(t.Context(), "ann@example.com"); err == nil {
		t.Error("explaining made an account")
	}
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("a sign-in afterwards: got %q", got)
	}
}

// A trial goes to the identity provider and comes back to a report; the administrator stays who he is.
func TestTrial(t *testing.T) {
	for _, binding := range []string{"off", "state"} {
		t.Run(binding, func(t *testing.T) {
			b := start(t, "JWT_BINDING="+binding)
			c := b.admin()
			to := c.post("/admin/try/begin", nil).leads(t)
			if to.Host != "idp.example" {
				t.Fatalf("begin: got a way to %q, want the identity provider", to)
			}
			callback := "/auth/sso?jwt=" + b.token(secret, claims{"nonce": to.Query().Get("nonce")})
			if state := to.Query().Get("state"); state != "" {
				callback += "&state=" + state
			}
			back := c.get(callback)
			location := back.Header.Get("Location")
			if back.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, "/admin/try/report?id=") {
				t.Fatalf("callback: got %d to %q, want 303 to the report", back.StatusCode, location)
			}
			if other := b.as("other@example.com", sso.Administrators).get(location); other.StatusCode != http.StatusNotFound {
				t.Errorf("the report as another administrator: got %d, want 404", other.StatusCode)
			}
			c.send("HEAD", location, "").want(t, http.StatusOK, "") // does not use it up
			report := c.get(location)
			if report.StatusCode != http.StatusOK || !strings.Contains(report.body, "would be accepted") || !strings.Contains(report.body, "ann@example.com") {
				t.Errorf("report: got %d %s", report.StatusCode, sso.Truncate(report.body, 500))
			}
			if again := c.get(location); again.StatusCode != http.StatusNotFound {
				t.Errorf("report once more: got %d, want 404", again.StatusCode)
			}
			var who struct{ Email string }
			c.call("GET", "/api/user/current", nil, &who)
			if who.Email != "root@example.com" {
				t.Errorf("signed in as %q, want root@example.com", who.Email)
			}
			if _, err := b.store.AccountByEmail(t.Context(), "ann@example.com"); err == nil {
				t.Error("the trial made an account")
			}
			if next := c.get(callback); strings.Contains(next.Header.Get("Location"), "/admin/try") {
				t.Error("a second callback was taken for the trial's")
			}
		})
	}
}

// A trial that was not begun here stays a sign-in, whatever cookie comes with it.
func TestTrialIsBoundToTheSession(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.post("/admin/try/begin", nil)
	at, _ := url.Parse(b.url)
	var planted *http.Cookie
	for _, cookie := range c.Jar.Cookies(at) {
		if cookie.Name == "ssobridge-trial" {
			planted = cookie
		}
	}
	if planted == nil {
		t.Fatal("no cookie")
	}
	for name, other := range map[string]*browser{
		"nobody": b.browser(), "a plain person": b.as("ann@example.com"), "another administrator": b.as("other@example.com", sso.Administrators),
	} {
		other.Jar.SetCookies(at, []*http.Cookie{{Name: planted.Name, Value: planted.Value, Path: "/"}})
		if resp := other.get("/auth/sso?jwt=" + b.token(secret, nil)); strings.Contains(resp.Header.Get("Location"), "/admin/try") {
			t.Errorf("%s: got a report, want an ordinary sign-in", name)
		}
	}
	if resp := b.as("plain@example.com").post("/admin/try/begin", nil); resp.StatusCode != http.StatusForbidden {
		t.Errorf("begin as a plain person: got %d, want 403", resp.StatusCode)
	}
}

// A service token has its report, too, on the page and by the API: whose it is, its key, and until when.
func TestExplainServiceToken(t *testing.T) {
	b := start(t)
	c := b.admin()
	var account struct{ ID int64 }
	c.call("POST", "/api/v1/service-accounts", map[string]any{"name": "etl"}, &account)
	var made struct {
		Token string
		ID    string
	}
	resp := c.call("POST", fmt.Sprintf("/api/v1/service-accounts/%d/tokens", account.ID), map[string]any{"name": "one", "ttl": "Unlimited"}, &made)
	if made.Token == "" {
		t.Fatalf("got %d", resp.StatusCode)
	}
	var got struct {
		Accepted, Endless          bool
		Use, Provider, Key, Caller string
		Account                    string
	}
	c.call("POST", "/api/v1/explain", map[string]string{"token": made.Token}, &got)
	if !got.Accepted || !got.Endless || got.Use != "service" || got.Provider != "service" || got.Key == "" || got.Caller != "etl" || got.Account != "none" {
		t.Errorf("got %+v", got)
	}
	page := c.post("/admin/try", url.Values{"token": {made.Token}})
	for _, want := range []string{"A request with this token of a service account would be accepted", "<dt>Ends</dt><dd>never</dd>", "<code>" + got.Key + "</code>", "<bdi>etl</bdi>"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("page: no %q", want)
		}
	}
}
