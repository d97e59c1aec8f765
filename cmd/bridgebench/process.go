package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/proc"
)

// A process is a server that bridgebench started, or a peer that it only watches.
type process struct {
	pid  int
	cmd  *exec.Cmd // nil: not ours
	log  string    // the file with its output
	done chan struct{}
}

// spawn starts a program with its output in a file in dir.
func spawn(dir, name string, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.Stderr = out
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop ends a process that is ours: SIGTERM, and SIGKILL after 10 seconds.
func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// kill ends a process of ours at once, as kill -9 does.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// answers waits until GET path gets a 200, or the process ends.
func (p *process) answers(ctx context.Context, addr, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request := get(addr, path)
	for {
		a, err := once(ctx, addr, request)
		if err == nil && a.status == 200 {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("the server ended before it answered:\n%s", p.tail())
		case <-ctx.Done():
			return fmt.Errorf("no 200 from http://%s%s (last: status %d, %v):\n%s", addr, path, a.status, err, p.tail())
		case <-time.After(time.Millisecond):
		}
	}
}

// tail is the end of the process's output, for error messages.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-2000):])
}

// cpu is the user and system time that the process has used so far.
func (p *process) cpu() (time.Duration, error) { return proc.CPU(p.pid) }

// memory is how much of the process is in RAM now.
func (p *process) memory() (proc.Memory, error) { return proc.MemoryOf(p.pid) }

// listener finds the process that listens on a TCP port of this machine, or nil: it runs elsewhere, or as another user.
func listener(port int) *process {
	if pid := proc.Listener(port); pid != 0 {
		return &process{pid: pid}
	}
	return nil
}

// freePort returns a loopback address on which nothing listens now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// get is a request as a proxy would send it, with extra header lines.
func get(host, target string, header ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", target, host)
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}
