package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

const drawnLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><script>fetch("/auth/account")</script><path d="M0 0h40v20z"/></svg>`

func logoFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "logo.svg")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The pages that people meet have the site's logo and colours, wherever they are shown.
// SECURITY L1: a drawing that is opened by itself can do nothing.
func TestBrand(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso", "SITE_URL=https://auth.example.com", "COOKIE_DOMAIN=example.com", "ALLOWED_ORIGINS=https://app.example.com", "TRUSTED_PROXIES=127.0.0.1",
		"SITE_NAME=Acme", "SITE_ACCENT=#FFD400", "SITE_LOGO="+logoFile(t, drawnLogo))
	c := b.browser()
	elsewhere := replaced(replaced(asked(b, "POST", "/x", acceptPage), "X-Forwarded-Host", "app.example.com"), "X-Forwarded-Proto", "https")
	for name, tt := range map[string]struct {
		resp response
		base string
	}{
		"sign-in":                             {c.get("/_sso/login", page), "/_sso"},
		"a refusal":                           {c.get("/_sso/auth/sso?jwt=x", page), "/_sso"},
		"a refusal at the address of the app": {c.get("/_sso/auth/forward", elsewhere...), "https://auth.example.com/_sso"},
	} {
		logos := dom.Attr(tt.resp.body, "a.brand img[width='64'][height='32'][alt='']", "src")
		sheets := dom.Attr(tt.resp.body, "link[rel='stylesheet']", "href")
		if len(logos) != 1 || len(sheets) != 2 || !strings.Contains(tt.resp.body, "<bdi>Acme</bdi>") {
			t.Errorf("%s: got the logos %q and the style sheets %q", name, logos, sheets)
			continue
		}
		for _, path := range []string{logos[0], sheets[1]} {
			if !strings.HasPrefix(path, tt.base+"/auth/brand/") {
				t.Errorf("%s: got %s", name, path)
			}
			file := c.get("/_sso" + strings.TrimPrefix(path, tt.base))
			if h := file.Header; file.StatusCode != http.StatusOK || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; style-src 'unsafe-inline'; sandbox" {
				t.Errorf("%s: got %d %v", path, file.StatusCode, h)
			}
		}
		if logo := c.get("/_sso" + strings.TrimPrefix(logos[0], tt.base)); logo.body != drawnLogo || logo.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s: got %s %s", name, logo.Header.Get("Content-Type"), logo.body)
		}
		if sheet := c.get("/_sso" + strings.TrimPrefix(sheets[1], tt.base)); !strings.Contains(sheet.body, "--fill: #ffd400;") || sheet.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%s: got %s %s", name, sheet.Header.Get("Content-Type"), sheet.body)
		}
	}
	// A replica that was told of another colour gives its own, for now.
	old := c.get("/_sso/auth/brand/accent.0123456789abcdef.css")
	if old.StatusCode != http.StatusOK || old.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("got %d %v", old.StatusCode, old.Header)
	}
	for _, path := range []string{"/_sso/auth/brand/", "/_sso/auth/brand/x.css", "/_sso/auth/brand/logo/x", "/_sso/auth/brand/..%2Flogo.svg"} {
		if resp := c.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", path, resp.StatusCode)
		}
	}
}

func TestNoBrand(t *testing.T) {
	b := start(t)
	c := b.browser()
	if body := c.get("/login", page).body; strings.Contains(body, "/auth/brand/") || !dom.Has(body, "a.brand svg.logo") {
		t.Errorf("got %s", body)
	}
	for _, path := range []string{"/auth/brand/logo.svg", "/auth/brand/accent.css"} {
		if resp := c.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", path, resp.StatusCode)
		}
	}
}

// A logo that is the name stands alone, with the name for those who do not see it.
func TestWideLogo(t *testing.T) {
	b := start(t, "SITE_NAME=Acme & Sons", "SITE_LOGO="+logoFile(t, strings.Replace(drawnLogo, "0 0 40 20", "0 0 100 20", 1)))
	body := b.browser().get("/login", page).body
	if !dom.Has(body, "a.brand img[alt='Acme & Sons']") || regexp.MustCompile(`class="brand"[^<]*<img[^>]*><bdi>`).MatchString(body) {
		t.Errorf("got %s", body)
	}
}
