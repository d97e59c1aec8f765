package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// People are found by how they sign in and when they did last, and the page says how many there are.
func TestPeopleFilters(t *testing.T) {
	b := start(t)
	c := b.admin()
	if got := b.signIn(secret, claims{"email": "ann@example.com"}); got != "" {
		t.Fatal(got)
	}
	b.account("new@example.com", b.group("Sales"))
	gone := b.account("gone@example.com")
	c.form(fmt.Sprintf("/people/%d/state", gone), "active", "no")
	for query, want := range map[string]string{
		"": "ann gone new root", "provider=jwt": "ann", "group=Sales": "new", "group=Administrators": "root", "seen=never": "gone new root", "seen=90": "",
		"state=deactivated": "gone", "seen=never&state=active": "new root", "sort=newest": "gone new ann root", "seen=nonsense": "ann gone new root", "group=Sales&seen=never&search=ne": "new",
	} {
		page := c.get("/admin/people?" + query)
		var got []string
		for _, email := range dom.Text(page.body, "th[scope=row] a") {
			got = append(got, strings.TrimSuffix(email, "@example.com"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
		if count := strings.Join(dom.Text(page.body, "caption"), ""); want != "" && count != map[int]string{1: "1 person"}[len(got)] && count != fmt.Sprintf("%d people", len(got)) {
			t.Errorf("%s: got the count %q of %d", query, count, len(got))
		}
	}
	for _, path := range []string{"/admin/people?provider=jwt", fmt.Sprint("/admin/people/", b.find("ann@example.com").ID), "/admin/activity?kind=sign_in"} {
		if body := c.get(path).body; !strings.Contains(body, "<bdi>Your product</bdi>") || strings.Contains(body, "<bdi>jwt</bdi>") {
			t.Errorf("%s: got the provider by another name than that of its page", path)
		}
	}
	contains(t, c.get("/admin/people?group=Sale"), 400, "There is no group of this name", `[name="group"][value="Sale"]`)
	contains(t, c.get("/admin/people?seen=90"), 200, "Nobody here is like this")
	presets := dom.Attr(c.get("/admin/people").body, ".presets a", "href")
	for _, href := range presets {
		if got := dom.Text(c.get(href).body, ".presets [aria-current=page]"); len(got) != 1 {
			t.Errorf("%s: got %q marked", href, got)
		}
	}
	if len(presets) < 5 {
		t.Errorf("got the presets %q", presets)
	}
	for i := range 52 {
		b.account(fmt.Sprintf("p%d@example.com", i))
	}
	contains(t, c.get("/admin/people"), 200, "56 people")
	contains(t, c.get("/admin/people?state=active"), 200, "55 people")
	var list struct{ People []personOut }
	c.call("GET", "/api/v1/people?provider=jwt&newest=true", nil, &list)
	if len(list.People) != 1 || list.People[0].Email != "ann@example.com" {
		t.Errorf("API: got %+v", list.People)
	}
}

// What will happen to those who are ticked is said first, and nothing happens before it is confirmed. The only administrator
// stays, and keeps nobody else from it.
func TestSeveralPeople(t *testing.T) {
	b := start(t)
	c := b.admin()
	ann, bob := b.as("ann@example.com"), b.as("bob@example.com")
	ids := []string{}
	for _, name := range []string{"root", "ann", "bob"} {
		ids = append(ids, fmt.Sprint(b.find(name+"@example.com").ID))
	}
	form := url.Values{"person": ids, "do": {"deactivate"}, "back": {"search=example&evil=1"}}
	asked := c.post("/admin/people/selected", form)
	contains(t, asked, 200, "Deactivate 3 people?", "3 sessions end at once", "You are one of them", `[href="/admin/people?search=example"]`)
	if !b.find("ann@example.com").Active || ann.get("/api/user/current").StatusCode != 200 {
		t.Fatal("it happened before it was confirmed")
	}
	confirmed := fieldsOf(asked.body, `form[action$="/selected"]`)
	if !slices.Equal(confirmed["person"], ids) || confirmed.Get("confirmed") != "yes" {
		t.Fatalf("the form that confirms: got %v", confirmed)
	}
	done := c.post("/admin/people/selected", confirmed)
	contains(t, done, 200, "2 people are deactivated", "Not changed. This is the only administrator")
	if ann.get("/api/user/current").StatusCode != http.StatusUnauthorized || bob.get("/api/user/current").StatusCode != http.StatusUnauthorized || c.get("/admin").StatusCode != 200 {
		t.Error("somebody who was deactivated is signed in, or the administrator is not")
	}
	undo := fieldsOf(done.body, `form[action$="/selected"]`)
	contains(t, c.post("/admin/people/selected", undo), 200, "2 people are active")
	if !slices.Equal(undo["person"], ids[1:]) || !b.find("ann@example.com").Active || !b.find("bob@example.com").Active {
		t.Errorf("undone: got %v", undo)
	}

	b.group("Sales")
	form = url.Values{"person": ids[1:], "do": {"add"}}
	contains(t, c.post("/admin/people/selected", form), 200, "Add 2 people to a group?", `option[value="Sales"]`)
	form.Set("confirmed", "yes")
	form.Set("group", "Sale")
	contains(t, c.post("/admin/people/selected", form), 400, "There is no group of this name", `[name="group"][value="Sale"]`)
	form.Set("group", "Sales")
	contains(t, c.post("/admin/people/selected", form), 200, "2 people are in Sales")
	if got := b.groupsOf("bob@example.com"); !slices.Equal(got, []string{"Sales"}) {
		t.Errorf("groups: got %q", got)
	}
	b.as("bob@example.com")
	contains(t, c.post("/admin/people/selected", url.Values{"person": {ids[2]}, "do": {"sign_out"}, "confirmed": {"yes"}}), 200, "1 person is signed out everywhere: 1 session is over")
	contains(t, c.post("/admin/people/selected", url.Values{"do": {"deactivate"}, "confirmed": {"yes"}}), 400, "Nobody is ticked")
	contains(t, c.post("/admin/people/selected", url.Values{"do": {"nothing"}, "person": {"x", "99999", ids[1]}}), 400)
	var out struct {
		Done []int64
		Kept []struct {
			ID  int64
			Why string
		}
	}
	c.call("POST", "/api/v1/people/selected", map[string]any{"people": []int64{999, b.find("bob@example.com").ID}, "action": "deactivate"}, &out)
	if len(out.Done) != 1 || len(out.Kept) != 1 || out.Kept[0].ID != 999 || out.Kept[0].Why == "" {
		t.Errorf("API: got %+v", out)
	}
}

// A colleague becomes an administrator from their page, which says what that means, and is none again.
func TestMakeAnAdministrator(t *testing.T) {
	b := start(t)
	c := b.admin()
	ann := b.as("ann@example.com")
	page := fmt.Sprint("/admin/people/", b.find("ann@example.com").ID)
	make := `section[aria-labelledby="administrator"] form`
	contains(t, c.get(page), 200, "Not an administrator", "sees and changes everything here")
	form := c.fields(page, make)
	form.Set("do", "add")
	c.post(page+"/groups", form)
	if got := b.groupsOf("ann@example.com"); !slices.Equal(got, []string{"Administrators"}) || ann.get("/admin").StatusCode != 200 {
		t.Errorf("groups: got %q", got)
	}
	contains(t, c.get(page), 200, "is an administrator of this bridge")
	form = c.fields(page, make)
	form.Set("do", "remove")
	c.post(page+"/groups", form)
	if ann.get("/admin").StatusCode == 200 {
		t.Error("is an administrator still")
	}
	contains(t, c.post(fmt.Sprintf("/admin/people/%d/groups", b.find("root@example.com").ID), form), http.StatusConflict, "only administrator")
}
