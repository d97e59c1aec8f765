package ssotest

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Buffer collects what one goroutine or process writes while another reads. The zero Buffer is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Reset forgets what was written so far.
func (b *Buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// FreePort returns a port of 127.0.0.1 that is free now. It lies below those that Linux gives to connections by itself
// (32768 and above): one of those may be a connection's before the server of the test has it. Nobody else who calls FreePort
// gets it before the test is over.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		// Tests of other packages run beside this one: the port is reserved by a name that Linux keeps while a process has it.
		if runtime.GOOS == "linux" {
			mine, err := net.Listen("unix", "@ssobridge-test-port-"+port)
			if err != nil {
				continue
			}
			t.Cleanup(func() { mine.Close() })
		}
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port of 127.0.0.1 is free")
	return ""
}

// A Process is a server that a test runs.
type Process struct {
	Cmd   *exec.Cmd
	Log   *Buffer       // gets its output; it is shown when the test has failed
	Ready func() error  // nil from the moment on that the server can be used
	Grace time.Duration // after SIGTERM, before it is killed; 0: it must end by itself, within 15 seconds
}

// Start starts a process, waits for at most 30 seconds until it is ready, and ends it with the test. The process may have
// been killed before.
func (p Process) Start(t testing.TB) {
	t.Helper()
	name := filepath.Base(p.Cmd.Path)
	p.Cmd.Stdout, p.Cmd.Stderr = p.Log, p.Log
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); p.Cmd.Wait() }()
	t.Cleanup(func() {
		p.end(t, name, ended)
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Log)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := p.Ready()
		if err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended at once", name)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", name, err)
		}
	}
}

func (p Process) end(t testing.TB, name string, ended <-chan struct{}) {
	p.Cmd.Process.Signal(syscall.SIGTERM)
	grace := p.Grace
	if grace == 0 {
		grace = 15 * time.Second
	}
	select {
	case <-ended:
	case <-time.After(grace):
		if p.Grace == 0 {
			t.Errorf("%s did not end on SIGTERM", name)
		}
		p.Cmd.Process.Kill()
		<-ended
	}
}
