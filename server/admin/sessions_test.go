package admin_test

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// open opens a session of somebody as the store has it, and returns what names it.
func (b *bridge) open(email string, s sso.Session) (ref string) {
	b.t.Helper()
	a, err := b.store.AccountByEmail(b.t.Context(), email)
	if err != nil {
		b.t.Fatal(err)
	}
	s.Hash, _ = sso.HashSessionID(sso.NewSessionID())
	s.AccountID, s.CreatedAt, s.ExpiresAt = a.ID, b.now(), b.now().Add(time.Hour)
	bridgetest.InsertSession(b.t, b.db, s)
	return hex.EncodeToString(s.Hash[:])
}

// Sessions are found by person, way in, role, last use and device, on the page and in the API; the page says how many there are.
//
// SECURITY D4
func TestSessionFilters(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.account("ann@example.com")
	b.account("bob@example.com")
	now := b.now()
	b.open("ann@example.com", sso.Session{Provider: "jwt", LastUsed: now, UserAgent: "Mozilla/5.0 (Windows) Chrome/1 Edg/1"})
	b.open("bob@example.com", sso.Session{Provider: "jwt", LastUsed: now.Add(-26 * time.Hour), UserAgent: "Mozilla/5.0 (Windows) Chrome/1"})
	b.open("bob@example.com", sso.Session{Provider: sso.WayPasskey, LastUsed: now.Add(-8 * 24 * time.Hour), UserAgent: "Mozilla/5.0 (iPhone) Safari/1"})
	for query, want := range map[string]string{
		"": "ann bob bob root", "way=jwt": "ann bob", "way=*": "ann bob", "way=passkey": "bob", "way=password": "root", "role=administrator": "root",
		"unused=day": "bob bob", "unused=week": "bob", "unused=month": "", "device=Edge": "ann", "device=Chrome": "bob", "device=Windows": "ann bob", "device=nonsense": "ann bob bob root",
		"person=bob%40example.com&device=iPhone": "bob", "person=bob%40example.com&role=administrator": "", "way=*&device=Firefox": "",
	} {
		page := c.get("/admin/sessions?" + query)
		var got []string
		for _, email := range dom.Text(page.body, "th[scope=row] a") {
			got = append(got, strings.TrimSuffix(email, "@example.com"))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if count := strings.Join(dom.Text(page.body, "caption"), ""); want != "" && !strings.HasPrefix(count, map[int]string{1: "1 session", 2: "2 sessions", 4: "4 sessions"}[len(got)]) {
			t.Errorf("%s: got the count %q of %d", query, count, len(got))
		}
	}
	contains(t, c.get("/admin/sessions?way=jwt"), 200, "through <bdi>Your product</bdi>", `option[value="jwt"][selected]`)
	contains(t, c.get("/admin/sessions?unused=month"), 200, "No session is like this")
	for query, want := range map[string]int{"local=true": 2, "local=false&device=Edge": 1, "administrator=true": 1, "provider=jwt&limit=1": 1, "unused_since=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)): 2} {
		var list struct{ Sessions []struct{ Ref string } }
		if c.call("GET", "/api/v1/sessions?"+query, nil, &list); len(list.Sessions) != want {
			t.Errorf("API %s: got %d, want %d", query, len(list.Sessions), want)
		}
	}
	if resp := c.call("GET", "/api/v1/sessions?device=Toaster", nil, nil); resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.body, "Firefox") {
		t.Errorf("API with a device that there is not: got %d %s", resp.StatusCode, resp.body)
	}
	for range 52 {
		b.open("ann@example.com", sso.Session{Provider: "jwt", LastUsed: now})
	}
	contains(t, c.get("/admin/sessions"), 200, "56 sessions", `a[rel="next"]`)
	contains(t, c.get("/admin/sessions?way=jwt"), 200, "54 sessions", `a[rel="next"][href*="way=jwt"]`)
	contains(t, c.get("/admin/sessions?person=ann%40example.com"), 200, "53 sessions")
}

