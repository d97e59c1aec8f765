package admin_test

import (
	"strings"
	"testing"
)

// HEAD answers as GET does, to administrators and to nobody, and changes nothing.
func TestHeadAnswersAsGet(t *testing.T) {
	b := start(t)
	for who, c := range map[string]*browser{"an administrator": b.admin(), "nobody": b.browser()} {
		for _, route := range b.srv.Routes() {
			path, ok := strings.CutPrefix(route, "GET ")
			if !ok {
				continue
			}
			path = strings.NewReplacer(":id", "1", ":name", "JWT_PROFILE", ":ref", "aa", "*", "app.css").Replace(path)
			head, get := c.send("HEAD", path, ""), c.get(path)
			if head.StatusCode != get.StatusCode || head.body != "" {
				t.Errorf("%s, %s: HEAD got %d with %d bytes, GET %d", path, who, head.StatusCode, len(head.body), get.StatusCode)
			}
			for _, name := range []string{"Content-Type", "Location", "Cache-Control", "Vary", "Content-Security-Policy", "Content-Disposition"} {
				if got, want := head.Header.Get(name), get.Header.Get(name); got != want {
					t.Errorf("%s, %s: HEAD has %s %q, GET %q", path, who, name, got, want)
				}
			}
		}
	}
}
