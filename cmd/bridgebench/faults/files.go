package faults

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/ssobridge/ssobridge/sso/ssotest/tmpfs"
)

// away moves the files of a SQLite database into another folder, or back.
func away(from, to string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(from+suffix, to+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// moved takes the files of the database away under the running bridge, and puts them back.
func moved(file string, times int) fault {
	other := file + ".away"
	return fault{
		name: "the file is moved away", times: times, stays: time.Second,
		begin: func(context.Context) error { return away(file, other) },
		end:   func(context.Context) (time.Time, error) { return time.Now(), away(other, file) },
	}
}

// replaced puts another file in the place of the database, and then the right one again.
func replaced(file string, times int) fault {
	other := file + ".away"
	return fault{
		name: "another file in its place", times: times, stays: time.Second,
		begin: func(context.Context) error {
			if err := away(file, other); err != nil {
				return err
			}
			return os.WriteFile(file, nil, 0o600)
		},
		end: func(context.Context) (time.Time, error) { return time.Now(), away(other, file) },
	}
}

// small is the size of the file system that gets full.
const small = "48m"

// full leaves no room on the file system, and then some again.
func full(dir string, times int) fault {
	filler := filepath.Join(dir, "filler")
	return fault{
		name: "the disk is full", times: times, stays: time.Second,
		begin: func(context.Context) error { return tmpfs.Fill(filler) },
		end: func(context.Context) (time.Time, error) {
			err := os.Remove(filler)
			return time.Now(), err
		},
	}
}
