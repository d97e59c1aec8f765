package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

func TestGroupPages(t *testing.T) {
	b := start(t, `JWT_GROUP_MAPPINGS={"extById":[3],"extNamed":["Named"]}`)
	c := b.admin()
	for i := range 60 {
		b.group(fmt.Sprintf("Group %02d", i)) // Named, which the mapping has made, is 3
	}
	page := c.get("/admin/groups")
	contains(t, page, 200, "All Users", "built in", "63 groups", "Group 47")
	if strings.Contains(page.body, "Group 48") {
		t.Error("got more than 50 groups on a page")
	}
	contains(t, c.get(linkOf(t, page.body, "Next")), 200, "Group 48", "Group 59", "<bdi>extById</bdi>, <bdi>extNamed</bdi>", "Back to the beginning")
	contains(t, c.get("/admin/groups?search=GROUP+5"), 200, "10 groups", "Group 50")
	contains(t, c.get("/admin/groups?search=nothing"), 200, "There is no such group")

	contains(t, c.form("/groups", "name", "group 1,2"), 400, "has no comma", `[value="group 1,2"]`)
	contains(t, c.form("/groups", "name", "Group 01"), 409, "is there already", `[value="Group 01"]`)
	contains(t, c.form("/groups", "name", "administrators"), 400, "too like the built-in group")
	resp := c.form("/groups", "name", " Sales ")
	sales := b.group("Sales")
	resp.want(t, 303, fmt.Sprintf("/admin/groups/%d?done=group-made", sales))

	path := fmt.Sprint("/groups/", sales)
	contains(t, c.form(path+"/rename", "name", "Group 01"), 409, "is there already", `[value="Group 01"]`)
	contains(t, c.form(path+"/rename", "name", ""), 400, "not empty")
	c.form(path+"/rename", "name", "Vendors").want(t, 303, "/admin"+path+"?done=group-renamed")
	contains(t, c.get("/admin"+path), 200, "<bdi>Vendors</bdi></h1>", "no group of your product")
	c.form(path+"/delete").want(t, 303, "/admin/groups?done=group-deleted")
	contains(t, c.get("/admin"+path), 404)
	if got, want := b.events(sso.EventGroup)[:2], fmt.Sprintf("group %d renamed: %q → %q", sales, "Sales", "Vendors"); got[1] != want {
		t.Errorf("events: got %q, want the second to be %q", got, want)
	}

	// A mapping that names the group would make it again.
	named := fmt.Sprint("/groups/", b.group("Named"))
	contains(t, c.get("/admin"+named), 200, "The mapping of extNamed names this group by its name")
	contains(t, c.form(named+"/delete"), 409, "The mapping of extNamed names this group by its name")
	contains(t, c.form(named+"/rename", "name", "Other"), 409, "change the mapping first")
	for id, name := range map[int64]string{sso.AllUsers: "All Users", sso.Administrators: "Administrators"} {
		builtIn := fmt.Sprint("/groups/", id)
		contains(t, c.form(builtIn+"/delete"), 403, "is built in")
		contains(t, c.form(builtIn+"/rename", "name", "Mine"), 403, "is built in")
		if page := c.get("/admin" + builtIn); strings.Contains(page.body, "/delete") || !strings.Contains(page.body, name) {
			t.Errorf("%s: got a page that offers to delete it", name)
		}
	}
	contains(t, c.get("/admin/groups/1"), 200, "everyone, for ever")
}

