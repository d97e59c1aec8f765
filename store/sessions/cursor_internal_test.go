package sessions

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// Whatever a browser sends as the beginning of a page of sessions is read, or refused as invalid.
func FuzzSessionPageIsReadOrInvalid(f *testing.F) {
	for _, s := range []string{"", "1.2", "-1.-2", "1.00ff", "9223372036854775808.1", ".", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, after string) {
		if _, _, err := parseCursor(after); err != nil && sso.CodeOf(err) != sso.Invalid {
			t.Errorf("got %v, want it read or invalid", err)
		}
	})
}
