package admin_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

type listedPerson struct {
	ID     int64  `json:"id"`
	Email  string `json:"email"`
	Active bool   `json:"active"`
}

// person finds an account by its e-mail through the API.
func (c *browser) person(email string) listedPerson {
	c.b.t.Helper()
	var list struct {
		People []listedPerson `json:"people"`
	}
	c.call("GET", "/api/v1/people?search="+url.QueryEscape(email), nil, &list)
	if len(list.People) != 1 {
		c.b.t.Fatalf("people named %s: got %+v", email, list.People)
	}
	return list.People[0]
}

// A person is found, deactivated, kept out, and comes back; the last administrator stays.
func TestListedPeople(t *testing.T) {
	b := start(t)
	c := b.admin()
	if code := b.signIn(secret, claims{"email": "ada@example.com", "department": "Research"}); code != "" {
		t.Fatalf("sign-in: %s", code)
	}
	ada := c.person("ada@example.com")
	page := fmt.Sprintf("/admin/people/%d", ada.ID)
	b.as("bob@example.com")
	if body := c.get("/admin/people?search=ADA").body; !strings.Contains(body, "ada@example.com") || strings.Contains(body, "bob@example.com") {
		t.Error("search does not find her alone")
	}
	if body := c.get(page).body; !strings.Contains(body, "Research") || !strings.Contains(body, "department") {
		t.Error("her page does not show what the sign-in sent")
	}
	c.post(page+"/state", url.Values{"active": {"no"}})
	if got := c.person("ada@example.com"); got.Active {
		t.Error("she is still active")
	}
	if code := b.signIn(secret, claims{"email": "ada@example.com", "jti": "2"}); code != string(sso.AccountDisabled) {
		t.Errorf("sign-in of a deactivated person: got %q", code)
	}
	if resp := c.call("PATCH", fmt.Sprintf("/api/v1/people/%d", ada.ID), map[string]bool{"active": true}, nil); resp.StatusCode/100 != 2 {
		t.Errorf("reactivate: got %d %s", resp.StatusCode, resp.body)
	}
	if code := b.signIn(secret, claims{"email": "ada@example.com", "jti": "3"}); code != "" {
		t.Errorf("sign-in afterwards: got %q", code)
	}
	root := c.person("root@example.com")
	for _, try := range []struct{ method, path string }{
		{"PATCH", fmt.Sprintf("/api/v1/people/%d", root.ID)}, {"DELETE", fmt.Sprintf("/api/v1/people/%d/groups/2", root.ID)},
	} {
		resp := c.call(try.method, try.path, map[string]bool{"active": false}, nil)
		if resp.StatusCode != http.StatusConflict || !strings.Contains(resp.body, "only administrator") {
			t.Errorf("%s %s: got %d %s, want the last administrator kept", try.method, try.path, resp.StatusCode, resp.body)
		}
	}
	for _, path := range []string{"/admin/people/999999", "/admin/people/x", "/admin/people/-1", "/admin/groups/999999"} {
		if got := c.get(path).StatusCode; got != http.StatusNotFound && got != http.StatusBadRequest {
			t.Errorf("%s: got %d", path, got)
		}
	}
	for _, path := range []string{"/admin/people", "/admin/groups", "/admin/sessions", "/admin/activity"} { // keys that nobody gave out
		for _, after := range []string{"x", "%00", "1.x", strings.Repeat("9", 200), "'; DROP TABLE accounts; --"} {
			if got := c.get(path + "?after=" + url.QueryEscape(after)).StatusCode; got >= 500 {
				t.Errorf("%s after %.20q: got %d", path, after, got)
			}
		}
	}
}

// Own attributes win over those of sign-ins, and outlive them; who saves on an old page is told.
func TestListedAttributes(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.signIn(secret, claims{"email": "ada@example.com", "department": "Research"})
	path := fmt.Sprintf("/api/v1/people/%d/attributes", c.person("ada@example.com").ID)
	sales, law := "Sales", "Law"
	if resp := c.call("PATCH", path, map[string]any{"set": map[string]*string{"department": &sales}}, nil); resp.StatusCode/100 != 2 {
		t.Fatalf("set: got %d %s", resp.StatusCode, resp.body)
	}
	b.signIn(secret, claims{"email": "ada@example.com", "department": "Elsewhere", "jti": "2"})
	account, err := b.store.AccountByEmail(t.Context(), "ada@example.com")
	if err != nil || account.Attributes()["department"] != "Sales" || account.Synced["department"] != "Elsewhere" {
		t.Errorf("after a sign-in: got %+v, %v", account, err)
	}
	stale := map[string]any{"set": map[string]*string{"department": &law}, "was": map[string]string{"department": "Old"}}
	if resp := c.call("PATCH", path, stale, nil); resp.StatusCode != http.StatusConflict {
		t.Errorf("on an old page: got %d %s", resp.StatusCode, resp.body)
	}
}