func TestGroupMembers(t *testing.T) {
	b := start(t)
	c := b.admin()
	group := b.group("Sales")
	path := fmt.Sprint("/groups/", group)
	for i := range 55 {
		b.account(fmt.Sprintf("p%02d@example.com", i), group)
	}
	b.account("ann@example.com")
	page := c.get("/admin" + path)
	contains(t, page, 200, "<dd>55</dd>", "p49@example.com", "Added by an administrator")
	contains(t, c.get(linkOf(t, page.body, "Next")), 200, "p54@example.com")
	c.form(path+"/members", "do", "add", "person", " ANN@example.com ").want(t, 303, "/admin"+path+"?done=member-added")
	contains(t, c.get("/admin"+path), 200, "<dd>56</dd>", "ann@example.com")
	c.form(path+"/members", "do", "remove", "person", "ann@example.com").want(t, 303, "/admin"+path+"?done=member-removed")
	again := c.form(path+"/members", "do", "add", "person", "nobody@example.com")
	contains(t, again, 400, "There is no account with this e-mail", `[value="nobody@example.com"]`)
	contains(t, c.get(linkOf(t, again.body, "Next")), 200, "p54@example.com")
	contains(t, c.form("/groups/2/members", "do", "remove", "person", "root@example.com"), 409, "only administrator who is active")
	contains(t, c.form("/groups/1/members", "do", "add", "person", "ann@example.com"), 403, "Everyone is in All Users")
}

func TestGroupsByAPI(t *testing.T) {
	b := start(t, `JWT_GROUP_MAPPINGS={"ext":[2]}`)
	c := b.admin()
	type groupOut struct {
		ID      int64
		Name    string
		Members int
		BuiltIn bool     `json:"built_in"`
		From    []string `json:"mapped_from"`
	}
	for _, slip := range []string{`{"name":"A","name":"B"}`, `{"Name":"A"}`, `{"name":"A","nmae":"B"}`, `{"name":"A"}{}`} {
		resp := c.send("POST", "/api/v1/groups", "application/json\n"+slip, "Sec-Fetch-Site: same-origin")
		if resp.StatusCode != 400 || !strings.Contains(resp.body, `"code":"invalid"`) {
			t.Errorf("%s: got %d %s", slip, resp.StatusCode, resp.body)
		}
	}
	var made groupOut
	c.call("POST", "/api/v1/groups", map[string]any{"name": "Sales"}, &made)
	path := fmt.Sprint("/api/v1/groups/", made.ID)
	ann := b.account("ann@example.com", made.ID)
	var list struct {
		Groups []groupOut
		Total  int
		Next   string
	}
	c.call("GET", "/api/v1/groups?limit=2", nil, &list)
	if list.Total != 3 || len(list.Groups) != 2 || list.Groups[0].Name != "Administrators" || list.Groups[0].From[0] != "ext" || !list.Groups[0].BuiltIn {
		t.Errorf("list: got %+v", list)
	}
	c.call("GET", "/api/v1/groups?limit=2&after="+url.QueryEscape(list.Next), nil, &list)
	if len(list.Groups) != 1 || list.Groups[0].Name != "Sales" || list.Groups[0].Members != 1 || list.Next != "" {
		t.Errorf("second page: got %+v", list)
	}
	var members struct{ People []personOut }
	c.call("GET", fmt.Sprint("/api/v1/people?group=", made.ID), nil, &members)
	if len(members.People) != 1 || members.People[0].ID != ann {
		t.Errorf("members: got %+v", members)
	}
	for _, tt := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"PATCH", path, map[string]any{"name": "Vendors"}, 204},
		{"PATCH", path, map[string]any{"name": "a,b"}, 400},
		{"PATCH", path, map[string]any{"name": "Administrators"}, 409},
		{"PATCH", "/api/v1/groups/2", map[string]any{"name": "x"}, 403},
		{"PATCH", "/api/v1/groups/99", map[string]any{"name": "x"}, 404},
		{"DELETE", "/api/v1/groups/1", nil, 403},
		{"DELETE", path + "?members=1", nil, 204},
		{"DELETE", path + "?members=1", nil, 404},
		{"POST", "/api/v1/groups", map[string]any{"name": "x", "id": 7}, 400},
	} {
		if resp := c.call(tt.method, tt.path, tt.body, nil); resp.StatusCode != tt.want {
			t.Errorf("%s %s %v: got %d, want %d: %s", tt.method, tt.path, tt.body, resp.StatusCode, tt.want, resp.body)
		}
	}
}

