package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// account makes a person and returns the id.
func (b *bridge) account(email string, groups ...int64) int64 {
	b.t.Helper()
	a, err := b.store.CreateAccount(b.t.Context(), sso.Account{Email: email, Active: true}, "", groups, sso.Event{Kind: sso.EventAccount})
	if err != nil {
		b.t.Fatal(err)
	}
	return a.ID
}

func (b *bridge) find(email string) sso.Account {
	b.t.Helper()
	a, err := b.store.AccountByEmail(b.t.Context(), email)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// form posts name and value in turn to a page below /admin.
func (c *browser) form(path string, pairs ...string) response {
	c.b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return c.post("/admin"+path, values)
}

type personOut struct {
	ID         int64
	Email      string
	Active     bool
	LastLogin  *time.Time `json:"last_login"`
	Attributes []struct {
		Name, Value, Source string
		SignIn              *string `json:"sign_in"`
	}
	Groups []struct {
		ID           int64
		Name, Source string
	}
	IDPGroups *[]string `json:"idp_groups"`
}

func (b *bridge) person(c *browser, id int64) personOut {
	b.t.Helper()
	var p personOut
	if resp := c.call("GET", fmt.Sprint("/api/v1/people/", id), nil, &p); resp.StatusCode != http.StatusOK {
		b.t.Fatalf("person %d: %d %s", id, resp.StatusCode, resp.body)
	}
	return p
}

// contains wants an answer with these words. What ends with ] is a CSS selector, which an element of the page matches.
func contains(t *testing.T, r response, status int, wants ...string) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("%s %s: got %d, want %d; %s", r.Request.Method, r.Request.URL, r.StatusCode, status, sso.Truncate(r.body, 300))
	}
	for _, want := range wants {
		if !shows(r.body, want) {
			_, main, _ := strings.Cut(r.body, "<main")
			t.Errorf("%s %s: got no %q in %s", r.Request.Method, r.Request.URL, want, sso.Truncate(main, 3000))
		}
	}
}

// shows reports whether a page has words, or an element that a CSS selector in brackets matches.
func shows(page, want string) bool {
	if strings.HasSuffix(want, "]") {
		return dom.Has(page, want)
	}
	return strings.Contains(page, want)
}

func TestPeopleListAndSearch(t *testing.T) {
	b := start(t)
	c := b.admin()
	for i := range 60 {
		b.account(fmt.Sprintf("person%02d@example.com", i))
	}
	gone := b.account("gone@example.com")
	c.form(fmt.Sprintf("/people/%d/state", gone), "active", "no").want(t, 303, fmt.Sprintf("/admin/people/%d?done=deactivated", gone))
	page := c.get("/admin/people?search=person")
	contains(t, page, 200, "person00@example.com", "person49@example.com", `[rel="next"]`)
	if strings.Contains(page.body, "person50@") || strings.Contains(page.body, "gone@") {
		t.Errorf("got more than 50 people, or others than searched for")
	}
	next := linkOf(t, page.body, "Next")
	contains(t, c.get(next), 200, "person50@example.com", "person59@example.com", "Back to the beginning")
	if got := linkOf(t, c.get(next).body, "Back to the beginning"); got != "/admin/people?search=person" {
		t.Errorf("the way back: got %q", got)
	}
	contains(t, c.get("/admin/people?state=deactivated"), 200, "gone@example.com", "deactivated")
	contains(t, c.get("/admin/people?search=nobody"), 200, "Nobody here")
	contains(t, c.get("/admin/people?search="+strings.Repeat("x", 5000)), 200, "Nobody here")

	var list struct {
		People []personOut
		Next   string
	}
	c.call("GET", "/api/v1/people?search=PERSON&limit=7&active=true", nil, &list)
	if len(list.People) != 7 || list.Next == "" || list.People[0].Email != "person00@example.com" || list.People[0].LastLogin != nil {
		t.Errorf("got %d people, next %q", len(list.People), list.Next)
	}
	for path, want := range map[string]int{
		"?limit=x": 400, "?active=perhaps": 400, "?after=" + url.QueryEscape("1' OR 1=1 --"): 400, "?after=-1": 200, "?after=999999": 200,
		"?group=999": 200, "?limit=100000": 200, "?group=x": 400,
	} {
		if resp := c.call("GET", "/api/v1/people"+path, nil, nil); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d: %s", path, resp.StatusCode, want, resp.body)
		}
	}
	contains(t, c.get("/admin/people?after=x"), 400)
}