// Sessions that are ticked are shown with their numbers, and end when that is confirmed: at once, each with its event. Those
// that are over meanwhile are left out.
//
// SECURITY D4
func TestSessionsSelected(t *testing.T) {
	b := start(t)
	c := b.admin()
	ann, bob, eve := b.as("ann@example.com"), b.as("bob@example.com"), b.as("eve@example.com")
	var refs []string
	page := c.get("/admin/sessions").body
	for _, ref := range dom.Attr(page, `input[name="ticked"]`, "value") {
		if !strings.Contains(strings.Join(dom.Text(page, "#person-"+ref[:12]), ""), "eve@") {
			refs = append(refs, ref)
		}
	}
	form := url.Values{"ticked": append(refs, "nonsense", strings.Repeat("0", 64)), "back": {"device=Safari&done=saved"}}
	asked := c.post("/admin/sessions/selected", form)
	contains(t, asked, 200, "End 3 sessions?", "They are of 3 people", "One of them is yours", `a[href="/admin/sessions?device=Safari"]`)
	ann.get("/api/user/current").want(t, 200, "")
	if kept := dom.Attr(asked.body, `form input[name="ticked"]`, "value"); len(kept) != 3 {
		t.Fatalf("got %d sessions in the form, want 3", len(kept))
	}
	own := dom.Attr(c.get("/admin/sessions?person=root%40example.com").body, `input[name="ticked"]`, "value")
	form["ticked"] = slices.DeleteFunc(refs, func(ref string) bool { return slices.Contains(own, ref) })
	form.Set("confirmed", "yes")
	done := c.post("/admin/sessions/selected", form)
	contains(t, done, 200, "2 sessions are over.", `a[href="/admin/sessions?device=Safari"]`)
	for _, gone := range []*browser{ann, bob} {
		gone.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	}
	eve.get("/api/user/current").want(t, 200, "")
	contains(t, c.post("/admin/sessions/selected", form), 200, "0 sessions are over.")
	events, _, err := b.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventSession}})
	if err != nil || len(events) != 2 || events[0].Actor != "root@example.com" || events[0].AccountID == events[1].AccountID {
		t.Errorf("events: got %+v, %v, want one of each", events, err)
	}
	contains(t, c.post("/admin/sessions/selected", url.Values{"back": {"%zz"}}), 400, "No session is ticked")
	contains(t, c.post("/admin/sessions/selected", url.Values{"confirmed": {"yes"}}), 400, "it needs one to 500")

	var ended struct{ Ended int }
	var list struct{ Sessions []struct{ Ref, Email string } }
	c.call("GET", "/api/v1/sessions?administrator=false", nil, &list)
	var last []string
	for _, s := range list.Sessions {
		if s.Email == "eve@example.com" {
			last = append(last, s.Ref, s.Ref)
		}
	}
	if c.call("POST", "/api/v1/sessions/selected", map[string]any{"sessions": last}, &ended); ended.Ended != 1 {
		t.Errorf("API: got %d ended, want 1", ended.Ended)
	}
	eve.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	if resp := c.call("POST", "/api/v1/sessions/selected", map[string]any{"sessions": []string{}}, nil); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("API without any: got %d", resp.StatusCode)
	}
}

// Groups are sorted by name or by how many people are in them, on each page of the list.
func TestGroupsSorted(t *testing.T) {
	b := start(t)
	c := b.admin()
	for _, name := range []string{"a.Few", "B many", "c none", "1.x"} {
		b.group(name)
	}
	group := func(name string) int64 {
		g, err := b.store.GroupByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return g.ID
	}
	b.account("ann@example.com", group("a.Few"), group("B many"), group("1.x"))
	b.account("bob@example.com", group("B many"))
	want := []string{"All Users", "B many", "1.x", "a.Few", "Administrators", "c none"}
	for _, limit := range []string{"1", "2", "50"} {
		var got []string
		for after := ""; ; {
			var list struct {
				Groups []struct{ Name string }
				Next   string
				Total  int
			}
			if resp := c.call("GET", "/api/v1/groups?largest=true&limit="+limit+"&after="+url.QueryEscape(after), nil, &list); resp.StatusCode != 200 || list.Total != 6 {
				t.Fatalf("got %d %s", resp.StatusCode, resp.body)
			}
			for _, g := range list.Groups {
				got = append(got, g.Name)
			}
			if after = list.Next; after == "" || len(got) > 10 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s a page: got %q, want %q", limit, got, want)
		}
	}
	page := c.get("/admin/groups?sort=members")
	if got := dom.Text(page.body, "tbody th a"); !slices.Equal(got, want) || !dom.Has(page.body, `th[aria-sort="descending"]`) {
		t.Errorf("page: got %q", got)
	}
	contains(t, c.get("/admin/groups"), 200, `th[aria-sort="ascending"]`, "6 groups")
	contains(t, c.get("/admin/groups?sort=members&search=m"), 200, `option[value="members"][selected]`, "2 groups")
	contains(t, c.get("/admin/groups?sort=members&after=x"), 400)
	for i := range 60 {
		b.group("g" + strings.Repeat("x", i+1))
	}
	contains(t, c.get("/admin/groups?sort=members"), 200, `a[rel="next"][href*="sort=members"]`)
}
