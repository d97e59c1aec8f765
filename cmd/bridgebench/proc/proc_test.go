package proc

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

func TestCPUOf(t *testing.T) {
	const stat = "42 (a) b) (c) S 1 42 42 0 -1 4194304 101 0 0 0 %s 0 0 20 0 1 0 145328 3133440 390"
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{fmt.Sprintf(stat, "150 50"), 2 * time.Second, true},
		{fmt.Sprintf(stat, "x 50"), 0, false},
		{"42 (a) S 1", 0, false},
		{"", 0, false},
	} {
		got, err := cpuOf([]byte(tt.text))
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("cpuOf(%q): got %v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
}

func TestMemoryOf(t *testing.T) {
	for text, want := range map[string]Memory{
		"Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t   1024 kB\nRssAnon:\t     4 kB\n": {1 << 20, 4 << 10},
		"VmRSS:\t1024 kB\n":                 {1 << 20, 0}, // an old kernel
		"Name:\tx\n":                        {},
		"VmRSS:\t-4 kB\n":                   {},
		"VmRSS:\t1024 kB\nRssAnon:\tmuch\n": {},
	} {
		if got, err := memoryOf(text); got != want || (err == nil) != (want.Resident > 0) {
			t.Errorf("memoryOf(%q): got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestListener(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1054 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1054 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
`
	if got, want := fmt.Sprint(listening(table, 4180)), "[4711]"; got != want {
		t.Errorf("listening: got %s, want %s", got, want)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if pid := Listener(server.Listener.Addr().(*net.TCPAddr).Port); pid != os.Getpid() {
		t.Errorf("listener of our own port: got %d, want pid %d", pid, os.Getpid())
	}
}
