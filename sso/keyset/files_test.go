package keyset_test

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1790000000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// ed returns an Ed25519 key with that kid; all of the same size. Its x is made of the seed, and no signature fits it.
func ed(kid string, seed byte) string {
	return jwk(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64([]byte(strings.Repeat(string(seed), 32)))})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// kids are those that a key set has.
func kids(t *testing.T, set keyset.Set) string {
	t.Helper()
	keys, err := set.Keys(t.Context(), "")
	if err != nil {
		return string(sso.CodeOf(err))
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.KeyID())
	}
	return strings.Join(names, " ")
}

func files(t *testing.T, c *clock, log *strings.Builder, paths ...string) *keyset.Files {
	t.Helper()
	var list []keyset.File
	for _, path := range paths {
		list = append(list, keyset.File{Path: path})
	}
	f, err := keyset.NewFiles(list, c.now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFilesAreReadAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jwks.json")
	replace := func(content string) func() {
		return func() {
			write(t, path+".new", content)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, path, ed("a", '1'))
	c, log := newClock(), new(strings.Builder)
	f := files(t, c, log, path)
	var since time.Time // of the first of several faults
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name   string
		change func()
		want   string
		fault  string
	}{
		{"nothing", func() {}, "a", ""},
		{"renamed over", replace(ed("b", '2')), "b", ""},
		{"in place, of the same size and time", func() {
			write(t, path, ed("c", '3'))
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, "c", ""},
		{"half written", func() { write(t, path, ed("d", '4')[:40]) }, "c", "copy the whole key"},
		{"the other half", func() { write(t, path, ed("d", '4')) }, "d", ""},
		{"empty", func() { write(t, path, "") }, "d", "empty"},
		{"a private key", func() { write(t, path, jwk(rsaMembers(), "d", "AQAB")) }, "d", "private key"},
		{"a set with one kid twice", func() { write(t, path, set(ed("e", '5'), ed("e", '6'))) }, "d", "two keys"},
		{"large", func() { write(t, path, strings.Repeat(" ", 1<<20)) }, "d", "262144"},
		{"deleted", func() { os.Remove(path) }, "d", "no such file"},
		{"a folder", func() { os.Mkdir(path, 0o700) }, "d", "no file"},
		{"a pipe", func() { os.Remove(path); syscall.Mkfifo(path, 0o600) }, "d", "no file"},
		{"there again", func() { os.Remove(path); write(t, path, ed("f", '7')) }, "f", ""},
	} {
		step.change()
		before := kids(t, f)
		c.add(10*time.Second - 1)
		if got := kids(t, f); got != before {
			t.Errorf("%s: before ten seconds: got %q, want %q", step.name, got, before)
		}
		c.add(1)
		got, status := kids(t, f), f.Status()
		if got != step.want || (step.fault == "") != (status.Fault == "") || !strings.Contains(status.Fault, step.fault) {
			t.Errorf("%s: got %q, fault %q; want %q, %q", step.name, got, status.Fault, step.want, step.fault)
		}
		if since = cmp.Or(since, status.FaultSince); status.Fault == "" {
			since = time.Time{}
		}
		if status.Fault == "" && !status.LastSuccess.Equal(c.now()) || status.FaultSince != since || (status.Fault == "") != since.IsZero() {
			t.Errorf("%s: status %+v, want a fault since %s", step.name, status, since)
		}
	}
	for want, times := range map[string]int{"copy the whole key": 1, "can be used again": 2, "level=WARN": 7, path: 7} {
		if got := strings.Count(log.String(), want); got < times {
			t.Errorf("the log has %q %d times, want %d:\n%s", want, got, times, log)
		}
	}
}

// Kubernetes writes a folder beside the old one, and points a link at it.
func TestFilesBehindLinks(t *testing.T) {
	dir := t.TempDir()
	for folder, key := range map[string]string{"1": ed("a", '1'), "2": ed("b", '2')} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, folder, "key"), key)
	}
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	link("1", "..data")
	link(filepath.Join("..data", "key"), "key")
	c := newClock()
	f := files(t, c, new(strings.Builder), filepath.Join(dir, "key"))
	link("2", "..new")
	if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	c.add(10 * time.Second)
	if got := kids(t, f); got != "b" {
		t.Errorf("got %q, want b", got)
	}
}

func TestFilesAtTheBeginning(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	write(t, good, ed("a", '1'))
	write(t, bad, "nonsense")
	for _, test := range []struct {
		paths []string
		want  string
	}{
		{[]string{good, bad}, bad + ": this is no key"},
		{[]string{filepath.Join(dir, "none")}, "no such file"},
		{[]string{good, good}, "two keys have the kid"},
	} {
		var list []keyset.File
		for _, path := range test.paths {
			list = append(list, keyset.File{Path: path})
		}
		if _, err := keyset.NewFiles(list, time.Now, slog.New(slog.DiscardHandler)); sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.paths, err, test.want)
		}
	}
}

// One file of two is broken: the keys of both stay as they were.
func TestFilesTogether(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	write(t, one, ed("a", '1'))
	write(t, two, ed("b", '2'))
	c := newClock()
	f := files(t, c, new(strings.Builder), one, two)
	write(t, one, ed("c", '3'))
	write(t, two, "")
	c.add(10 * time.Second)
	if got := kids(t, f); got != "a b" {
		t.Errorf("got %q, want a b", got)
	}
	write(t, two, ed("b", '2'))
	c.add(10 * time.Second)
	if got := kids(t, f); got != "c b" {
		t.Errorf("got %q, want c b", got)
	}
}

func TestFilesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, ed("a", '1'))
	c := newClock()
	f := files(t, c, new(strings.Builder), path)
	ssotest.AtOnce(8, func(i int) {
		for range 50 {
			c.add(3 * time.Second)
			if i == 0 {
				f.Status()
			}
			if keys, err := f.Keys(t.Context(), "a"); err != nil || len(keys) != 1 {
				t.Errorf("got %v, %v", keys, err)
			}
		}
	})
}

// A key that stays keeps its last use when a file changes.
func TestFilesKeepUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, jwk(rsaMembers()))
	c := newClock()
	f := files(t, c, new(strings.Builder), path)
	v := verifier(t, sso.Standard)
	v.Keys = f
	if x := judge(t, v, signRS256(t, "")); x.Err != nil {
		t.Fatal(x.Err)
	}
	write(t, path, set(ed("b", '2'), jwk(rsaMembers())))
	generation := f.Generation()
	c.add(10 * time.Second)
	if f.Generation() == generation {
		t.Error("another key is no change")
	}
	if got := f.Status().Keys; len(got) != 2 || !got[0].LastUsed.IsZero() || got[1].LastUsed.IsZero() {
		t.Errorf("got %+v, want the use of the second", got)
	}
}
