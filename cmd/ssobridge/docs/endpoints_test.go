package docs

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// The paths and metrics that the documents name are there.
func TestEndpoints(t *testing.T) {
	site := "http://localhost:" + ssotest.FreePort(t)
	idp := "http://127.0.0.1:9/login"
	const admin, password = "admin@example.com", "seven zebras knit quietly"
	startBridge(t, site, idp, "", []string{"SSOBRIDGE_ADMIN_EMAIL=" + admin, "SSOBRIDGE_ADMIN_PASSWORD=" + password})
	env := environ("SSOBRIDGE_JWT_SHARED_SECRET="+secret, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI="+idp, "SSOBRIDGE_SITE_URL="+site)
	link, status := output(t, "", env, "tokens", "login", "--email", "ada@example.com")
	if status != 0 {
		t.Fatalf("tokens login: %s", link)
	}
	_, link, _ = strings.Cut(link, "\n") // the first line says how long the link lives
	link = strings.TrimSpace(link)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if v := visit(t, browser, http.MethodGet, link, nil); v.status != http.StatusFound {
		t.Fatalf("the link of tokens login: got %d %s", v.status, v.body)
	}
	elsewhere, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Client{Jar: elsewhere, CheckRedirect: browser.CheckRedirect}
	visit(t, stranger, http.MethodGet, link, nil) // a page: the sign-in begins once more
	if v := visit(t, stranger, http.MethodGet, site+"/api/user/current", nil); v.status != http.StatusUnauthorized {
		t.Errorf("the link again, from elsewhere: got %d at /api/user/current, want 401: nobody signed in", v.status)
	}

	// Who may see everything.
	if v := visit(t, browser, http.MethodPost, site+"/login", url.Values{"email": {admin}, "password": {password}}); v.status != http.StatusSeeOther {
		t.Fatalf("the administrator: got %d %s", v.status, v.body)
	}
	endpoint := regexp.MustCompile(`^(?:(GET|POST) )?(/(?:auth|api|healthz|readyz|metrics|login|admin|\.well-known)[a-z0-9/_.-]*)`)
	seen := 0
	for _, m := range quoted.FindAllStringSubmatch(prose(t), -1) {
		e := endpoint.FindStringSubmatch(m[1])
		if e == nil || strings.Contains(m[1], "/…") || e[2] == "/api/v1" || e[2] == "/auth" { // the beginning of paths
			continue
		}
		seen++
		method := e[1]
		if method == "" {
			method = http.MethodGet
		}
		if strings.Contains(e[2], "logout") { // the others need the session
			continue
		}
		if v := visit(t, browser, method, site+e[2], nil); v.status == http.StatusNotFound || v.status == http.StatusMethodNotAllowed {
			t.Errorf("%s %s: got %d", method, e[2], v.status)
		}
	}
	if seen < 8 {
		t.Errorf("only %d paths were found", seen)
	}
}
