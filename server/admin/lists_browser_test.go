package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// hostile is a name that would show on the console if it were not text, and that does not break into lines by itself.
var hostile = `<script>throw "ran"</script>` + strings.Repeat("W", 70)

// hostileName is hostile as part of one of several names.
func hostileName(of string) string { return of + hostile }

// The lists of people, groups, sessions and activity as the real server sends them, with data from outside, in a real
// browser: nothing on the console, so nothing ran that we did not send and nothing that the policy blocks; nothing beyond
// the edge at 360 px; with axe-core no violation.
//
// SECURITY E12, L1
func TestListsInABrowser(t *testing.T) {
	chromium.InCI(t)
	mapping, err := json.Marshal(map[string][]string{hostileName("idp"): {hostileName("Synced")}})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, "JWT_GROUP_SYNC=true", "JWT_GROUP_MAPPINGS="+string(mapping))
	person, group := b.populate()
	ctx, said := b.chromium(true)
	axe := chromium.AxeCore("../..")
	heard := 0
	for _, page := range []struct{ name, path, shows string }{
		{"people", "/admin/people", hostileName("First")},
		{"people found", "/admin/people?state=active&search=" + url.QueryEscape(hostileName("First")), hostileName("Last")},
		{"person", person, hostileName("value")},
		{"person, attribute chosen", person + "?attribute=department", hostileName("value")},
		{"new person", "/admin/people/new", "Add a person"},
		{"groups", "/admin/groups", hostileName("idp")},
		{"group", group, hostileName("First")},
		{"sessions", "/admin/sessions", "this browser"},
		{"sessions of a person", "/admin/sessions?person=ann%40example.com", "ann@example.com"},
		{"activity", "/admin/activity", hostileName("Made")},
		{"refusals", "/admin/activity?kind=sign_in_refused", "expired"},
		{"nothing", "/admin/activity?reference=" + url.QueryEscape(hostile), "Nothing like this"},
	} {
		t.Run(page.name, func(t *testing.T) {
			var text string
			if err := chromedp.Run(ctx, chromedp.Navigate(b.url+page.path), chromedp.Evaluate(`document.querySelector("main").textContent`, &text)); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, page.shows) {
				t.Errorf("got no %q in %q", page.shows, sso.Truncate(text, 2000))
			}
			if axe != "" {
				if err := chromedp.Run(ctx, chromedp.Evaluate(axe, nil)); err != nil {
					t.Fatal(err)
				}
			}
			checkLooks(ctx, t, axe != "")
			all := said()
			for _, line := range all[heard:] {
				t.Errorf("console: got %s, want nothing", line)
			}
			heard = len(all)
		})
	}
	if axe == "" {
		ssotest.Missing(t, "axe-core", "npm ci in a copy of cmd/ssobridge/interop/testdata, and SSOBRIDGE_TEST_NODE_MODULES set to its node_modules")
	}
}

// populate lets people sign in, be refused, and be changed by an administrator, under hostile names. It returns the paths
// of a person and of a group that the person is in.
func (b *bridge) populate() (person, group string) {
	t := b.t
	t.Helper()
	for i := range 3 {
		with := claims{"first_name": hostileName("First"), "last_name": hostileName("Last"), "department": hostileName("value"),
			"groups": []string{hostileName("idp"), hostileName("unmapped")}}
		if i > 0 {
			with["email"] = fmt.Sprintf("%s%d@example.com", strings.Repeat("w", 60), i)
		}
		if got := b.signIn(secret, with); got != "" {
			t.Fatalf("sign-in: %q", got)
		}
	}
	for _, refused := range []claims{{"exp": b.now().Unix() - 3600}, {"email": hostile}, {"iss": 7, "exp": hostile}} {
		if got := b.signIn(secret, refused); got == "" {
			t.Fatalf("sign-in with %v: got none refused", refused)
		}
	}
	ann, err := b.store.AccountByEmail(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	gone, err := b.store.AccountByEmail(t.Context(), strings.Repeat("w", 60)+"2@example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := b.admin()
	made := b.group(hostileName("Made"))
	for _, change := range []struct {
		path string
		form url.Values
	}{
		{fmt.Sprintf("/admin/people/%d/groups", ann.ID), url.Values{"do": {"add"}, "group": {hostileName("Made")}}},
		{fmt.Sprintf("/admin/people/%d/attributes", ann.ID), url.Values{"do": {"save"}, "name": {"department"}, "value": {hostileName("own")}}},
		{fmt.Sprintf("/admin/people/%d/state", gone.ID), url.Values{"active": {"no"}}},
	} {
		if resp := c.post(change.path, change.form); resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: got %d %s", change.path, resp.StatusCode, sso.Truncate(resp.body, 3000))
		}
	}
	return fmt.Sprintf("/admin/people/%d", ann.ID), fmt.Sprintf("/admin/groups/%d", made)
}

// checkLooks looks at the page that is open in light and dark, wide and narrow.
func checkLooks(ctx context.Context, t *testing.T, axe bool) {
	t.Helper()
	for _, l := range chromium.Looks(t.Name()) {
		l.Check(ctx, t, axe)
	}
}