// Groups are made, renamed, filled and deleted; built-in ones stay, and what was typed stays in a form that failed.
func TestListedGroups(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.signIn(secret, claims{"email": "ada@example.com"})
	c.post("/admin/groups", url.Values{"name": {"Sales"}})
	group, err := b.store.GroupByName(t.Context(), "Sales")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Sales", "all users", "a,b", "", "<script>alert(1)</script>,"} {
		resp := c.post("/admin/groups", url.Values{"name": {name}})
		if resp.StatusCode/100 == 2 || resp.StatusCode == http.StatusSeeOther || strings.Contains(resp.body, "<script>alert") {
			t.Errorf("group %q: got %d", name, resp.StatusCode)
		}
		if name == "a,b" && !dom.Has(resp.body, `[value="a,b"]`) {
			t.Error("what was typed is gone")
		}
	}
	page := fmt.Sprintf("/admin/groups/%d", group.ID)
	c.post(page+"/members", url.Values{"person": {"ada@example.com"}})
	if body := c.get(page).body; !strings.Contains(body, "ada@example.com") {
		t.Error("the group does not show its member")
	}
	c.post(page+"/rename", url.Values{"name": {"Verkauf"}})
	if got, err := b.store.Group(t.Context(), group.ID); err != nil || got.Name != "Verkauf" {
		t.Errorf("renamed: got %+v, %v", got, err)
	}
	for _, id := range []int64{sso.AllUsers, sso.Administrators} {
		if resp := c.call("DELETE", fmt.Sprintf("/api/v1/groups/%d", id), nil, nil); resp.StatusCode/100 == 2 {
			t.Errorf("built-in group %d: deleted", id)
		}
	}
	if resp := c.call("DELETE", fmt.Sprintf("/api/v1/groups/%d?members=1", group.ID), nil, nil); resp.StatusCode/100 != 2 {
		t.Errorf("delete: got %d %s", resp.StatusCode, resp.body)
	}
	if _, err := b.store.Group(t.Context(), group.ID); sso.CodeOf(err) != sso.NotFound {
		t.Errorf("deleted: got %v", err)
	}
}

// An administrator signs one session out, and a person everywhere: at once.
//
// SECURITY D4
func TestListedSessions(t *testing.T) {
	b := start(t)
	c, ada := b.admin(), b.as("ada@example.com")
	var list struct {
		Sessions []struct {
			Ref, Email string
			Current    bool
		} `json:"sessions"`
	}
	c.call("GET", "/api/v1/sessions", nil, &list)
	for _, s := range list.Sessions {
		if s.Email == "ada@example.com" {
			c.post("/admin/sessions", url.Values{"session": {s.Ref}})
		}
	}
	if got := ada.get("/api/user/current").StatusCode; len(list.Sessions) != 2 || got != http.StatusUnauthorized {
		t.Errorf("of %d sessions one ended: got %d", len(list.Sessions), got)
	}
	one, two := b.as("ada@example.com"), b.as("ada@example.com")
	if resp := c.call("DELETE", fmt.Sprintf("/api/v1/people/%d/sessions", c.person("ada@example.com").ID), nil, nil); resp.StatusCode/100 != 2 {
		t.Errorf("everywhere: got %d %s", resp.StatusCode, resp.body)
	}
	for _, browser := range []*browser{one, two} {
		if got := browser.get("/api/user/current").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("everywhere: got %d", got)
		}
	}
	if got := c.get("/api/user/current").StatusCode; got != http.StatusOK {
		t.Errorf("the administrator: got %d", got)
	}
}

// A refusal is found by what the person saw, explained in words, and comes out as a file that no spreadsheet executes.
func TestListedActivity(t *testing.T) {
	b := start(t)
	c := b.admin()
	if code := b.signIn(secret, claims{"email": "=cmd@example.com", "exp": b.now().Unix() - 3600}); code != string(sso.TokenExpired) {
		t.Fatalf("sign-in: got %q", code)
	}
	b.signIn(secret, claims{"email": "=cmd@example.com", "first_name": "<script>alert(1)</script>", "jti": "1"})
	b.signIn(secret, claims{"email": "=cmd@example.com", "jti": "1"}) // used up: the trail knows whose it was
	var list struct {
		Events []struct{ Code, Reference, Advice, Email string } `json:"events"`
	}
	c.call("GET", "/api/v1/activity?kind=sign_in_refused&code=token_expired", nil, &list)
	if len(list.Events) != 1 || list.Events[0].Advice == "" || len(list.Events[0].Reference) != 8 {
		t.Fatalf("got %+v", list)
	}
	body := c.get("/admin/activity?reference=" + list.Events[0].Reference).body
	if !strings.Contains(body, "token_expired") || strings.Contains(body, "token_replayed</code>") {
		t.Error("the page does not show the refusal alone")
	}
	if body := c.get("/admin/activity").body; strings.Contains(body, "<script>alert") {
		t.Error("a name is markup")
	}
	rows, err := csv.NewReader(strings.NewReader(c.get("/admin/activity.csv").body)).ReadAll()
	if err != nil || len(rows) < 4 {
		t.Fatalf("CSV: %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("a spreadsheet would execute %q", cell)
			}
		}
	}
	if lines := strings.Split(strings.TrimSpace(c.get("/admin/activity.jsonl").body), "\n"); len(lines) != len(rows)-1 {
		t.Errorf("JSON lines: got %d, CSV has %d", len(lines), len(rows)-1)
	}
}
