package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

func (b *bridge) group(name string) int64 {
	b.t.Helper()
	g, err := b.store.GroupByName(b.t.Context(), name)
	if err != nil {
		if g, err = b.store.CreateGroup(b.t.Context(), name, sso.Event{Kind: sso.EventGroup}); err != nil {
			b.t.Fatal(err)
		}
	}
	return g.ID
}

// groupsOf are the names of the groups that a person is in, without All Users.
func (b *bridge) groupsOf(email string) []string {
	b.t.Helper()
	a, err := b.store.AccountByEmail(b.t.Context(), email)
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := b.store.Memberships(b.t.Context(), a.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	names := []string{}
	for _, m := range list[1:] {
		names = append(names, m.Name)
	}
	return names
}

// press sends the form of the mapping with a button.
func (c *browser) press(body, action string, change func(url.Values)) response {
	c.b.t.Helper()
	form := formTo(c.b.t, body, "/admin/mapping")
	form.Set("action", action)
	if change != nil {
		change(form)
	}
	return c.post("/admin/mapping", form)
}

// The whole life of a mapping, by the page: made, previewed, saved, in force, changed beside others, taken out.
func TestMappingEditor(t *testing.T) {
	b := start(t)
	c := b.admin()
	sales := b.group("Sales")
	b.signIn(secret, claims{"groups": []string{"extSales", "extNew"}})
	b.signIn(secret, claims{"email": "bob@example.com", "groups": []string{}})

	page := c.get("/admin/mapping").body
	if !dom.Has(page, `option[value="extSales"]`) || !dom.Has(page, `option[value="Sales"]`) {
		t.Error("groups that were seen and groups that there are: want both offered")
	}
	fill := func(f url.Values) {
		f.Set("mode", "manual")
		f.Set("idp.0", "extSales")
		f.Set("groups.0", "Sales, Night shift")
		f.Set("idp.1", "extHR")
		f.Set("groups.1", "HR")
	}
	preview := c.press(page, "preview", fill)
	for _, want := range []string{"1 of the 2 people", "ann@example.com", "Sales, Night shift", "Groups that are made"} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("preview: want %q in %s", want, sso.Truncate(preview.body, 6000))
		}
	}
	if got := b.groupsOf("ann@example.com"); len(got) != 0 {
		t.Errorf("groups after the preview: got %q, want none", got)
	}
	c.press(preview.body, "save", nil).want(t, 303, "/admin/mapping?done=saved")
	b.signIn(secret, claims{"groups": []string{"extSales", "extNew"}})
	if diff := cmp.Diff([]string{"Sales", "HR", "Night shift"}, b.groupsOf("ann@example.com"), cmp.Transformer("sort", func(s []string) []string {
		s = slices.DeleteFunc(slices.Clone(s), func(n string) bool { return n == "HR" })
		slices.Sort(s)
		return s
	})); diff != "" {
		t.Errorf("groups after the next sign-in (-want +got):\n%s", diff)
	}

	// One mapping is changed; the other stays as it was, and the group that has an id keeps being meant by it.
	page = c.get("/admin/mapping").body
	c.press(page, "save", func(f url.Values) {
		for i := range 2 {
			if f.Get("was."+strconv.Itoa(i)) == "extHR" {
				f.Set("groups."+strconv.Itoa(i), "HR, Sales")
			}
		}
	}).want(t, 303, "/admin/mapping?done=saved")
	var state struct {
		Mode     string
		Mappings map[string][]any
		Version  int64
	}
	c.call("GET", "/api/v1/mapping", nil, &state)
	want := map[string][]any{"extSales": {float64(sales), "Night shift"}, "extHR": {"HR", float64(sales)}}
	if diff := cmp.Diff(want, state.Mappings); diff != "" || state.Mode != "manual" {
		t.Errorf("mode %s, mappings (-want +got):\n%s", state.Mode, diff)
	}
	page = c.get("/admin/mapping").body
	asked := c.press(page, "save", func(f url.Values) {
		for i := range 2 {
			if f.Get("was."+strconv.Itoa(i)) == "extSales" {
				f.Set("remove."+strconv.Itoa(i), "yes")
				f.Set("members."+strconv.Itoa(i), "delete")
			}
		}
	})
	contains(t, asked, 400, "Delete <bdi>Night shift</bdi></strong>: 1 person leaves it: <bdi>ann@example.com</bdi>.", `[name="confirm"][value="1 1"]`)
	c.press(asked.body, "save", func(f url.Values) { f.Set("confirm", "1 1") }).want(t, 303, "/admin/mapping?done=saved")
	if got := b.groupsOf("ann@example.com"); !slices.Equal(got, []string{"Sales"}) {
		t.Errorf("groups after a mapping was deleted with its groups: got %q, want Sales, to which another mapping leads", got)
	}
	if _, err := b.store.GroupByName(t.Context(), "Night shift"); err == nil {
		t.Error("the group that only the deleted mapping led to is still there")
	}
}

