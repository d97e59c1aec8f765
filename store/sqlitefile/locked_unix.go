//go:build unix

package sqlitefile

import (
	"os"
	"syscall"
)

// The bytes that SQLite locks (os.h: PENDING_BYTE, and what follows it).
const (
	lockStart = 0x40000000
	lockSize  = 512
)

// locked reports whether another process holds a lock of SQLite on a file, whatever is in it. No connection of this process may
// be open to it: closing a file gives up all locks of the process (fcntl, POSIX).
func locked(file string) bool {
	f, err := os.OpenFile(file, os.O_RDWR, 0) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return false
	}
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: lockStart, Len: lockSize}
	err = syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock)
	return err == nil && lock.Type != syscall.F_UNLCK
}