func TestMakeAPerson(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.group("Sales")
	contains(t, c.get("/admin/people/new"), 200, `option[value="Sales"]`)
	resp := c.form("/people/new", "email", " ada@example.com ", "first_name", "Ada", "last_name", "Lovelace", "group", "Sales")
	ada := b.find("ada@example.com")
	resp.want(t, 303, fmt.Sprintf("/admin/people/%d?done=person-made", ada.ID))
	contains(t, c.get(resp.Header.Get("Location")), 200, "The account is made", "Ada Lovelace")
	if diff := cmp.Diff([]string{"Sales"}, b.groupsOf("ada@example.com")); diff != "" || ada.HasPassword {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if code := b.signIn(secret, claims{"email": "ada@example.com"}); code != "" {
		t.Errorf("sign-in of the new person: got %s", code)
	}
	for _, tt := range []struct {
		name   string
		fields []string
		status int
		want   []string // on the page: the error, and what was typed
	}{
		{"no e-mail", []string{"email", "ada", "first_name", "Augusta"}, 400, []string{"Not an e-mail address", `[value="ada"]`, `[value="Augusta"]`, `[aria-invalid]`}},
		{"taken", []string{"email", "ADA@example.com"}, 409, []string{"is there already", `[value="ADA@example.com"]`}},
		{"no such group", []string{"email", "b@example.com", "group", "Sale"}, 400, []string{"There is no group of this name", `[value="Sale"]`, `[value="b@example.com"]`}},
		{"everyone is no group to choose", []string{"email", "b@example.com", "first_name", strings.Repeat("x", 300)}, 400, []string{"at most 254"}},
	} {
		t.Run(tt.name, func(t *testing.T) { contains(t, c.form("/people/new", tt.fields...), tt.status, tt.want...) })
	}
	var made personOut
	c.call("POST", "/api/v1/people", map[string]any{"email": "eve@example.com", "groups": []int64{b.group("Sales")}}, &made)
	if made.Email != "eve@example.com" || !made.Active {
		t.Errorf("made by the API: got %+v", made)
	}
	for _, body := range []any{map[string]any{}, map[string]any{"email": "x@example.com", "groups": []int64{99}}, map[string]any{"email": "x@example.com", "is_admin": true}} {
		var problem struct {
			Code   string
			Errors map[string]string
		}
		if resp := c.call("POST", "/api/v1/people", body, &problem); resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("%v: got %d, want it refused", body, resp.StatusCode)
		}
	}
	if _, err := b.store.AccountByEmail(t.Context(), "x@example.com"); err == nil {
		t.Error("a refused request made an account")
	}
}

// Which attributes are in force, where each comes from, and that a login leaves those of administrators alone.
func TestPersonAttributes(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.signIn(secret, claims{"department": "Sales", "floor": 2})
	id := b.find("ann@example.com").ID
	path := fmt.Sprintf("/people/%d/attributes", id)
	c.form(path, "name", "department", "value", "R&D", "do", "save").want(t, 303, fmt.Sprintf("/admin/people/%d?done=attribute-saved", id))
	b.signIn(secret, claims{"department": "Support", "floor": 3})
	page := c.get(fmt.Sprint("/admin/people/", id))
	contains(t, page, 200, "R&amp;D", "Set by an administrator; the last sign-in says <bdi>Support</bdi>", "From the last sign-in")
	p := b.person(c, id)
	var got []string
	for _, a := range p.Attributes {
		got = append(got, a.Name+"="+a.Value+" "+a.Source+" "+*a.SignIn)
	}
	if diff := cmp.Diff([]string{"department=R&D administrator Support", "floor=3 sign_in 3"}, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if e := b.events(sso.EventAccount)[0]; e != `attribute "department": none → "R&D"` {
		t.Errorf("event: got %q", e)
	}
	form := c.get(fmt.Sprintf("/admin/people/%d?attribute=department", id))
	contains(t, form, 200, `[name="was"][value="R&D"]`, `[name="value"][type="text"][value="R&D"]`)
	contains(t, c.get(fmt.Sprintf("/admin/people/%d?attribute=floor", id)), 200, `[name="name"][type="text"][value="floor"]`, `[name="value"][type="text"][value="3"]`)

	c.form(path, "name", "department", "was", "R&D", "known", "yes", "do", "remove").want(t, 303, fmt.Sprintf("/admin/people/%d?done=attribute-removed", id))
	if a := b.find("ann@example.com"); a.Attributes()["department"] != "Support" {
		t.Errorf("after the removal: got %v, want what the sign-in said", a.Attributes())
	}
	for _, tt := range []struct {
		name, attribute, value string
		want                   string
	}{
		{"no name", "", "x", "is not empty"},
		{"reserved", "iat", "x", "is reserved"},
		{"for the bridge alone", "@tenant", "x", "is reserved"},
		{"too long", "a", strings.Repeat("y", 5000), "at most 4096"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			contains(t, c.form(path, "name", tt.attribute, "value", tt.value, "do", "save"), 400, tt.want, `[value="`+tt.value+`"]`)
		})
	}
}

