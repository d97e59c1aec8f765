//go:build unix

package inputfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const short = 200 * time.Millisecond

func pipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What never ends is given up, and nothing goes on waiting for it.
func TestReadDoesNotWaitForEver(t *testing.T) {
	if data, err := Read("/dev/zero"); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("/dev/zero: got %d bytes, %v", len(data), err)
	}
	before := runtime.NumGoroutine()
	held := pipe(t)
	writer, err := os.OpenFile(held, os.O_RDWR, 0) // open, and silent after some bytes
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	writer.WriteString("half a sec")
	for what, name := range map[string]string{"a pipe without a writer": pipe(t), "a pipe whose writer stops": held} {
		began := time.Now()
		if data, err := read(name, short); err == nil || !strings.Contains(err.Error(), "did not end within") || data != nil {
			t.Errorf("%s: got %q, %v", what, data, err)
		}
		if took := time.Since(began); took > 30*short {
			t.Errorf("%s: it took %v", what, took)
		}
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %d goroutines, want the %d of before", runtime.NumGoroutine(), before)
		}
	}
}

// Files, links to them, and pipes whose writer comes late or has gone are read to their end.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "..data"), filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data", link); err != nil {
		t.Fatal(err)
	}
	late := pipe(t)
	go func() {
		time.Sleep(short / 2)
		if w, err := os.OpenFile(late, os.O_WRONLY, 0); err == nil {
			w.WriteString("s3")
			time.Sleep(short / 4)
			w.WriteString("cret")
			w.Close()
		}
	}()
	r, w, err := os.Pipe() // as a shell gives it in the place of <(…)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.WriteString("s3cret")
	w.Close()
	names := map[string]string{"a file": file, "a link": link, "a pipe": late}
	if runtime.GOOS == "linux" {
		names["what a shell substitutes"] = "/dev/fd/" + strconv.Itoa(int(r.Fd()))
	}
	for what, name := range names {
		if data, err := Read(name); err != nil || string(data) != "s3cret" {
			t.Errorf("%s: got %q, %v", what, data, err)
		}
	}
	if err := os.WriteFile(file, make([]byte, Most+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file); err == nil {
		t.Error("a file that is too long is read")
	}
	for _, name := range []string{dir, filepath.Join(dir, "none")} {
		if data, err := Read(name); err == nil {
			t.Errorf("%s: got %q", name, data)
		}
	}
}
