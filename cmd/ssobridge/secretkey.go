package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// secretKey returns SECRET_KEY's bytes, else those of the file beside the SQLite database, which is made together with a
// new database. For a database that exists without its key no other is made: nothing sealed before could be read with it.
func secretKey(cfg *setting.Config, fresh bool) ([]byte, error) {
	path, sqlite := cfg.SQLitePath()
	if cfg.SecretKey != nil || !sqlite {
		return cfg.SecretKey, nil
	}
	path += keyfile.Suffix
	keyfile.Clean(path, time.Now())
	key, err := keyfile.Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if !fresh {
		return nil, withHint("bring the key back that was beside the database, or set SECRET_KEY as it was; "+hint.LostKey,
			fmt.Errorf("the database is there, but its secret key %s is not", path))
	}
	if err := keyfile.Write(path, keyfile.Random()); err != nil {
		return nil, withHint("check that the folder can be written and has room, or set SECRET_KEY", fmt.Errorf("secret key: %w", err))
	}
	return keyfile.Read(path) // another process may have been first
}