// Two administrators at once: the second is told, sees what the first has set, keeps what was typed, and may insist.
func TestConcurrentAttributes(t *testing.T) {
	b := start(t)
	c := b.admin()
	id := b.account("ann@example.com")
	path := fmt.Sprintf("/people/%d/attributes", id)
	c.form(path, "name", "team", "value", "red", "do", "save")
	first, second := c.get(fmt.Sprintf("/admin/people/%d?attribute=team", id)), b.as("other@example.com", sso.Administrators)
	if !dom.Has(first.body, `[name="was"][value="red"]`) {
		t.Fatal("the form does not say what it was made of")
	}
	c.form(path, "name", "team", "value", "green", "was", "red", "known", "yes", "do", "save")
	contains(t, second.form(path, "name", "team", "value", "blue", "was", "red", "known", "yes", "do", "save"), 409,
		"an administrator has set", "green", `[value="blue"]`, `[name="was"][value="green"]`)
	contains(t, second.form(path, "name", "team", "value", "blue", "do", "save"), 409, "green") // a new attribute that is not new
	if got := b.find("ann@example.com").Own["team"]; got != "green" {
		t.Errorf("got %q, want what the first has saved", got)
	}
	second.form(path, "name", "team", "value", "blue", "was", "green", "known", "yes", "do", "save").want(t, 303, fmt.Sprintf("/admin/people/%d?done=attribute-saved", id))
	c.form(path, "name", "team", "was", "blue", "known", "yes", "do", "remove")
	contains(t, second.form(path, "name", "team", "value", "x", "was", "blue", "known", "yes", "do", "save"), 409, "is not set any more")

	api := fmt.Sprintf("/api/v1/people/%d/attributes", id)
	if resp := c.call("PATCH", api, map[string]any{"set": map[string]any{"team": "a"}, "was": map[string]any{"team": "zzz"}}, nil); resp.StatusCode != 409 {
		t.Errorf("API with another was: got %d, want 409", resp.StatusCode)
	}
	if resp := c.call("PATCH", api, map[string]any{"set": map[string]any{"team": "a", "x": nil}}, nil); resp.StatusCode != 204 {
		t.Errorf("API without was: got %d, want 204", resp.StatusCode)
	}
	if resp := c.call("PATCH", api, map[string]any{"ID": 1, "set": map[string]any{"team": "b"}}, nil); resp.StatusCode != 400 {
		t.Errorf("an id in the body: got %d, want 400", resp.StatusCode)
	}
}