func TestMembersOfADeletedMapping(t *testing.T) {
	for what, want := range map[string]struct {
		members []string
		group   bool
		confirm map[string]int
	}{
		"keep":   {[]string{"Sales"}, true, map[string]int{}},
		"remove": {[]string{}, true, map[string]int{"members": 1, "groups": 0}},
		"delete": {[]string{}, false, map[string]int{"members": 1, "groups": 1}},
	} {
		t.Run(what, func(t *testing.T) {
			b := start(t)
			c := b.admin()
			c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"],"other":["Other"],"boss":[2]}`)
			b.signIn(secret, claims{"groups": []string{"ext"}})
			resp := c.call("PUT", "/api/v1/mapping", map[string]any{"version": c.version(), "mode": "manual", "mappings": map[string]any{"other": []string{"Other"}},
				"unmapped": map[string]string{"ext": what, "boss": what}, "confirm": want.confirm}, nil)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("got %d %s", resp.StatusCode, resp.body)
			}
			if got := b.groupsOf("ann@example.com"); !slices.Equal(got, want.members) {
				t.Errorf("groups: got %q, want %q", got, want.members)
			}
			if _, err := b.store.GroupByName(t.Context(), "Sales"); (err == nil) != want.group {
				t.Errorf("the group: got %v, want it there: %v", err, want.group)
			}
			if got := b.groupsOf("root@example.com"); !slices.Equal(got, []string{sso.AdministratorsName}) {
				t.Errorf("Administrators were touched: %q", got)
			}
		})
	}
}

func TestMappingRefused(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":[77]}`)
	page := c.get("/admin/mapping").body
	if !strings.Contains(page, "no group has this id any more") || !dom.Has(page, `[value="#77"]`) {
		t.Error("a mapping to a group that is gone: want it shown as such")
	}
	for _, tt := range []struct {
		name, action string
		change       func(url.Values)
		want         string
	}{
		{"everyone", "save", func(f url.Values) { f.Set("groups.1", sso.AllUsersName); f.Set("idp.1", "x") }, `[id="groups-error.1"]`},
		{"no group at the identity provider", "save", func(f url.Values) { f.Set("groups.1", "Sales") }, `[id="idp-error.1"]`},
		{"mapped twice", "save", func(f url.Values) { f.Set("idp.1", "ext"); f.Set("groups.1", "Sales") }, `[id="idp-error.1"]`},
		{"a name too like a built-in one", "save", func(f url.Values) { f.Set("idp.1", "x"); f.Set("groups.1", "administrators") }, `[id="groups-error.1"]`},
		{"automatic with mappings", "save", func(f url.Values) { f.Set("mode", "automatic") }, `[id="mode-error"]`},
		{"manual without", "save", func(f url.Values) { f.Set("remove.0", "yes") }, `[id="mode-error"]`},
		{"no such mode", "save", func(f url.Values) { f.Set("mode", "x") }, `[id="mode-error"]`},
		{"administrators that were not confirmed", "save", func(f url.Values) { f.Set("idp.1", "<b>boss"); f.Set("groups.1", "Administrators") }, `[name="administrators"][value="yes"]`},
		{"broken JSON", "import", func(f url.Values) { f.Set("json", `{"a":[3}`) }, `[id="json-error"]`},
		{"JSON with text behind it", "import", func(f url.Values) { f.Set("json", `{"a":[3]} x`) }, `[id="json-error"]`},
		{"a wrong row in a preview", "preview", func(f url.Values) { f.Set("groups.1", "Sales") }, `[id="idp-error.1"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := c.version()
			var sent url.Values
			resp := c.press(page, tt.action, func(f url.Values) { tt.change(f); sent = f })
			if resp.StatusCode != http.StatusBadRequest || !dom.Has(resp.body, tt.want) {
				t.Fatalf("got %d, want 400 with %s: %s", resp.StatusCode, tt.want, resp.body)
			}
			again := formTo(t, resp.body, "/admin/mapping")
			for name := range sent {
				if name != "action" && sent.Get(name) != "" && again.Get(name) != sent.Get(name) && sent.Get(name) != "x" {
					t.Errorf("%s: got %q, want %q kept", name, again.Get(name), sent.Get(name))
				}
			}
			if got := c.version(); got != before {
				t.Errorf("version: got %d, want %d: nothing saved", got, before)
			}
		})
	}
	c.press(page, "save", func(f url.Values) {
		f.Set("idp.1", "boss")
		f.Set("groups.1", "Administrators")
		f.Set("administrators", "yes")
	}).want(t, 303, "/admin/mapping?done=saved")
	b.signIn(secret, claims{"groups": []string{"boss"}})
	if got := b.groupsOf("ann@example.com"); !slices.Equal(got, []string{sso.AdministratorsName}) {
		t.Errorf("groups of whom the mapping makes an administrator: got %q", got)
	}
}

func TestMappingImportAndExport(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.group("Sales")
	c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"old":["Sales"],"both":["Sales"]}`)
	page := c.press(c.get("/admin/mapping").body, "import", func(f url.Values) { f.Set("json", `{"new":["Sales",7],"both":["Sales","HR"]}`) })
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Nothing is saved yet") {
		t.Fatalf("import: got %d %s", page.StatusCode, page.body)
	}
	c.press(page.body, "save", nil).want(t, 303, "/admin/mapping?done=saved")
	var got map[string][]any
	if err := json.Unmarshal([]byte(c.get("/admin/mapping.json").body), &got); err != nil {
		t.Fatal(err)
	}
	sales := float64(b.group("Sales"))
	if diff := cmp.Diff(map[string][]any{"new": {sales, float64(7)}, "both": {"Sales", "HR"}}, got); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
}

