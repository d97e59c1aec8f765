package admin_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// With ten thousand groups, of which a person is in five hundred, no page is large: it has the first ones, and leads to the others.
func TestPagesWithManyGroups(t *testing.T) {
	const many, in, mapped = 10_000, 500, 900
	var names, sent []string
	for i := range many {
		names = append(names, fmt.Sprintf("Group %05d", i))
	}
	mapping := map[string][]string{}
	for i := range mapped {
		mapping[fmt.Sprint("ext", i)] = names[i : i+1]
	}
	for i := range in {
		sent = append(sent, fmt.Sprint("ext", i))
	}
	text, err := json.Marshal(mapping)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, "JWT_GROUP_SYNC=true", "JWT_GROUP_MAPPINGS="+string(text))
	c := b.admin()
	if _, err := b.store.EnsureGroups(t.Context(), names, sso.Event{Kind: sso.EventGroup}); err != nil {
		t.Fatal(err)
	}
	if got := b.signIn(secret, claims{"groups": sent}); got != "" {
		t.Fatal(got)
	}
	ann, err := b.store.AccountByEmail(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	person := fmt.Sprint("/admin/people/", ann.ID)
	for _, path := range []string{"/admin/groups", "/admin/groups?search=9", "/admin/groups/7", person, person + "?after=500", "/admin/people/new", "/admin/mapping", "/admin/mapping?search=group+00077"} {
		if resp := c.get(path); resp.StatusCode != 200 || len(resp.body) > 100_000 {
			t.Errorf("%s: got %d with %d bytes, want at most 100,000", path, resp.StatusCode, len(resp.body))
		}
	}
	seen := map[string]bool{}
	for next := []string{person}; len(next) > 0; {
		page := c.get(next[0]).body
		for _, id := range dom.Attr(page, `section[aria-labelledby="groups"] form input[type="hidden"]`, "value") {
			if seen[id] {
				t.Fatalf("group %s twice", id)
			}
			seen[id] = true
		}
		next = dom.Attr(page, `a[rel="next"]`, "href")
	}
	if len(seen) != in {
		t.Errorf("got %d groups on the pages of a person, want %d", len(seen), in)
	}
}
