package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/sealed"
)

func secretKeyCommands() []*command {
	return []*command{
		{"secret-key rotate", "", "seals everything anew under another SECRET_KEY", secretKeyRotate},
		{"secret-key forget", "", "begins anew without what a lost SECRET_KEY has sealed", secretKeyForget},
	}
}

// newKeyEnv names the new key in the environment of "secret-key rotate". It is no setting.
const newKeyEnv = "SSOBRIDGE_NEW_SECRET_KEY"

func secretKeyRotate(f *flags) runner {
	p := f.p
	file := f.String("new-key-file", "", "the `file` with the new key, - for standard input; also "+newKeyEnv)
	return func(ctx context.Context, _ []string) error {
		next, err := f.newKey(*file)
		if err != nil {
			return err
		}
		o, path, err := f.openKeyed(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		if next == nil && path == "" {
			return usageError("make one with (umask 077; openssl rand -base64 33 >new.key), then: ssobridge secret-key rotate --new-key-file new.key",
				"the new key is missing")
		}
		if err := o.store.CheckSecretKey(ctx); err != nil && !errors.Is(err, seal.ErrOtherKey) {
			return databaseError(err)
		} else if err == nil && bytes.Equal(next, o.key) {
			return usageError("give another one", "the new key is the one in use")
		} else if err == nil && path != "" { // it is in a file of its own before anything is sealed under it
			if next, err = keyfile.KeepNew(path, next); err != nil {
				return err
			}
		}
		n, err := o.store.RotateSecretKey(ctx, next, sso.Event{Kind: sso.EventSetting, Actor: "cli", Detail: "SECRET_KEY was changed"})
		switch {
		case errors.Is(err, sealed.ErrRotated):
			fmt.Fprintln(p.stdout, "the database has the new key already; nothing was changed")
		case err != nil:
			return databaseError(err)
		default:
			fmt.Fprintf(p.stdout, "sealed anew: %s\n", plural(n, "value"))
		}
		return f.afterRotation(path)
	}
}

// afterRotation puts the new key where the program looks for it, or says who must.
func (f *flags) afterRotation(path string) error {
	if path == "" {
		fmt.Fprintln(f.p.stderr, "hint: set SECRET_KEY to the new key and start every replica anew. Until then /readyz says no, and nothing new is sealed")
	} else {
		if err := keyfile.Adopt(path); err != nil {
			return err
		}
		fmt.Fprintf(f.p.stdout, "the new key is in %s\n", path)
		fmt.Fprintln(f.p.stderr, "hint: start a bridge that runs anew. Until then /readyz says no, and nothing new is sealed")
	}
	fmt.Fprintln(f.p.stderr, "hint: backups from before need the key of before: keep it as long as them, or make a new backup")
	return nil
}

// newKey reads the new key, nil when none is given, and takes it out of the environment.
func (f *flags) newKey(file string) ([]byte, error) {
	given, text := false, ""
	var rest []string
	for _, kv := range f.p.environ {
		if value, ok := strings.CutPrefix(kv, newKeyEnv+"="); ok {
			given, text = value != "", value
			continue
		}
		rest = append(rest, kv)
	}
	f.p.environ = rest
	switch {
	case given && file != "":
		return nil, usageError("give it once", "the new key is given twice: by --new-key-file, and by %s", newKeyEnv)
	case file == "" && !given:
		return nil, nil
	case file != "":
		raw, err := f.p.readAll(file)
		if err != nil {
			return nil, withHint("--new-key-file names a file that holds the new key and nothing else", err)
		}
		text = strings.TrimRight(string(raw), "\r\n")
	}
	return []byte(text), checkNewKey(text)
}

// maxKeyFile bounds what is read of a key file.
const maxKeyFile = 8 << 10

func (p *program) readAll(file string) ([]byte, error) {
	if file != "-" {
		return inputfile.Read(file)
	}
	return io.ReadAll(io.LimitReader(p.stdin, maxKeyFile))
}

// checkNewKey refuses a key that can be guessed: whoever has a copy of the database can try keys on it without asking us.
func checkNewKey(text string) error {
	err := keyset.CheckSecret(text)
	if err == nil {
		return nil
	}
	why, _, _ := strings.Cut(cmp.Or(sso.Reason(err), err.Error()), ": make one")
	return usageError("make one with: openssl rand -base64 33", "%s", strings.ReplaceAll(why, "the shared secret", "the new key"))
}

// openKeyed opens the database for a change of its key, whatever the saved settings say. path is the file of the key beside the
// database, "" when SECRET_KEY is set.
func (f *flags) openKeyed(ctx context.Context) (o *opened, path string, err error) {
	cfg, faults, err := f.resolve()
	if err != nil {
		return nil, "", err
	}
	if concerns(faults, "DATABASE_URL", "SECRET_KEY") {
		return nil, "", f.p.faulty(faults)
	}
	if isFresh(cfg) {
		file, _ := cfg.SQLitePath()
		return nil, "", withHint("run it where the bridge runs, or set DATABASE_URL", fmt.Errorf("there is no database %s", file))
	}
	o = &opened{cfg: cfg, log: f.p.logger(cfg)}
	if o.store, o.key, err = f.openStore(ctx, cfg, false); err != nil {
		return nil, "", err
	}
	if err := o.store.Migrated(ctx); err != nil {
		return nil, "", errors.Join(hint.Tables(err), o.store.Close())
	}
	if file, sqlite := cfg.SQLitePath(); sqlite && cfg.SecretKey == nil {
		path = file + keyfile.Suffix
	}
	return o, path, nil
}

// openStore opens the database with its secret key. A rotation that was cut off after the database had the new key, and before
// the file had it, is seen here.
func (f *flags) openStore(ctx context.Context, cfg *setting.Config, fresh bool) (*store.Store, []byte, error) {
	key, err := secretKey(cfg, fresh)
	if err != nil && fresh {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, f.lostKey(ctx, cfg, err)
	}
	st, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Now: f.p.now, Secret: key, Log: f.p.logger(cfg)})
	if err != nil {
		return nil, nil, databaseError(err)
	}
	path, sqlite := cfg.SQLitePath()
	if !sqlite || cfg.SecretKey != nil || !errors.Is(st.CheckSecretKey(ctx), seal.ErrOtherKey) {
		return st, key, nil
	}
	next, err := keyfile.Read(path + keyfile.Suffix + keyfile.NewSuffix)
	if err != nil { // there is none
		return st, key, nil
	}
	other, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Now: f.p.now, Secret: next, Log: f.p.logger(cfg)})
	if err != nil {
		return nil, nil, errors.Join(databaseError(err), st.Close())
	}
	if other.CheckSecretKey(ctx) != nil {
		return st, key, other.Close()
	}
	if err := errors.Join(st.Close(), keyfile.Adopt(path+keyfile.Suffix)); err != nil {
		return nil, nil, errors.Join(err, other.Close())
	}
	return other, next, nil
}

