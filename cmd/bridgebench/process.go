package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// cpu is the user and system time that the process has used so far, its threads included, in steps of 10 ms.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	return cpuOf(text)
}

// cpuOf reads /proc/PID/stat (proc(5)): utime and stime are fields 14 and 15. Field 2, the name, may hold anything.
func cpuOf(stat []byte) (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ is 100 on every Linux that Go runs on
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is not as proc(5) says")
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

// A memory is how much of a process is in RAM, in bytes. What is not its own are pages of files, its program above all,
// which the system takes away and reads again as it likes.
type memory struct {
	resident, own int64
}

// memory reads how much of the process is in RAM now.
func (p *process) memory() (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return memory{}, err
	}
	return memoryOf(string(text))
}

// memoryOf reads /proc/PID/status (proc(5)): VmRSS and RssAnon.
func memoryOf(status string) (m memory, err error) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		var field *int64
		switch name {
		case "VmRSS":
			field = &m.resident
		case "RssAnon":
			field = &m.own
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil || kib < 0 || kib > 1<<40 {
			return memory{}, fmt.Errorf("/proc/PID/status: %s %q", name, strings.TrimSpace(value))
		}
		*field = kib << 10
	}
	if m.resident == 0 {
		return memory{}, errors.New("/proc/PID/status has no VmRSS")
	}
	return m, nil
}

// listener finds the process that listens on a TCP port of this machine, or nil: it runs elsewhere, or as another user.
func listener(port int) *process {
	inodes := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, inode := range listening(string(text), port) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && inodes[to] {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			if err == nil {
				return &process{pid: pid}
			}
		}
	}
	return nil
}

// listening reads /proc/net/tcp (proc(5)): the inodes of the sockets in state LISTEN on that port.
func listening(table string, port int) (inodes []string) {
	const listen = "0A"
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != listen {
			continue
		}
		_, local, _ := strings.Cut(f[1], ":")
		if b, err := hex.DecodeString(local); err == nil && len(b) == 2 && int(b[0])<<8|int(b[1]) == port {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
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