// SECURITY D4
func TestSessionPages(t *testing.T) {
	b := start(t, "SESSION_TIMEOUT=2h")
	c := b.admin()
	ann, bob := b.as("ann@example.com"), b.as("bob@example.com")
	page := c.get("/admin/sessions")
	contains(t, page, 200, "ann@example.com", "bob@example.com", "root@example.com", "this browser", "through <bdi>password</bdi>")
	one := c.get("/admin/sessions?person=ann%40example.com")
	if strings.Contains(one.body, "bob@") {
		t.Error("the filter shows others")
	}
	contains(t, c.get("/admin/sessions?person=nobody@example.com"), 400, "There is no account with this e-mail", `[value="nobody@example.com"]`)
	contains(t, c.get("/admin/sessions?after=1.zz"), 400)

	var list struct {
		Sessions []struct {
			Ref, Email, Device string
			Current            bool
		}
	}
	c.call("GET", fmt.Sprint("/api/v1/sessions?person=", b.find("ann@example.com").ID), nil, &list)
	if len(list.Sessions) != 1 || list.Sessions[0].Email != "ann@example.com" || list.Sessions[0].Current {
		t.Fatalf("list: got %+v", list)
	}
	ref := list.Sessions[0].Ref
	cookie := &http.Cookie{Name: "ssobridge", Value: ref}
	stolen := b.browser()
	at, _ := url.Parse(b.url)
	stolen.Jar.SetCookies(at, []*http.Cookie{cookie})
	stolen.get("/api/user/current", "Accept: application/json").want(t, 401, "") // what the list shows is no key
	c.form("/sessions", "session", ref, "back", "person=ann%40example.com").want(t, 303, "/admin/sessions?person=ann%40example.com&done=session-ended")
	ann.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	bob.get("/api/user/current").want(t, 200, "")
	contains(t, c.form("/sessions", "session", ref), 404, "This session is over already")
	contains(t, c.form("/sessions", "session", "../x"), 404, "This session is over already")

	b.as("bob@example.com")
	id := b.find("bob@example.com").ID
	c.form(fmt.Sprintf("/people/%d/sessions", id), "all", "yes").want(t, 303, fmt.Sprintf("/admin/people/%d?done=sessions-ended", id))
	bob.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	again := b.as("bob@example.com")
	c.call("GET", fmt.Sprint("/api/v1/sessions?person=", id), nil, &list)
	if resp := c.call("DELETE", "/api/v1/sessions/"+list.Sessions[0].Ref, nil, nil); resp.StatusCode != 204 {
		t.Errorf("DELETE: got %d", resp.StatusCode)
	}
	again.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	var ended struct{ Ended int }
	b.as("bob@example.com")
	b.as("bob@example.com")
	if c.call("DELETE", fmt.Sprintf("/api/v1/people/%d/sessions", id), nil, &ended); ended.Ended != 2 {
		t.Errorf("DELETE of all: got %+v, want 2 ended", ended)
	}
	list2, _, err := b.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventSession}})
	if err != nil || len(list2) != 4 {
		t.Fatalf("events: got %d, %v, want 4", len(list2), err)
	}
	for _, e := range list2 {
		if e.Actor != "root@example.com" || e.Email == "" || e.AccountID == 0 || strings.Contains(e.Detail, ref) {
			t.Errorf("event: got %+v, want who did it to whom, and no session", e)
		}
	}
}

