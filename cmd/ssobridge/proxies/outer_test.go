package proxies

import (
	"encoding/json"
	"strings"
	"testing"
)

// What something further out says about the request (Azure's Application Gateway sets X-Original-Host) keeps nobody out, and
// reaches neither the bridge nor the app.
func TestFurtherOut(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		s := start(t, p)
		cookie := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
		for _, name := range []string{
			"X-Original-Host", "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Rewrite-URL", "Forwarded", "X-Real-IP", "X-Forwarded-Port", "X-Forwarded-Server",
			"X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-For",
		} {
			resp := s.send("GET", "/page", cookie, name+": planted")
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil || resp.StatusCode != 200 || strings.Contains(resp.body, "planted") {
				t.Errorf("%s: got %s %s", name, resp.Status, resp.body)
			}
			if resp := s.send("GET", "/page", "Accept: text/html", name+": planted"); resp.StatusCode != 302 || strings.Contains(resp.Header.Get("Location"), "planted") {
				t.Errorf("%s: a browser: got %s to %q", name, resp.Status, resp.Header.Get("Location"))
			}
		}
	})
}