// Deactivation ends sessions at once; the last administrator stays, and the page says why.
//
// SECURITY D4, E8
func TestDeactivate(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.signIn(secret, nil)
	victim := b.as("ann@example.com")
	victim.get("/api/user/current").want(t, 200, "")
	ann, root := b.find("ann@example.com").ID, b.find("root@example.com").ID
	c.form(fmt.Sprintf("/people/%d/state", ann), "active", "no").want(t, 303, fmt.Sprintf("/admin/people/%d?done=deactivated", ann))
	victim.get("/api/user/current", "Accept: application/json").want(t, 401, "")
	if code := b.signIn(secret, nil); code != "account_disabled" {
		t.Errorf("sign-in: got %q, want account_disabled", code)
	}
	contains(t, c.get(fmt.Sprintf("/admin/people/%d?done=deactivated", ann)), 200, "deactivated", "Reactivate")
	c.form(fmt.Sprintf("/people/%d/state", ann), "active", "yes").want(t, 303, fmt.Sprintf("/admin/people/%d?done=reactivated", ann))
	if code := b.signIn(secret, nil); code != "" {
		t.Errorf("sign-in after reactivation: got %q", code)
	}
	contains(t, c.form(fmt.Sprintf("/people/%d/state", root), "active", "no"), 409, "This is the only administrator who is active", "role=\"alert\"")
	contains(t, c.form(fmt.Sprintf("/people/%d/groups", root), "do", "remove", "group", "2"), 409, "This is the only administrator who is active")
	var problem struct{ Detail string }
	c.call("PATCH", fmt.Sprint("/api/v1/people/", root), map[string]any{"active": false}, &problem)
	if !strings.Contains(problem.Detail, "only administrator") {
		t.Errorf("API: got %+v", problem)
	}
	c.get("/admin").want(t, 200, "")
}

