// Package atomicfile makes files that appear under their name whole, or not at all, whenever the program or the machine is
// stopped.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Make has write make a new file, beside the name that it gets once it is whole: until then its name ends in .partial. It returns an
// error that wraps [fs.ErrExist] where there is a file of the name.
func Make(name string, write func(partial string) error) error {
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "make", Path: name, Err: fs.ErrExist}
	}
	partial := name + "." + rand.Text() + ".partial"
	if err := write(partial); err != nil {
		return err
	}
	err := Publish(partial, name)
	if err != nil {
		_ = os.Remove(partial)
	}
	return err
}

// Publish gives a finished file its name, and takes the temporary one away. It never replaces a file: it returns an error that
// wraps [fs.ErrExist] where there is one. Both names are in the same file system.
func Publish(temporary, name string) error {
	if err := Sync(temporary); err != nil {
		return err
	}
	err := os.Link(temporary, name)
	switch {
	case err == nil:
		err = os.Remove(temporary)
	case !errors.Is(err, fs.ErrExist):
		err = claim(temporary, name)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// claim is for file systems without hard links: the name belongs to an empty file for a moment.
func claim(temporary, name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	if err = errors.Join(f.Close(), os.Rename(temporary, name)); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// Replace puts a finished file in the place of another.
func Replace(temporary, name string) error {
	if err := Sync(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// Sync brings what was written to a file to the disk. Other processes may have written it.
func Sync(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncDir makes the names in a folder survive a loss of power.
func SyncDir(name string) error {
	dir, err := os.Open(name) //nolint:gosec // G304: the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
