// Package keyfile keeps the secret key that stands in a file beside a SQLite database while SECRET_KEY is not set.
package keyfile

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store/atomicfile"
)

// Suffix follows the name of the database in that of the file.
const Suffix = ".key"

// NewSuffix follows it in the name of the file of a key to which a rotation is under way, or was cut off.
const NewSuffix = ".new"

// Read reads a key file, which only its owner may read: its text without the line end is the key, as with SECRET_KEY_FILE.
func Read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() { // to open a pipe is to wait for whoever writes to it
		return nil, hint.With("bring the key back from a backup", fmt.Errorf("%s is no file", path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 { // SECURITY L3
		return nil, hint.With("chmod 600 "+path, fmt.Errorf("%s can be read by others (mode %04o)", path, mode))
	}
	data := make([]byte, 4096)
	n, _ := f.Read(data)
	key := strings.TrimRight(string(data[:n]), "\r\n")
	if len(key) < seal.MinSecret {
		return nil, hint.With("bring the key back from a backup", fmt.Errorf("%s holds no secret key: it has %d bytes instead of %d or more", path, len(key), seal.MinSecret))
	}
	return []byte(key), nil
}

// Random makes a key.
func Random() []byte {
	var raw [seal.MinSecret]byte
	rand.Read(raw[:])
	return []byte(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// KeepNew writes the key to which a rotation leads into a file beside the one at path, before anything is sealed under it.
// nil: one is made. A rotation that was cut off goes on with its key.
func KeepNew(path string, next []byte) ([]byte, error) {
	file := path + NewSuffix
	before, err := Read(file)
	switch {
	case err == nil && (next == nil || bytes.Equal(before, next)):
		return before, nil
	case err == nil:
		return nil, hint.With("leave the new key out to go on with that one; or delete the file, if no rotation runs",
			fmt.Errorf("a rotation to another key is under way, or was cut off: %s", file))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case next == nil:
		next = Random()
	}
	if err := Write(file, next); err != nil {
		return nil, hint.With("check that the folder can be written", fmt.Errorf("secret key: %w", err))
	}
	return Read(file) // another process may have been first
}

// Adopt makes the key to which a rotation led the one beside the database.
func Adopt(path string) error {
	err := os.Rename(path+NewSuffix, path)
	if errors.Is(err, fs.ErrNotExist) { // another process was first
		return nil
	}
	return errors.Join(err, atomicfile.SyncDir(filepath.Dir(path)))
}

// left is what follows the name of a key file in that of a file which a process left that was killed while it wrote one.
var left = regexp.MustCompile(`^(?:\.new)?\.tmp-[0-9]+$`)

// stale is the age from which on nobody writes such a file any more.
const stale = time.Minute

// Clean takes away what processes left beside the key file that were killed while they wrote one: each may hold a key. Nothing else
// is touched, and what cannot be taken away stays.
func Clean(path string, now time.Time) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path))
		if !ok || !left.MatchString(rest) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.Mode().Perm() == 0o600 && now.Sub(info.ModTime()) > stale {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

// Write writes a key. It appears under its name whole, or not at all, and never replaces another.
func Write(path string, key []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(slices.Clone(key), '\n'))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := atomicfile.Publish(tmp.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