func TestMappingFixed(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"]}`)
	c := b.admin()
	page := c.get("/admin/mapping").body
	if !strings.Contains(page, "Using <code>SSOBRIDGE_JWT_GROUP_MAPPINGS</code>") || dom.Has(page, `[name="idp.0"]`) || dom.Has(page, `[value="save"]`) {
		t.Error("mappings that are fixed: want them read only, with their source")
	}
	var p problem
	resp := c.call("PUT", "/api/v1/mapping", map[string]any{"version": c.version(), "mode": "manual", "mappings": map[string]any{"x": []string{"Sales"}}}, &p)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(p.Errors["JWT_GROUP_MAPPINGS"], "SSOBRIDGE_JWT_GROUP_MAPPINGS") {
		t.Errorf("API: got %d %+v, want it refused with the source", resp.StatusCode, p)
	}
}

// Of a long table a part is shown, and found by a search. What is edited there leaves the rest as it is.
func TestLongMapping(t *testing.T) {
	b := start(t)
	c := b.admin()
	want := map[string][]any{}
	for i := range 120 {
		want[fmt.Sprintf("ext%03d", i)] = []any{fmt.Sprintf("Group %d", i)}
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	c.mustSave("JWT_GROUP_SYNC=true", "JWT_GROUP_MAPPINGS="+string(text))
	second := dom.Attr(c.get("/admin/mapping").body, `a[rel="next"]`, "href")
	if len(second) != 1 {
		t.Fatalf("got the next part at %q", second)
	}
	page := c.get(second[0]).body
	if form := formTo(t, page, "/admin/mapping"); form.Get("was.0") != "ext050" || form.Get("was.49") != "ext099" || form.Get("was.50") != "" {
		t.Errorf("the second part: got %q to %q, then %q", form.Get("was.0"), form.Get("was.49"), form.Get("was.50"))
	}
	change := func(f url.Values) {
		remove(f, "ext051", "keep")
		f.Set("idp.0", "renamed")
		f.Set("idp.50", "ext000") // which is on another part
		f.Set("groups.50", "Sales")
	}
	contains(t, c.press(page, "save", change), 400, `[id="idp-error.50"]`)
	c.press(page, "save", func(f url.Values) { change(f); f.Set("idp.50", "new") }).want(t, 303, "/admin/mapping?done=saved")
	want["renamed"], want["new"] = want["ext050"], []any{"Sales"}
	delete(want, "ext050")
	delete(want, "ext051")
	var state struct{ Mappings map[string][]any }
	c.call("GET", "/api/v1/mapping", nil, &state)
	if diff := cmp.Diff(want, state.Mappings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	found := formTo(t, c.get("/admin/mapping?search=GROUP+11").body, "/admin/mapping")
	if found.Get("was.0") != "ext011" || found.Get("was.10") != "ext119" || found.Get("was.11") != "" {
		t.Errorf("got %v found", found)
	}
}

// Two who edit the mappings at once: the second is told, and nothing that was typed is lost.
func TestMappingConflict(t *testing.T) {
	b := start(t)
	c := b.admin()
	page := c.get("/admin/mapping").body
	c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"theirs":["HR"]}`)
	resp := c.press(page, "save", func(f url.Values) { f.Set("mode", "manual"); f.Set("idp.0", "mine"); f.Set("groups.0", "Sales") })
	if resp.StatusCode != http.StatusConflict || !strings.Contains(resp.body, "&#34;theirs&#34;") || formTo(t, resp.body, "/admin/mapping").Get("idp.0") != "mine" {
		t.Fatalf("got %d, want 409 with both: %s", resp.StatusCode, resp.body)
	}
	c.press(resp.body, "save", nil).want(t, 303, "/admin/mapping?done=saved")
}
