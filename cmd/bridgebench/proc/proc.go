// Package proc reads what Linux tells of running processes (proc(5)).
package proc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the user and system time that the process has used so far, its threads included, in steps of 10 ms.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
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

// A Memory is how much of a process is in RAM, in bytes. What is not its own are pages of files, its program above all,
// which the system takes away and reads again as it likes.
type Memory struct {
	Resident, Own int64
}

// MemoryOf is how much of a process is in RAM now.
func MemoryOf(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	return memoryOf(string(text))
}

// memoryOf reads /proc/PID/status (proc(5)): VmRSS and RssAnon.
func memoryOf(status string) (m Memory, err error) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		var field *int64
		switch name {
		case "VmRSS":
			field = &m.Resident
		case "RssAnon":
			field = &m.Own
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil || kib < 0 || kib > 1<<40 {
			return Memory{}, fmt.Errorf("/proc/PID/status: %s %q", name, strings.TrimSpace(value))
		}
		*field = kib << 10
	}
	if m.Resident == 0 {
		return Memory{}, errors.New("/proc/PID/status has no VmRSS")
	}
	return m, nil
}

// Listener finds the process that listens on a TCP port of this machine, or 0: it runs elsewhere, or as another user.
func Listener(port int) (pid int) {
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
				return pid
			}
		}
	}
	return 0
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