// lostKey adds to the error of a key that is not there what cannot be opened without it.
func (f *flags) lostKey(ctx context.Context, cfg *setting.Config, cause error) error {
	st, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Now: f.p.now, Log: f.p.logger(cfg)})
	if err != nil {
		return cause
	}
	defer st.Close()
	lost, err := st.LostWithoutKey(ctx)
	if err != nil || len(lost) == 0 {
		return cause
	}
	told, ok := errors.AsType[*hint.Error](cause)
	if !ok {
		return cause
	}
	return &hint.Error{Status: told.Status, Err: fmt.Errorf("%w. It is needed to open %s", told.Err, strings.Join(lost, ", ")), Hint: told.Hint}
}

func secretKeyForget(f *flags) runner {
	p := f.p
	yes := f.Bool("yes", false, "delete what cannot be opened; without it nothing is done")
	return func(ctx context.Context, _ []string) error {
		o, err := f.openWithoutKey(ctx, *yes)
		if err != nil {
			return err
		}
		defer o.store.Close()
		if !*yes {
			lost, err := o.store.LostWithoutKey(ctx)
			if err != nil {
				return databaseError(err)
			}
			if len(lost) == 0 && (o.key == nil || o.store.CheckSecretKey(ctx) == nil) {
				return withHint("nothing has to be done", sealed.ErrNotLost)
			}
			return withHint("ssobridge secret-key forget --yes does so", fmt.Errorf("nothing was done yet. It would delete: %s", listed(lost)))
		}
		gone, err := o.store.ForgetSecretKey(ctx, sso.Event{Kind: sso.EventSetting, Actor: "cli", Detail: "begun anew without the SECRET_KEY of before"})
		switch {
		case errors.Is(err, sealed.ErrNotLost):
			return withHint("nothing has to be done", err)
		case err != nil:
			return databaseError(err)
		}
		fmt.Fprintf(p.stdout, "deleted: %s\n", listed(gone))
		fmt.Fprintln(p.stderr, "hint: start the bridge anew, and set again what was deleted. A secret that you set in the environment or a file needs nothing")
		return nil
	}
}

func listed(what []string) string {
	if len(what) == 0 {
		return "nothing that is missed"
	}
	return strings.Join(what, ", ")
}

// openWithoutKey opens the database with a key that may be another than its own. create makes one where there is none, and brings
// the tables up to date.
func (f *flags) openWithoutKey(ctx context.Context, create bool) (*opened, error) {
	cfg, faults, err := f.resolve()
	switch {
	case err != nil:
		return nil, err
	case concerns(faults, "DATABASE_URL", "SECRET_KEY"):
		return nil, f.p.faulty(faults)
	case isFresh(cfg):
		file, _ := cfg.SQLitePath()
		return nil, withHint("run it where the bridge runs, or set DATABASE_URL", fmt.Errorf("there is no database %s", file))
	}
	o := &opened{cfg: cfg, log: f.p.logger(cfg)}
	path, sqlite := cfg.SQLitePath()
	if _, err := os.Stat(path + keyfile.Suffix); !sqlite || cfg.SecretKey != nil || create || err == nil {
		if o.key, err = secretKey(cfg, true); err != nil {
			return nil, err
		}
	}
	o.store, err = store.Open(ctx, cfg.DatabaseURL, store.Options{Now: f.p.now, Secret: o.key, Log: o.log})
	if err != nil {
		return nil, databaseError(err)
	}
	if create { // a program that lacks the key cannot have brought the tables up to date before
		if _, err := o.store.Migrate(ctx); err != nil && !errors.Is(err, seal.ErrOtherKey) {
			return nil, errors.Join(databaseError(err), o.store.Close())
		}
	}
	return o, nil
}
