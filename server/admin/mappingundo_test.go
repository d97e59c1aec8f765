package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// apac is a bridge with a mapping of three rows: two people are in APAC, and one of them in Staff too.
func apac(t *testing.T) (*bridge, *browser) {
	t.Helper()
	b := start(t)
	c := b.admin()
	b.group("APAC")
	b.group("Staff")
	c.mustSave("JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"extAPAC":["APAC"],"extStaff":["Staff"],"extAll":["Staff"]}`)
	b.signIn(secret, claims{"groups": []string{"extAPAC", "extStaff"}})
	b.signIn(secret, claims{"email": "bob@example.com", "groups": []string{"extAPAC"}})
	return b, c
}

// remove ticks the removal of a mapping on the form, with what becomes of its groups.
func remove(f url.Values, key, fate string) {
	for name := range f {
		if n, ok := strings.CutPrefix(name, "was."); ok && f.Get(name) == key {
			f.Set("remove."+n, "yes")
			f.Set("members."+n, fate)
		}
	}
}

type previewed struct {
	Confirm map[string]int
	Now     []struct {
		Name    string
		Members int
		Delete  bool
		Some    []string
	}
	Kept    []struct{ Name string }
	Changed int
	Groups  []struct {
		Name                   string
		Gain, Lose, Keep, Miss int
	}
	Some []struct {
		Email      string
		Gain, Lose []string
	}
	Due struct {
		Changed int
		Groups  []struct{ Name string }
	}
}

// What is lost at once, what the edit changes at the next sign-ins, and what is due anyway stand apart, with numbers and
// names.
//
// SECURITY G8
func TestPreviewTellsApart(t *testing.T) {
	b, c := apac(t)
	// Due anyway: an administrator took ann out of Staff, which her groups lead to.
	ann, err := b.store.AccountByEmail(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.RemoveMember(t.Context(), ann.ID, b.group("Staff"), sso.Event{Kind: sso.EventGroup}); err != nil {
		t.Fatal(err)
	}
	var p previewed
	resp := c.call("POST", "/api/v1/mapping/preview", map[string]any{"mode": "manual", "mappings": map[string]any{"extStaff": []string{"Staff", "New"}},
		"unmapped": map[string]string{"extAPAC": "delete", "extAll": "remove"}}, &p)
	if resp.StatusCode != 200 || len(p.Now) != 1 || p.Now[0].Name != "APAC" || p.Now[0].Members != 2 || !p.Now[0].Delete ||
		!slices.Equal(p.Now[0].Some, []string{"ann@example.com", "bob@example.com"}) || p.Confirm["members"] != 2 || p.Confirm["groups"] != 1 {
		t.Errorf("at once: got %+v, want APAC deleted with both, and nothing of Staff, to which another row leads", p)
	}
	if p.Changed != 1 || len(p.Groups) != 1 || p.Groups[0].Name != "New" || p.Groups[0].Gain != 1 || p.Some[0].Email != "ann@example.com" || !slices.Equal(p.Some[0].Gain, []string{"New"}) {
		t.Errorf("by the edit: got %+v, want ann in New and nothing else", p)
	}
	if p.Due.Changed != 1 || len(p.Due.Groups) != 1 || p.Due.Groups[0].Name != "Staff" {
		t.Errorf("anyway: got %+v, want ann in Staff", p.Due)
	}
	page := c.press(c.get("/admin/mapping").body, "preview", func(f url.Values) { remove(f, "extAPAC", "delete") })
	contains(t, page, 200, "<strong>Delete <bdi>APAC</bdi></strong>: 2 people leave it: <bdi>ann@example.com</bdi>, <bdi>bob@example.com</bdi>.",
		"2 memberships end at once and 1 group is deleted", "1 person changes with this edit and without it")
}

// What is lost at once is confirmed with its numbers, by the page and by the API, and else nothing is saved.
//
// SECURITY G8
func TestLossesAreConfirmed(t *testing.T) {
	b, c := apac(t)
	before := c.version()
	asked := c.press(c.get("/admin/mapping").body, "save", func(f url.Values) { remove(f, "extAPAC", "delete") })
	contains(t, asked, 400, "What is lost at once", `a[href="#confirm"]`, `[value="2 1"]`)
	in := map[string]any{"version": before, "mode": "manual", "mappings": map[string]any{"extStaff": []string{"Staff"}}, "unmapped": map[string]string{"extAPAC": "delete"}}
	for _, confirm := range []map[string]int{nil, {"members": 1, "groups": 1}, {"members": 2, "groups": 0}, {"members": 3, "groups": 1}} {
		in["confirm"] = confirm
		if confirm == nil {
			delete(in, "confirm")
		}
		var p problem
		if resp := c.call("PUT", "/api/v1/mapping", in, &p); resp.StatusCode != 400 || !strings.Contains(p.Errors["confirm"], "members 2 and groups 1") {
			t.Errorf("confirmed %v: got %d %v, want 400 with the numbers", confirm, resp.StatusCode, p.Errors)
		}
	}
	if c.version() != before || !slices.Equal(b.groupsOf("bob@example.com"), []string{"APAC"}) {
		t.Errorf("version %d, want %d: nothing saved", c.version(), before)
	}
	// Between the preview and the confirmation one more comes in: the numbers are asked anew.
	b.signIn(secret, claims{"email": "eve@example.com", "groups": []string{"extAPAC"}})
	again := c.press(asked.body, "save", func(f url.Values) { f.Set("confirm", "2 1") })
	contains(t, again, 400, "3 people leave it", `[value="3 1"]`)
	c.press(again.body, "save", func(f url.Values) { f.Set("confirm", "3 1") }).want(t, 303, "/admin/mapping?done=saved")
}

// After the save it is said what changed and for how many, and one button takes all of it back: mapping, group with its id,
// members. Twice is told so, and so is once more after another edit.
func TestMappingIsTakenBack(t *testing.T) {
	b, c := apac(t)
	id := b.group("APAC")
	before := c.get("/admin/mapping.json").body
	save := func() string {
		t.Helper()
		asked := c.press(c.get("/admin/mapping").body, "save", func(f url.Values) { remove(f, "extAPAC", "delete") })
		c.press(asked.body, "save", func(f url.Values) { f.Set("confirm", "2 1") }).want(t, 303, "/admin/mapping?done=saved")
		page := c.get("/admin/mapping?done=saved")
		contains(t, page, 200, "<bdi>APAC</bdi> was deleted: 2 people left it.", "Undo: bring back APAC with 2", "Nobody's groups change by it at the next sign-in")
		return page.body
	}
	page := save()
	undo := formTo(t, page, "/admin/mapping/undo")
	if got := b.groupsOf("bob@example.com"); len(got) != 0 {
		t.Fatalf("groups: got %q, want none", got)
	}
	c.post("/admin/mapping/undo", undo).want(t, 303, "/admin/mapping?done=mapping-undone")
	if got := c.get("/admin/mapping.json").body; got != before {
		t.Errorf("mapping: got %s, want %s", got, before)
	}
	if b.group("APAC") != id || !slices.Equal(b.groupsOf("bob@example.com"), []string{"APAC"}) || !slices.Equal(b.groupsOf("ann@example.com"), []string{"APAC", "Staff"}) {
		t.Errorf("got APAC as %d with bob in %q, want %d and all back", b.group("APAC"), b.groupsOf("bob@example.com"), id)
	}
	if events := b.events(sso.EventSetting); !strings.HasPrefix(events[0], "JWT_GROUP_MAPPINGS: ") {
		t.Errorf("events: got %q, want the mapping's last", events)
	}
	contains(t, c.post("/admin/mapping/undo", undo), 409, "taken back already", "Discard", `a[href="/admin/mapping"]`)
	var p problem
	if resp := c.call("POST", "/api/v1/mapping/undo", map[string]string{"id": undo.Get("undo")}, &p); resp.StatusCode != 409 || !strings.Contains(p.Detail, "taken back already") {
		t.Errorf("API, twice: got %d %+v", resp.StatusCode, p)
	}
	undo = formTo(t, save(), "/admin/mapping/undo")
	c.mustSave(`JWT_GROUP_MAPPINGS={"other":["Staff"]}`)
	contains(t, c.post("/admin/mapping/undo", undo), 409, "changed again since")
	if page := c.get("/admin/mapping").body; strings.Contains(page, "/admin/mapping/undo") {
		t.Error("an undo that cannot be done any more is still offered")
	}
}

// What is not possible any more is said, and nothing is half done.
func TestUndoWhenTheNameIsTaken(t *testing.T) {
	b, c := apac(t)
	asked := c.press(c.get("/admin/mapping").body, "save", func(f url.Values) { remove(f, "extAPAC", "delete") })
	c.press(asked.body, "save", func(f url.Values) { f.Set("confirm", "2 1") })
	var state struct {
		Last struct {
			ID     string
			People int
			Groups []struct {
				Name    string
				Members int
				Deleted bool
			}
		}
	}
	c.call("GET", "/api/v1/mapping", nil, &state)
	if g := state.Last.Groups; len(g) != 1 || g[0].Name != "APAC" || g[0].Members != 2 || !g[0].Deleted {
		t.Fatalf("last: got %+v", state.Last)
	}
	b.group("APAC") // another one
	version := c.version()
	var p problem
	if resp := c.call("POST", "/api/v1/mapping/undo", map[string]string{"id": state.Last.ID}, &p); resp.StatusCode != 409 || !strings.Contains(p.Detail, "another group") {
		t.Errorf("got %d %+v, want 409 that names the group", resp.StatusCode, p)
	}
	if c.version() != version || len(b.groupsOf("bob@example.com")) != 0 {
		t.Error("half of the undo was done")
	}
}

// Rows that are kept and not used say so: on the editor, beside groups, on a group's page.
func TestUnusedRowsSaySo(t *testing.T) {
	b, c := apac(t)
	for _, path := range []string{"/admin/mapping", "/admin/groups", fmt.Sprintf("/admin/groups/%d", b.group("Staff"))} {
		if page := c.get(path).body; strings.Contains(page, "not in use") {
			t.Errorf("%s: got it said of rows in use", path)
		}
	}
	c.press(c.get("/admin/mapping").body, "save", func(f url.Values) { f.Set("mode", "off") }).want(t, 303, "/admin/mapping?done=saved")
	for _, path := range []string{"/admin/mapping", "/admin/groups", fmt.Sprintf("/admin/groups/%d", b.group("Staff"))} {
		contains(t, c.get(path), 200, "not in use")
	}
	if got := c.get("/admin/mapping.json").body; !strings.Contains(got, "extAPAC") {
		t.Errorf("rows: got %s, want them kept", got)
	}
}

// The same form sent twice at once is saved once, and both are told that it is.
func TestMappingSentTwice(t *testing.T) {
	b, c := apac(t)
	page := c.get("/admin/mapping").body
	form := formTo(t, page, "/admin/mapping")
	form.Set("action", "save")
	remove(form, "extAPAC", "delete")
	form.Set("confirm", "2 1")
	answers := make([]response, 6)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = c.post("/admin/mapping", form) })
	}
	all.Wait()
	done := 0
	for _, r := range answers {
		if r.StatusCode == http.StatusSeeOther {
			done++
		} else if r.StatusCode != http.StatusConflict { // it was read before the first was done and saved after
			t.Errorf("got %d %s", r.StatusCode, sso.Truncate(r.body, 2000))
		}
	}
	if done == 0 {
		t.Error("none was saved")
	}
	c.post("/admin/mapping", form).want(t, 303, "/admin/mapping?done=saved")
	n := 0
	for _, e := range b.events(sso.EventGroup) {
		if strings.Contains(e, "deleted with 2 members") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("got %d deletions, want one", n)
	}
}

