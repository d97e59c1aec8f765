package ssotest

import (
	"os"
	"syscall"
)

// TempInMemory keeps the temporary files of the tests of a package, and of what they start, in memory. TestMain calls it
// first: a database that is synced to a disk makes a test wait at each commit. It leaves alone a TMPDIR that is set, and
// a system that has not enough of such memory, or runs no programs from it.
func TempInMemory() {
	const (
		dir    = "/dev/shm"
		enough = 2 << 30
		noExec = 0x8 // ST_NOEXEC of statfs(2)
	)
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(dir, &fs) != nil || fs.Flags&noExec != 0 || fs.Bavail*uint64(fs.Bsize) < enough {
		return
	}
	os.Setenv("TMPDIR", dir)
}
