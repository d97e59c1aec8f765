// Package restore puts a backup of a SQLite database in the place of the one that the bridge uses.
//
// Whenever it is stopped, the name of the database has the old one or the new one, whole. The old one stays beside it.
package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/atomicfile"
	"github.com/ssobridge/ssobridge/store/sqlitefile"
)

// A Restore is one that is to be done.
type Restore struct {
	From, Database string // files
	Secret         []byte // SECRET_KEY
	KeepSessions   bool
	Now            func() time.Time

	at func(step string) // for tests: called before each step
}

// Done says what a restore did.
type Done struct {
	Kept    string   // the old database; "" when there was none
	Applied []string // the steps that brought the tables of the backup up to date
	Ended   int64    // sessions
	Unknown error    // why what happened after the backup is not known
}

// Run does it. An error says what to do, and nothing is changed then.
func (r Restore) Run(ctx context.Context) (done Done, err error) {
	if name, err := filepath.EvalSymlinks(r.Database); err == nil { // a link may lead to another disk, and stays a link
		r.Database = name
	}
	if err := r.checkFiles(ctx); err != nil {
		return done, err
	}
	old, err := r.own(ctx)
	if err != nil {
		return done, err
	}
	var since store.Since
	done.Unknown = errors.New("there is no database that can be read")
	if old != nil {
		defer old.Close()
		since, done.Unknown = store.ReadSince(ctx, old.DB)
	}
	r.step("copy")
	tmp, err := r.copy()
	if tmp != "" {
		defer os.Remove(tmp)
		defer sqlitefile.Remove(tmp)
	}
	if err != nil {
		return done, noRoom(err)
	}
	r.step("prepare")
	if err := r.prepare(ctx, tmp, since, &done); err != nil {
		return done, err
	}
	done.Kept, err = r.exchange(tmp)
	return done, noRoom(err)
}

func (r Restore) step(name string) {
	if r.at != nil {
		r.at(name)
	}
}

func noRoom(err error) error {
	return hint.With("check that the folder of the database can be written and has room for one more copy; the database is as it was", err)
}

// checkFiles refuses what is no whole database before anything is done.
func (r Restore) checkFiles(ctx context.Context) error {
	from, err := os.Stat(r.From)
	if err != nil {
		return hint.With("name a file that ssobridge backup has written", err)
	}
	if !from.Mode().IsRegular() {
		return hint.With("name a file that ssobridge backup has written", fmt.Errorf("%s is no file", r.From))
	}
	if now, err := os.Stat(r.Database); err == nil && os.SameFile(now, from) {
		return hint.With("name the backup", fmt.Errorf("%s is the database of the bridge itself", r.From))
	}
	if wal, err := os.Stat(r.From + "-wal"); err == nil && wal.Size() > 0 {
		return hint.With(fmt.Sprintf("ssobridge backup NEW --database-url sqlite:%s makes one file of both; restore that", r.From),
			fmt.Errorf("%s is not the whole database: a part of it is in %s-wal", r.From, r.From))
	}
	return r.whole(ctx, r.From)
}

func (r Restore) whole(ctx context.Context, file string) error {
	err := sqlitefile.Check(ctx, file)
	if err == nil {
		return nil
	}
	next := "take another backup; nothing was changed"
	if errors.Is(err, sqlitefile.ErrNotSQLite) {
		next = "name a file that ssobridge backup has written. A dump of PostgreSQL is restored by pg_restore or psql"
	}
	return hint.With(next, fmt.Errorf("%s cannot be restored: %w", r.From, err))
}

// own takes the database that is there away from others. nil: there is none, or it is damaged and nobody has it open.
func (r Restore) own(ctx context.Context) (*sqlitefile.Owner, error) {
	if _, err := os.Stat(r.Database); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	old, err := sqlitefile.Own(ctx, r.Database)
	switch {
	case errors.Is(err, sqlitefile.ErrInUse):
		return nil, hint.With("stop every bridge on it, and what else reads it; then run this again",
			fmt.Errorf("%s is in use: a bridge runs, or another program has it open", r.Database))
	case errors.Is(err, sqlitefile.ErrDamaged), errors.Is(err, sqlitefile.ErrNotSQLite):
		return nil, nil
	case err != nil:
		return nil, hint.With("check that the database and its folder can be written and have room; nothing was changed", fmt.Errorf("%s: %w", r.Database, err))
	}
	return old, nil
}

