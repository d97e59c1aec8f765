package admin_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// Each provider has a mapping of its own, by page and by API, with its own groups that were seen, preview and way back. The
// preview says what a sign-in then does, to a person whom both providers know, too.
//
// SECURITY G6, G8
func TestMappingOfEachProvider(t *testing.T) {
	b := start(t)
	c := b.admin()
	b.group("Sales")
	b.group("HR")
	if page := c.get("/admin/mapping").body; dom.Has(page, `nav[aria-label="Providers"]`) {
		t.Error("one provider: want no choice of others")
	}
	c.own("PROVIDER_ACME_SHARED_SECRET="+otherSecret, "PROVIDER_ACME_LINK_ACCOUNTS=true", "JWT_ISSUER=product", "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"]}`)
	acme := func(with claims) { // a sign-in through the second provider
		t.Helper()
		with["iss"] = "acme"
		if got := b.signIn(otherSecret, with); got != "" {
			t.Fatal(got)
		}
	}
	if got := b.signIn(secret, claims{"iss": "product", "groups": []string{"ext"}}); got != "" {
		t.Fatal(got)
	}
	acme(claims{"email": "bob@example.com", "groups": []string{"verkauf", "personal"}})

	page := c.get("/admin/mapping?provider=acme")
	contains(t, page, 200, `href="/admin/mapping?provider=jwt"`, `[name="provider"][value="acme"]`, `option[value="verkauf"]`, "<code>PROVIDER_ACME_GROUP_MAPPINGS</code>")
	if dom.Has(page.body, `option[value="ext"]`) {
		t.Error("want no group of the other provider offered")
	}
	contains(t, c.get("/admin/providers/acme"), 200, `a[href="/admin/mapping?provider=acme"]`)
	fill := func(f url.Values) {
		f.Set("mode", "manual")
		f.Set("idp.0", "verkauf")
		f.Set("groups.0", "Sales")
		f.Set("idp.1", "personal")
		f.Set("groups.1", "HR, Acme people")
	}
	preview := c.press(page.body, "preview", fill)
	contains(t, preview, 200, "The one person whose groups your product has named ends in other groups", "bob@example.com</bdi></a> <bdi>gets Sales, HR and Acme people")
	c.press(preview.body, "save", nil).want(t, 303, "/admin/mapping?provider=acme&done=saved")
	acme(claims{"email": "bob@example.com", "groups": []string{"verkauf", "personal"}})
	if got := b.groupsOf("bob@example.com"); !slices.Equal(got, []string{"Sales", "HR", "Acme people"}) {
		t.Errorf("groups: got %q, want what the preview said", got)
	}

	// Without its row, Sales is kept: the other provider leads there. Acme people is deleted, and comes back.
	page = c.get("/admin/mapping?provider=acme")
	contains(t, page, 200, "Another row leads to <bdi>Sales</bdi> too")
	asked := c.press(page.body, "save", func(f url.Values) {
		remove(f, "verkauf", "delete")
		remove(f, "personal", "delete")
		f.Set("mode", "off")
	})
	contains(t, asked, 400, "Delete <bdi>HR</bdi>", "Delete <bdi>Acme people</bdi>")
	if strings.Contains(asked.body, "Delete <bdi>Sales</bdi></strong>") {
		t.Error("want Sales left alone")
	}
	c.press(asked.body, "save", func(f url.Values) { f.Set("confirm", "2 2") }).want(t, 303, "/admin/mapping?provider=acme&done=saved")
	if page := c.get("/admin/mapping?provider=jwt").body; strings.Contains(page, "was deleted: 1 person left it") {
		t.Error("the other provider offers to take it back")
	}
	c.mustSave(`JWT_GROUP_MAPPINGS={"ext":["Sales"],"new":["Sales"]}`) // what is done to one mapping is no change of the other
	undo := formTo(t, c.get("/admin/mapping?provider=acme").body, "/admin/mapping/undo")
	c.post("/admin/mapping/undo", undo).want(t, 303, "/admin/mapping?provider=acme&done=mapping-undone")
	if got := b.groupsOf("bob@example.com"); !slices.Equal(got, []string{"Sales", "HR", "Acme people"}) {
		t.Errorf("groups after it was taken back: got %q", got)
	}

	// The same by API. Who is made an administrator by it must be confirmed.
	in := map[string]any{"version": c.version(), "mode": "manual", "mappings": map[string]any{"verkauf": []any{sso.Administrators}, "personal": []string{"HR", "Acme people"}}}
	var p problem
	if resp := c.call("PUT", "/api/v1/mapping?provider=acme", in, &p); resp.StatusCode != 400 || p.Errors["administrators"] == "" {
		t.Errorf("new administrators: got %d %v, want them to be confirmed", resp.StatusCode, p.Errors)
	}
	in["mappings"] = map[string]any{"verkauf": []string{"Sales"}}
	var plan previewed
	if resp := c.call("POST", "/api/v1/mapping/preview?provider=acme", map[string]any{"mode": "manual", "mappings": in["mappings"]}, &plan); resp.StatusCode != 200 || len(plan.Kept) != 2 {
		t.Errorf("preview: got %d %+v", resp.StatusCode, plan)
	}
	if resp := c.call("PUT", "/api/v1/mapping?provider=acme", in, nil); resp.StatusCode != 200 {
		t.Errorf("got %d %s", resp.StatusCode, resp.body)
	}
	var state struct {
		Provider string
		Mappings map[string][]any
		Last     *struct{ ID string }
	}
	c.call("GET", "/api/v1/mapping?provider=acme", nil, &state)
	if state.Provider != "acme" || len(state.Mappings) != 1 || state.Last == nil {
		t.Errorf("got %+v", state)
	}
	if resp := c.call("POST", "/api/v1/mapping/undo", map[string]any{"id": state.Last.ID}, nil); resp.StatusCode != 409 {
		t.Errorf("taken back as the default provider's: got %d, want 409", resp.StatusCode)
	}
	if resp := c.call("POST", "/api/v1/mapping/undo?provider=acme", map[string]any{"id": state.Last.ID}, nil); resp.StatusCode != 204 {
		t.Errorf("taken back: got %d %s", resp.StatusCode, resp.body)
	}
	for _, path := range []string{"/admin/mapping?provider=nobody", "/admin/mapping.json?provider=nobody", "/api/v1/mapping?provider=nobody"} {
		if resp := c.get(path); resp.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", path, resp.StatusCode)
		}
	}
}

// A person whom both providers know: each takes out of the groups that its own mapping names, and leaves the others.
func TestTwoProvidersAndOnePerson(t *testing.T) {
	b := start(t, "JWT_ISSUER=product", "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"ext":["Sales"],"both":["Both"]}`, "PROVIDERS=acme", "PROVIDER_ACME_KIND=jwt", "PROVIDER_ACME_ISSUER=acme",
		"PROVIDER_ACME_IDENTITY_PROVIDER_URI=https://acme.example/login", "PROVIDER_ACME_SHARED_SECRET="+otherSecret, "PROVIDER_ACME_LINK_ACCOUNTS=true",
		"PROVIDER_ACME_GROUP_SYNC=true", `PROVIDER_ACME_GROUP_MAPPINGS={"hr":["HR"],"both":["Both"]}`)
	c := b.admin()
	page := c.get("/admin/mapping?provider=acme")
	contains(t, page, 200, "Using <code>SSOBRIDGE_PROVIDER_ACME_GROUP_MAPPINGS</code>", "Using <code>SSOBRIDGE_PROVIDER_ACME_GROUP_SYNC</code>")
	if dom.Has(page.body, `[name="idp.0"]`) || dom.Has(page.body, `[value="save"]`) {
		t.Error("what is fixed can be edited")
	}
	if got := b.signIn(secret, claims{"iss": "product", "groups": []string{"ext", "both"}}); got != "" {
		t.Fatal(got)
	}
	before := b.groupsOf("ann@example.com")
	var plan previewed
	c.call("POST", "/api/v1/mapping/preview?provider=acme", map[string]any{"mode": "automatic", "mappings": map[string]any{}}, &plan)
	if plan.Changed != 0 {
		t.Errorf("got %+v, want nobody of the other provider in the preview", plan)
	}
	if got := b.signIn(otherSecret, claims{"iss": "acme", "groups": []string{"hr"}}); got != "" {
		t.Fatal(got)
	}
	if got := b.groupsOf("ann@example.com"); !slices.Equal(before, []string{"Both", "Sales"}) || !slices.Equal(got, []string{"Sales", "HR"}) {
		t.Errorf("got %q after %q, want Sales, which only the other provider gives, left alone, and Both, of which this one says no, left", got, before)
	}
}
