package gate

import (
	"slices"
	"strings"
	"testing"
)

// SECURITY H6: whatever an app says about caching, the answer is kept out of shared caches, and saying it twice changes nothing.
func FuzzPrivately(f *testing.F) {
	for _, seed := range []string{"", "public", "private=\"a, private, b\"", "no-cache=\"Set-Cookie\", max-age=5", "a=\"\\\", private\"", "\", private"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, control string) {
		got := privately(control)
		list := listOf(strings.ToLower(got))
		held := slices.ContainsFunc(list, func(d string) bool {
			d = strings.TrimSpace(d)
			return d == "private" || d == "no-store" || d == "no-cache"
		})
		if !held || slices.Contains(list, "public") {
			t.Errorf("%q became %q", control, got)
		}
		if again := privately(got); again != got {
			t.Errorf("%q became %q, and that %q", control, got, again)
		}
	})
}