// suffix follows the name of the database in those of the files that a restore makes and takes away.
const suffix = ".restoring-*"

// copy copies the backup beside the database, readable by its owner alone.
func (r Restore) copy() (tmp string, err error) {
	from, err := os.Open(r.From)
	if err != nil {
		return "", err
	}
	defer from.Close()
	if left, err := filepath.Glob(r.Database + suffix); err == nil { // by one that was killed
		for _, name := range left {
			os.Remove(name)
		}
	}
	to, err := os.CreateTemp(filepath.Dir(r.Database), filepath.Base(r.Database)+suffix) // mode 0600
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return to.Name(), errors.Join(err, to.Sync(), to.Close())
}

// prepare makes the copy what the bridge goes on with.
func (r Restore) prepare(ctx context.Context, tmp string, since store.Since, done *Done) error {
	if err := r.whole(ctx, tmp); err != nil {
		return err
	}
	st, err := store.Open(ctx, "sqlite:"+tmp, store.Options{Now: r.Now, Secret: r.Secret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return noRoom(err)
	}
	err = r.prepareStore(ctx, st, since, done)
	if err = errors.Join(err, st.Close()); err != nil {
		return err
	}
	if err := r.refuseActing(ctx, tmp); err != nil {
		return err
	}
	if wal, err := os.Stat(tmp + "-wal"); err == nil && wal.Size() > 0 {
		return noRoom(errors.New("what was changed in the copy did not reach its file"))
	}
	return sqlitefile.Remove(tmp)
}

func (r Restore) prepareStore(ctx context.Context, st *store.Store, since store.Since, done *Done) (err error) {
	switch err := st.Known(ctx); {
	case errors.Is(err, store.ErrNewer):
		return hint.With("take the version of ssobridge that wrote it, or a later one", fmt.Errorf("%s cannot be restored: %w", r.From, err))
	case errors.Is(err, store.ErrForeign):
		return hint.With("name a file that ssobridge backup has written", fmt.Errorf("%s cannot be restored: %w", r.From, err))
	case err != nil:
		return noRoom(err)
	}
	done.Applied, err = st.Migrate(ctx)
	if errors.Is(err, seal.ErrOtherKey) {
		return hint.With("give it the SECRET_KEY of the time of the backup: as the setting, or as the file with .key beside the database",
			fmt.Errorf("%s cannot be restored: %w", r.From, err))
	}
	if err != nil {
		return noRoom(err)
	}
	done.Ended, err = st.Restored(ctx, since, r.KeepSessions, sso.Event{
		Kind: sso.EventSetting, Actor: "cli", Detail: "the database was restored from the backup " + filepath.Base(r.From),
	})
	return noRoom(err)
}

// exchange gives the old database another name, beside, and the new one its own. Where there is an old one that could be read,
// what SQLite kept beside it is in it by now.
func (r Restore) exchange(tmp string) (kept string, err error) {
	if err := atomicfile.Sync(tmp); err != nil {
		return "", err
	}
	r.step("keep")
	if kept, err = r.keep(); err != nil {
		return "", err
	}
	r.step("remove")
	if err := sqlitefile.Remove(r.Database); err != nil {
		return kept, err
	}
	if err := atomicfile.SyncDir(filepath.Dir(r.Database)); err != nil {
		return kept, err
	}
	r.step("rename")
	if err := atomicfile.Replace(tmp, r.Database); err != nil {
		return kept, err
	}
	r.step("end")
	return kept, nil
}

// keep gives the old database a second name.
func (r Restore) keep() (kept string, err error) {
	if _, err := os.Stat(r.Database); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	for n, stem := 1, r.Database+".before-"+r.Now().UTC().Format("20060102T150405Z"); ; n++ {
		kept = stem
		if n > 1 {
			kept = fmt.Sprintf("%s-%d", stem, n)
		}
		if err = os.Link(r.Database, kept); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	for i, name := range sqlitefile.Beside(r.Database) { // of a damaged database, for whoever can read it
		if err := os.Link(name, sqlitefile.Beside(kept)[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return kept, atomicfile.SyncDir(filepath.Dir(kept))
}
