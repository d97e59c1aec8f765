package gate

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// SECURITY H4: what does not climb stays below where it is put, however it is decoded.
func FuzzClimbs(f *testing.F) {
	for _, seed := range []string{"/a/b", "/../x", "/%2e%2e/x", "/..;/x", "/%252e%252e/x", `/..\x`, "/100%25", "/a..b/%00", "/..%00.css"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if climbs(p) {
			return
		}
		for layer := range 3 {
			seen, _, _ := strings.Cut(strings.ReplaceAll(p, `\`, "/"), "\x00")
			if got := path.Clean("/app/" + seen); got != "/app" && !strings.HasPrefix(got, "/app/") {
				t.Errorf("layer %d: %q leads to %q", layer, p, got)
			}
			plain, err := url.PathUnescape(p)
			if err != nil {
				return
			}
			p = plain
		}
	})
}
