package admin_test

import (
	"strings"
	"testing"
)

// A name is as long as a sign-in keeps one, and no longer, through the API and the page; users.txtar has the shell.
func TestNamesAreBounded(t *testing.T) {
	c := start(t).admin()
	fits := strings.Repeat("é", 127)
	for _, field := range []string{"first_name", "last_name"} {
		for name, ok := range map[string]bool{fits: true, fits + "x": false} {
			resp := c.call("POST", "/api/v1/people", map[string]any{"email": field + "-api@example.com", field: name}, nil)
			if made := resp.StatusCode < 300; made != ok || !ok && !strings.Contains(resp.body, `"`+field+`":"a name has at most 254 bytes`) {
				t.Errorf("API, %s of %d bytes: got %d %s", field, len(name), resp.StatusCode, resp.body)
			}
			page := c.form("/people/new", "email", field+"-page@example.com", field, name)
			if made := page.StatusCode == 303; made != ok || !ok && !strings.Contains(page.body, "A name has at most 254 bytes") {
				t.Errorf("page, %s of %d bytes: got %d %s", field, len(name), page.StatusCode, page.body)
			}
		}
	}
}
