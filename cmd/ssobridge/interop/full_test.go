package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso/ssotest/tmpfs"
)

// A disk is a small file system of the test's own.
type disk struct {
	t   testing.TB
	dir string
}

// smallDisk mounts one, which needs the right to.
func smallDisk(t testing.TB) disk {
	t.Helper()
	d := disk{t, t.TempDir()}
	unmount, err := tmpfs.Mount(d.dir, "12m")
	if err != nil {
		t.Skipf("to run this test, run it with the right to mount a tmpfs, as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d disk) path(name string) string { return filepath.Join(d.dir, name) }

// fill takes the disk's room, to the last byte.
func (d disk) fill() {
	d.t.Helper()
	if err := tmpfs.Fill(d.path("filler")); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) makeRoom() {
	d.t.Helper()
	if err := os.Remove(d.path("filler")); err != nil {
		d.t.Fatal(err)
	}
}

// files are the names on the disk that have something in them.
func (d disk) files() (names []string) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 0 {
			names = append(names, e.Name())
		}
	}
	return names
}

// ssobridge runs a command with the bridge's settings.
func (b *bridge) ssobridge(args ...string) (output string, err error) {
	cmd := exec.Command(program.Path(b.t), args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// On a full disk nothing is kept by half, whoever writes is told why, and all goes on by itself when there is room.
//
// SECURITY L4.
func TestFullDisk(t *testing.T) {
	d := smallDisk(t)
	b := startBridge(t, "http://127.0.0.1:9/login", "MB_JWT_GROUP_SYNC=true", `MB_JWT_GROUP_MAPPINGS={"admins":["Administrators"]}`,
		"SSOBRIDGE_DATABASE_URL=sqlite:"+d.path("ssobridge.db"))
	admin := b.administrator()
	sound := filepath.Join(b.dir, "sound.db")
	if out, err := b.ssobridge("backup", sound); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	key, err := os.ReadFile(d.path("ssobridge.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	d.fill()
	before := d.files()
	cut := b.signInUntilFull()
	if resp, err := b.present(t.Context(), expired(t), "/"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a refusal whose event cannot be kept: got %v, %v; want 401", resp, err)
	}
	if status, body := b.makeGroup(admin, "Room"); status != http.StatusServiceUnavailable || !strings.Contains(body, "store_unavailable") {
		t.Errorf("what an administrator saves: got %d %s, want 503", status, body)
	}
	if status, body := b.readyz(); status != http.StatusServiceUnavailable || !strings.Contains(body, `"cause":"full"`) {
		t.Errorf("readiness: got %d %s, want 503 with the cause", status, body)
	}
	if _, status := b.current(admin); status != http.StatusOK {
		t.Errorf("a session that is there: got %d, want 200", status)
	}
	commands := [][]string{
		{"backup", d.path("backup.db")},
		{"users", "create", "new@example.com"},
		{"migrate", "--database-url", "sqlite:" + d.path("new.db")},
		{"copy", "sqlite:" + sound, "sqlite:" + d.path("copy.db"), "--secret-key", strings.TrimSpace(string(key))},
		{"restore", sound, "--database-url", "sqlite:" + d.path("restored.db"), "--secret-key", strings.TrimSpace(string(key))},
	}
	for _, args := range commands {
		out, err := b.ssobridge(args...)
		_, next, _ := strings.Cut(out, "hint: ")
		if err == nil || !strings.Contains(out, "full") && !strings.Contains(out, "no space left") || !strings.Contains(next, "room") {
			t.Errorf("%v: got %v, want that it says that there is no room\n%s", args, err, out)
		}
	}
	if out, err := b.ssobridge("backup", filepath.Join(b.dir, "elsewhere.db")); err != nil {
		t.Errorf("a backup to another disk: got %v\n%s", err, out)
	}
	if out, err := b.ssobridge("users", "export", "root@example.com"); err != nil || !strings.Contains(out, "root@example.com") {
		t.Errorf("an export: got %v\n%s", err, out)
	}
	if after := d.files(); !slices.Equal(before, after) {
		t.Errorf("got files %v on the disk, there were %v", after, before)
	}

	d.makeRoom()
	if resp, err := b.present(t.Context(), cut, "/"); err != nil || resp.StatusCode != http.StatusFound {
		t.Errorf("the sign-in that was not kept, with its token, when there is room: got %v, %v", resp, err)
	}
	if status, body := b.makeGroup(admin, "Room"); status != http.StatusOK {
		t.Errorf("what was not saved, again: got %d %s", status, body)
	}
	if status, body := b.readyz(); status != http.StatusOK {
		t.Errorf("readiness when there is room: got %d %s", status, body)
	}
	for _, args := range commands {
		if out, err := b.ssobridge(args...); err != nil {
			t.Errorf("%v again, when there is room: got %v\n%s", args, err, out)
		}
	}
}

// signInUntilFull signs people in until the database cannot keep that: the -wal file may have room for a few. It returns the token
// of the one who was told to come back.
func (b *bridge) signInUntilFull() (token string) {
	b.t.Helper()
	for range 300 {
		token = mint(b.t, "full@example.com")
		resp, err := b.present(b.t.Context(), token, "/")
		switch {
		case err != nil:
			b.t.Fatal(err)
		case resp.StatusCode == http.StatusServiceUnavailable:
			if resp.Header.Get("Retry-After") == "" {
				b.t.Error("503 without Retry-After")
			}
			return token
		case resp.StatusCode != http.StatusFound:
			b.t.Fatalf("got %s, want 302 or 503", resp.Status)
		}
	}
	b.t.Fatal("sign-ins are kept on a full disk")
	return ""
}

func (b *bridge) readyz() (int, string) {
	b.t.Helper()
	resp, err := http.Get(b.url("/readyz"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// administrator signs one in.
func (b *bridge) administrator() *http.Cookie {
	b.t.Helper()
	resp, err := b.present(b.t.Context(), sign(b.t, jwt.MapClaims{"email": "root@example.com", "groups": []string{"admins"}, "iat": time.Now().Unix()}), "/")
	if err != nil {
		b.t.Fatal(err)
	}
	cookie, ok := sessionCookie(resp)
	if !ok {
		b.t.Fatalf("got %s", resp.Status)
	}
	return cookie
}

func expired(t testing.TB) string {
	return sign(t, jwt.MapClaims{"email": "late@example.com", "iat": time.Now().Add(-time.Hour).Unix()})
}

// makeGroup is something that an administrator saves.
func (b *bridge) makeGroup(as *http.Cookie, name string) (status int, body string) {
	b.t.Helper()
	given, _ := json.Marshal(map[string]string{"name": name})
	req, err := http.NewRequest(http.MethodPost, b.url("/api/v1/groups"), bytes.NewReader(given))
	if err != nil {
		b.t.Fatal(err)
	}
	req.AddCookie(as)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := stay.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}
