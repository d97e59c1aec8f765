package server_test

import (
	"strings"
	"testing"
	"time"
)

// A product that sends browsers with their token to the front page, or to a page that is not there, is named in the log once a
// minute: where the token came, the names of what came with it, and where it belongs.
func TestStrayTokenIsLogged(t *testing.T) {
	forwarded := []string{"X-Forwarded-Proto: http", "X-Forwarded-Method: GET", "X-Forwarded-Host: HOST"}
	for name, tt := range map[string]struct {
		settings []string
		path     string
		headers  []string
		logged   string
	}{
		"the front page":            {nil, "/?jwt=TOKEN&return_to=%2Fdeep", nil, "path=/ "},
		"a page that is not there":  {nil, "/auth/jwt?jwt=TOKEN", nil, "path=/auth/jwt "},
		"an app behind UPSTREAM":    {[]string{"UPSTREAM=" + app(t).URL}, "/dash?jwt=TOKEN", nil, "path=/dash "},
		"the front page, PREFIX":    {[]string{"PATH_PREFIX=/_sso"}, "/?jwt=TOKEN", nil, "path=/ "},
		"an app behind another one": {nil, "/auth/forward", append(forwarded, "X-Forwarded-Uri: /dash?x=1&jwt=TOKEN"), "path=/dash "},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, append([]string{"TRUSTED_PROXIES=127.0.0.1/32"}, tt.settings...)...)
			tok := b.token(nil)
			ask := func(path string) {
				t.Helper()
				headers := append([]string{}, fromIdP...)
				for _, h := range tt.headers {
					headers = append(headers, strings.NewReplacer("TOKEN", tok, "HOST", strings.TrimPrefix(b.url, "http://")).Replace(h))
				}
				b.browser().get(strings.ReplaceAll(path, "TOKEN", tok), headers...)
			}
			lines := func() (found []string) {
				for line := range strings.Lines(b.log.String()) {
					if strings.Contains(line, "a token came to a page that takes none") {
						found = append(found, line)
					}
				}
				return found
			}
			for range 3 {
				ask(tt.path)
			}
			got := lines()
			if len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], tt.logged) || !strings.Contains(got[0], "jwt") ||
				!strings.Contains(got[0], "/auth/sso") || strings.Contains(b.log.String(), tok) { // SECURITY K1
				t.Errorf("got %q in %s", got, b.log.String())
			}
			b.Pass(3 * time.Minute)
			ask(tt.path)
			if got := lines(); len(got) != 2 {
				t.Errorf("minutes later: got %d lines, want 2", len(got))
			}
		})
	}
	b := start(t)
	b.browser().get("/?jwtx=1&x=jwt")
	if strings.Contains(b.log.String(), "takes none") {
		t.Errorf("without a token: %s", b.log.String())
	}
}