// Why a person is in a group, and that a change is in force at once.
//
// SECURITY E5
func TestMemberships(t *testing.T) {
	sales := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"]}`)
	b := sales
	c := b.admin()
	b.signIn(secret, claims{"groups": []string{"ext", "extOther"}})
	ann := b.find("ann@example.com").ID
	path := fmt.Sprintf("/people/%d/groups", ann)
	b.group("Support")
	c.form(path, "do", "add", "group", "Support").want(t, 303, fmt.Sprintf("/admin/people/%d?done=member-added", ann))
	page := c.get(fmt.Sprint("/admin/people/", ann))
	contains(t, page, 200, "Through the groups of the identity provider", "Added by an administrator", "Everyone is in it",
		"<code>ext</code>, <code>extOther</code>", "Groups are synced")
	var why []string
	p := b.person(c, ann)
	for _, g := range p.Groups {
		why = append(why, g.Name+" "+g.Source)
	}
	if diff := cmp.Diff([]string{"All Users everyone", "Sales sync", "Support admin"}, why); diff != "" || !slices.Equal(*p.IDPGroups, []string{"ext", "extOther"}) {
		t.Errorf("groups %v (-want +got):\n%s", p.IDPGroups, diff)
	}
	contains(t, c.form(path, "do", "add", "group", "Nothing"), 400, "There is no group of this name", `[value="Nothing"]`)
	contains(t, c.form(path, "do", "add", "group", "All Users"), 403, "Everyone is in All Users")
	contains(t, c.form(path, "do", "remove", "group", "x"), 404, "There is no such group")

	watched := b.as("ann@example.com")
	watched.get("/auth/verify?group=Sales").want(t, 200, "")
	c.form(path, "do", "remove", "group", fmt.Sprint(b.group("Sales"))).want(t, 303, fmt.Sprintf("/admin/people/%d?done=member-removed", ann))
	watched.get("/auth/verify?group=Sales", "Accept: */*").want(t, 403, "")
	if diff := cmp.Diff([]string{"taken out of Sales", "put into Support"}, b.events(sso.EventGroup)[:2]); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for path, want := range map[string]int{"people/%d/groups/99": 404, "people/99/groups/3": 404, "people/%d/groups/x": 400, "people/%d/groups/1": 403} {
		path = "/api/v1/" + strings.ReplaceAll(path, "%d", fmt.Sprint(ann))
		if resp := c.call("PUT", path, nil, nil); resp.StatusCode != want {
			t.Errorf("PUT %s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// Making somebody an administrator needs a recent proof of who asks; the form waits for it.
//
// SECURITY G3
func TestNewAdministratorNeedsAProof(t *testing.T) {
	b := start(t)
	b.admin()
	c := b.as("root@example.com")
	root := b.find("root@example.com")
	old := b.now().Add(-time.Hour)
	id := sso.NewSessionID()
	hash, _ := sso.HashSessionID(id)
	bridgetest.InsertSession(t, b.db, sso.Session{Hash: hash, AccountID: root.ID, Provider: "password", CreatedAt: old, LastUsed: b.now(),
		ExpiresAt: b.now().Add(time.Hour)})
	at, _ := url.Parse(b.url)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: "ssobridge", Value: id, Path: "/"}})
	ann := b.account("ann@example.com")
	for name, resp := range map[string]response{
		"by the person's page": c.form(fmt.Sprintf("/people/%d/groups", ann), "do", "add", "group", "Administrators"),
		"by the group's page":  c.form("/groups/2/members", "do", "add", "person", "ann@example.com"),
		"by a new account":     c.form("/people/new", "email", "eve@example.com", "group", "Administrators"),
	} {
		if to := resp.Header.Get("Location"); resp.StatusCode != 303 || !strings.HasPrefix(to, "/auth/confirm?") {
			t.Errorf("%s: got %d to %q, want the way to a proof", name, resp.StatusCode, to)
		}
	}
	if resp := c.call("PUT", fmt.Sprintf("/api/v1/people/%d/groups/2", ann), nil, nil); resp.StatusCode != 403 {
		t.Errorf("by the API: got %d, want 403", resp.StatusCode)
	}
	if resp := c.call("POST", "/api/v1/people", map[string]any{"email": "eve@example.com", "groups": []int64{2}}, nil); resp.StatusCode != 403 {
		t.Errorf("a new account by the API: got %d, want 403", resp.StatusCode)
	}
	if got := b.groupsOf("ann@example.com"); len(got) > 0 {
		t.Errorf("groups: got %v, want none", got)
	}
}

// Whatever people and groups are called, it is text.
//
// SECURITY E12, K3
func TestNamesAreText(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	b := start(t, "JWT_GROUP_SYNC=true")
	c := b.admin()
	group := b.group(evil)
	b.signIn(secret, claims{"first_name": evil, "last_name": evil, "groups": []string{evil}, evil: evil, "a": evil})
	b.signIn(secret+"x", claims{"email": "x@example.com"}) // refused
	ann := b.find("ann@example.com").ID
	for _, path := range []string{
		"/people", fmt.Sprint("/people/", ann), fmt.Sprintf("/people/%d?attribute=%s", ann, url.QueryEscape(evil)), "/people?search=" + url.QueryEscape(evil), "/people/new",
		"/groups", fmt.Sprint("/groups/", group), "/groups?search=" + url.QueryEscape(evil), "/sessions", "/sessions?person=" + url.QueryEscape(evil),
		"/activity", "/activity?person=" + url.QueryEscape(evil), "/activity?reference=" + url.QueryEscape(evil), "/activity?kind=" + url.QueryEscape(evil),
		"/activity?from=" + url.QueryEscape(evil), "/people?done=" + url.QueryEscape(evil), "/activity?after=" + url.QueryEscape(evil),
	} {
		resp := c.get("/admin" + path)
		if resp.StatusCode >= 500 || strings.Contains(resp.body, "<script>alert") {
			t.Errorf("%s: got %d, want the text escaped", path, resp.StatusCode)
		}
	}
	contains(t, c.get(fmt.Sprint("/admin/people/", ann)), 200, "&lt;script&gt;alert(1)&lt;/script&gt;")
}

// Ids that lead nowhere are not found, on every page and operation.
func TestUnknownIDs(t *testing.T) {
	b := start(t)
	c := b.admin()
	for _, id := range []string{"999", "0", "-1", "x", "9223372036854775808", "1.0", "%2e%2e", "1;x"} {
		for _, path := range []string{"/people/" + id, "/groups/" + id} {
			if resp := c.get("/admin" + path); resp.StatusCode != 404 {
				t.Errorf("GET /admin%s: got %d, want 404", path, resp.StatusCode)
			}
			if resp := c.call("GET", "/api/v1"+path, nil, nil); resp.StatusCode != 404 && resp.StatusCode != 400 {
				t.Errorf("GET /api/v1%s: got %d, want 404 or 400", path, resp.StatusCode)
			}
		}
		for _, path := range []string{"/people/" + id + "/state", "/people/" + id + "/attributes", "/people/" + id + "/groups", "/groups/" + id + "/rename",
			"/groups/" + id + "/delete", "/groups/" + id + "/members"} {
			if resp := c.form(path, "name", "x", "group", "Administrators", "do", "add", "person", "root@example.com"); resp.StatusCode != 404 {
				t.Errorf("POST /admin%s: got %d, want 404", path, resp.StatusCode)
			}
		}
	}
}
