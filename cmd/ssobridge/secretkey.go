package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// keySuffix names the file beside a SQLite database that holds its secret key while SECRET_KEY is not set.
const keySuffix = ".key"

// newSuffix follows it in the name of the file of a key to which a rotation is under way, or was cut off.
const newSuffix = ".new"

const wayOut = `if it is lost, "ssobridge secret-key forget" begins anew without what it sealed`

// secretKey returns SECRET_KEY's bytes, else those of the file beside the SQLite database, which is made together with a
// new database. For a database that exists without its key no other is made: nothing sealed before could be read with it.
func secretKey(cfg *setting.Config, fresh bool) ([]byte, error) {
	path, sqlite := cfg.SQLitePath()
	if cfg.SecretKey != nil || !sqlite {
		return cfg.SecretKey, nil
	}
	path += keySuffix
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if !fresh {
		return nil, withHint("bring the key back that was beside the database, or set SECRET_KEY as it was; "+wayOut,
			fmt.Errorf("the database is there, but its secret key %s is not", path))
	}
	if err := writeKey(path, randomKey()); err != nil {
		return nil, withHint("check that the folder can be written, or set SECRET_KEY", fmt.Errorf("secret key: %w", err))
	}
	return readKey(path) // another process may have been first
}

// readKey reads a key file: its text without the line end is the key, as with SECRET_KEY_FILE.
func readKey(path string) ([]byte, error) {
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
		return nil, withHint("chmod 600 "+path, fmt.Errorf("%s can be read by others (mode %04o)", path, mode))
	}
	data := make([]byte, 4096)
	n, _ := f.Read(data)
	key := strings.TrimRight(string(data[:n]), "\r\n")
	if len(key) < seal.MinSecret {
		return nil, withHint("bring the key back from a backup", fmt.Errorf("%s holds no secret key: it has %d bytes instead of %d or more", path, len(key), seal.MinSecret))
	}
	return []byte(key), nil
}

func randomKey() []byte {
	var raw [seal.MinSecret]byte
	rand.Read(raw[:])
	return []byte(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// keepNewKey writes the key to which a rotation leads into a file beside the one at path, before anything is sealed under it.
// nil: one is made. A rotation that was cut off goes on with its key.
func keepNewKey(path string, next []byte) ([]byte, error) {
	file := path + newSuffix
	before, err := readKey(file)
	switch {
	case err == nil && (next == nil || bytes.Equal(before, next)):
		return before, nil
	case err == nil:
		return nil, withHint("leave the new key out to go on with that one; or delete the file, if no rotation runs",
			fmt.Errorf("a rotation to another key is under way, or was cut off: %s", file))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case next == nil:
		next = randomKey()
	}
	if err := writeKey(file, next); err != nil {
		return nil, withHint("check that the folder can be written", fmt.Errorf("secret key: %w", err))
	}
	return readKey(file) // another process may have been first
}

// adoptKey makes the key to which a rotation led the one beside the database.
func adoptKey(path string) error {
	err := os.Rename(path+newSuffix, path)
	if errors.Is(err, fs.ErrNotExist) { // another process was first
		return nil
	}
	return errors.Join(err, syncDir(filepath.Dir(path)))
}

// writeKey writes a key. It appears under its name whole, or not at all, and never replaces another: a hard link fails where
// the name exists.
func writeKey(path string, key []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(slices.Clone(key), '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name in a folder survive a loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