// What another provider's mapping leads to stays, too.
//
// SECURITY G8
func TestGroupsOfAnotherProviderStay(t *testing.T) {
	b := start(t, "PROVIDERS=dex", "PROVIDER_DEX_IDENTITY_PROVIDER_URI=https://dex.example/", "PROVIDER_DEX_SHARED_SECRET=d"+secret[:40]+"9",
		`PROVIDER_DEX_GROUP_MAPPINGS={"verkauf":["Sales"]}`)
	c := b.admin()
	c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"]}`)
	sales := b.group("Sales")
	b.account("ann@example.com", sales)
	resp := c.call("PUT", "/api/v1/mapping", map[string]any{"version": c.version(), "mode": "off", "mappings": map[string]any{}, "unmapped": map[string]string{"ext": "delete"}}, nil)
	if resp.StatusCode != 200 || !strings.Contains(resp.body, `"removed":0,"deleted":[]`) {
		t.Errorf("without the first mapping: got %d %s", resp.StatusCode, resp.body)
	}
	for method, path := range map[string]string{"PATCH": "", "DELETE": "?members=1"} {
		in := map[string]any{"name": "Selling"}
		if method == "DELETE" {
			in = nil
		}
		if resp := c.call(method, fmt.Sprintf("/api/v1/groups/%d%s", sales, path), in, nil); resp.StatusCode != 409 || !strings.Contains(resp.body, "the mapping of verkauf names this group") {
			t.Errorf("%s: got %d %s", method, resp.StatusCode, resp.body)
		}
	}
	if got := b.groupsOf("ann@example.com"); len(got) != 1 || got[0] != "Sales" {
		t.Errorf("got ann in %q", got)
	}
}

// Deleting a group tells how many leave it, and asks; told another number, it asks anew. It can be brought back once, whole.
//
// SECURITY G8
func TestGroupIsDeletedAndBroughtBack(t *testing.T) {
	b := start(t)
	c := b.admin()
	sales := b.group("Sales")
	b.account("ann@example.com", sales)
	path := fmt.Sprint("/groups/", sales)
	page := c.get("/admin" + path)
	contains(t, page, 200, "1 person leaves it at once", `[name="members"][value="1"]`, "Delete Sales</button>")
	b.account("bob@example.com", sales)
	contains(t, c.post("/admin"+path+"/delete", formTo(t, page.body, "/admin"+path+"/delete")), 409, "2 people are in this group now, not 1 as you were told", "2 people leave it at once", `details[class="or"][open]`)
	contains(t, c.form(path+"/delete"), 400, "2 people are in this group")
	for query, want := range map[string]int{"": 400, "?members=1": 409, "?members=x": 400} {
		var p problem
		if resp := c.call("DELETE", "/api/v1"+path+query, nil, &p); resp.StatusCode != want {
			t.Errorf("DELETE %q: got %d %+v, want %d", query, resp.StatusCode, p, want)
		}
	}
	if resp := c.call("DELETE", "/api/v1"+path+"?members=2", nil, nil); resp.StatusCode != 204 {
		t.Fatalf("DELETE with the number: got %d %s", resp.StatusCode, resp.body)
	}
	if got := b.groupsOf("ann@example.com"); len(got) != 0 {
		t.Errorf("groups: got %q, want none", got)
	}
	page = c.get("/admin/groups")
	contains(t, page, 200, "Deleted lately", "with 2 members")
	back := formTo(t, page.body, "/admin/groups/restore")
	b.group("Sales") // another one
	contains(t, c.post("/admin/groups/restore", back), 409, "another group")
	other := b.group("Sales")
	c.form(fmt.Sprint("/groups/", other, "/delete"), "members", "0").want(t, 303, "/admin/groups?done=group-deleted")
	c.post("/admin/groups/restore", back).want(t, 303, "/admin"+path+"?done=group-restored")
	if got := b.groupsOf("bob@example.com"); len(got) != 1 || got[0] != "Sales" || b.group("Sales") != sales {
		t.Errorf("brought back: got bob in %q, and Sales as %d, want %d", got, b.group("Sales"), sales)
	}
	contains(t, c.post("/admin/groups/restore", back), 409, "brought back already")
	events := b.events(sso.EventGroup)
	if want := fmt.Sprintf("group %d, %q, brought back with 2 members", sales, "Sales"); events[0] != want {
		t.Errorf("event: got %q, want %q", events[0], want)
	}
}