// Two administrators edit at once, each another row: one is told, and nothing of either is lost unseen.
func TestTwoEditAtOnce(t *testing.T) {
	_, c := apac(t)
	page := c.get("/admin/mapping").body
	edits := []func(url.Values){func(f url.Values) { f.Set("groups.0", "Mine") }, func(f url.Values) { f.Set("groups.2", "Theirs") }}
	answers := make([]response, len(edits))
	var all sync.WaitGroup
	for i, edit := range edits {
		all.Go(func() { answers[i] = c.press(page, "save", edit) })
	}
	all.Wait()
	codes := []int{answers[0].StatusCode, answers[1].StatusCode}
	slices.Sort(codes)
	if diff := cmp.Diff([]int{303, 409}, codes); diff != "" {
		t.Fatalf("answers (-want +got):\n%s", diff)
	}
}

// A mapping of 900 rows with names in all scripts and markup is shown, previewed, saved as it is, and removed whole.
func TestManyRows(t *testing.T) {
	b := start(t)
	c := b.admin()
	names := []string{"Продажи", "营业部", "المبيعات", "विक्रय", "ขาย", "판매", "Ὁμάδα", "<script>alert(1)</script>", `"quoted"`, "a&b", "👩‍👩‍👧", "עברית", "naïve café", "{{.}}", "#7x"}
	m := map[string][]string{}
	for i := range 900 {
		m[fmt.Sprintf("ext %s %d", names[i%len(names)], i)] = []string{fmt.Sprintf("%s %d", names[i/2%len(names)], i/2)} // each leads two rows
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	imported := c.press(c.get("/admin/mapping").body, "import", func(f url.Values) { f.Set("json", string(text)) })
	contains(t, imported, 200, "Nothing is saved yet")
	c.press(imported.body, "save", func(f url.Values) { f.Set("json", "") }).want(t, 303, "/admin/mapping?done=saved")
	var got map[string][]string
	if err := json.Unmarshal([]byte(c.get("/admin/mapping.json").body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Fatalf("saved (-want +got):\n%s", sso.Truncate(diff, 2000))
	}
	page := c.get("/admin/mapping").body
	if strings.Contains(page, "<script>alert") {
		t.Error("a name is markup")
	}
	b.signIn(secret, claims{"groups": []string{"ext Продажи 0", "ext المبيعات 2"}})
	c.press(c.get("/admin/mapping").body, "save", nil).want(t, 303, "/admin/mapping?done=saved") // nothing changed
	fates := map[string]string{}
	for key := range m {
		fates[key] = "delete"
	}
	whole := map[string]any{"version": c.version(), "mode": "off", "mappings": map[string]any{}, "unmapped": fates}
	var p problem
	if resp := c.call("PUT", "/api/v1/mapping", whole, &p); resp.StatusCode != 400 || !strings.Contains(p.Errors["confirm"], "members 2 and groups 450") {
		t.Fatalf("all removed at once: got %d %v", resp.StatusCode, p.Errors)
	}
	whole["confirm"] = map[string]int{"members": 2, "groups": 450}
	if resp := c.call("PUT", "/api/v1/mapping", whole, nil); resp.StatusCode != 200 {
		t.Fatalf("confirmed: got %d", resp.StatusCode)
	}
	if groups, err := b.store.Groups(t.Context()); err != nil || len(groups) != 2 {
		t.Errorf("groups: got %d, %v, want the built-in ones", len(groups), err)
	}
	c.post("/admin/mapping/undo", formTo(t, c.get("/admin/mapping").body, "/admin/mapping/undo")).want(t, 303, "/admin/mapping?done=mapping-undone")
	if groups, err := b.store.Groups(t.Context()); err != nil || len(groups) != 452 || len(b.groupsOf("ann@example.com")) != 2 {
		t.Errorf("taken back: got %d groups, %v, ann in %q", len(groups), err, b.groupsOf("ann@example.com"))
	}
}

// Who fills the table while the mapping is off is told that its rows do not count, and a group taken over from a sign-in chooses the
// table. After an undo to a mapping that is off, no next sign-in takes a group away, and the page does not say so.
func TestRowsOfAMappingThatIsOff(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.group("Sales")
	b.signIn(secret, claims{"groups": []string{"extSales", "extNew"}})
	const unheeded = "The rows of the table have no effect"
	typed := c.press(c.get("/admin/mapping").body, "preview", func(f url.Values) { f.Set("idp.0", "extSales"); f.Set("groups.0", "Sales") })
	contains(t, typed, 200, unheeded, "The one person whose groups your product has named ends in the same groups as without this edit.")
	taken := c.press(c.get("/admin/mapping").body, "", func(f url.Values) { f.Set("map", "extSales") })
	if !dom.Has(taken.body, `[name="mode"][value="manual"][checked]`) || dom.Has(taken.body, `button[name="map"][value="extSales"]`) || !dom.Has(taken.body, `button[name="map"][value="extNew"]`) {
		t.Errorf("taken over: got %s, want the table chosen, and the group no more among those that are not mapped", taken.body)
	}
	fill := func(f url.Values) { f.Set("groups.0", "Sales"); f.Set("idp.0", "extSales"); f.Set("mode", "manual") }
	if preview := c.press(taken.body, "preview", fill); strings.Contains(preview.body, unheeded) || !strings.Contains(preview.body, "ends in other groups than without this edit") {
		t.Errorf("with the table: got %s", preview.body)
	}
	c.press(taken.body, "save", fill).want(t, 303, "/admin/mapping?done=saved")
	undone := c.post("/admin/mapping/undo", formTo(t, c.get("/admin/mapping").body, "/admin/mapping/undo"))
	undone.want(t, 303, "/admin/mapping?done=mapping-undone-off")
	contains(t, c.get("/admin/mapping?done=mapping-undone-off"), 200, "stays in it until you take it away")
}
