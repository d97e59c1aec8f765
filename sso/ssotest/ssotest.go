// Package ssotest helps the tests of every room. What a test needs and the machine lacks makes it skip with a message
// that says how to get it; where SSOBRIDGE_TEST_REQUIRE names it (or is "all", as in CI), it fails instead.
package ssotest

import (
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
)

// Need returns the path of an executable that a test cannot do without. how says how to get it, such as
// "apt-get install nginx". Beside PATH it looks where Debian puts servers.
func Need(t testing.TB, name, how string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	candidates := []string{"/usr/sbin/" + name, "/usr/local/sbin/" + name}
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	sort.Sort(sort.Reverse(sort.StringSlice(versions)))
	for _, path := range append(candidates, versions...) {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	Missing(t, name, how)
	return ""
}

// Missing ends a test that lacks something: a skip, or a failure where it is required.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if Required(what) {
		t.Fatalf("%s is required by SSOBRIDGE_TEST_REQUIRE and was not found: %s", what, how)
	}
	t.Skipf("%s was not found; to run this test: %s", what, how)
}

// Required reports whether SSOBRIDGE_TEST_REQUIRE (a list separated by commas) is "all" or names what.
func Required(what string) bool {
	list := strings.Split(os.Getenv("SSOBRIDGE_TEST_REQUIRE"), ",")
	return slices.Contains(list, "all") || slices.Contains(list, what)
}

// InCI ends a test that proves once more what others prove in less time: on the second database, with another proxy, in another
// language, page by page in a browser. It goes on where SSOBRIDGE_TEST_REQUIRE is "all" (as in CI) or names "combinations".
func InCI(t testing.TB, what string) {
	t.Helper()
	if !Required("combinations") {
		t.Skipf("%s: left to CI; to run this test: SSOBRIDGE_TEST_REQUIRE=combinations go test", what)
	}
}

// First returns the first of all, which is enough to prove a rule. Where [InCI] goes on it returns all.
func First[T any](all ...T) []T {
	if Required("combinations") || len(all) == 0 {
		return all
	}
	return all[:1]
}

// Some returns one of all, the same for the same key each time, so that many tests with keys of their own try all between
// them. Where SSOBRIDGE_TEST_REQUIRE is "all" (as in CI) or names "combinations", it returns all.
func Some[T any](key string, all ...T) []T {
	if Required("combinations") || len(all) == 0 {
		return all
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	i := int(h.Sum32() % uint32(len(all)))
	return all[i : i+1]
}

// AtOnce runs n functions that all begin at the same moment.
func AtOnce(n int, f func(i int)) {
	begin := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	done.Wait()
}
