// Package tmpfs makes small file systems, for tests and for the benchmark, and fills them.
package tmpfs

import (
	"errors"
	"os"
	"syscall"
)

// Fill writes a file that takes all the room of its file system, to the last byte.
func Fill(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	return nil
}
