// Package backup keeps a series of backups of a database in a folder: a new one in time, and the newest few of them.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// A Series is where backups go, how often, and how many stay.
type Series struct {
	Dir   string
	Every time.Duration // 0: never
	Keep  int
}

// name is what the files of a series are called: by the time, in UTC, at which they were begun. No other file is ever deleted.
var name = regexp.MustCompile(`^ssobridge-(\d{8}T\d{6}Z)\.db$`)

const layout = "20060102T150405Z"

// leftover is a file of the series that was not finished, since the process was killed, and what SQLite had beside it.
var leftover = regexp.MustCompile(`^ssobridge-\d{8}T\d{6}Z\.db\.[A-Z2-7]+\.partial(-journal)?$`)

// stale is the age from which on nobody writes a leftover any more.
const stale = 24 * time.Hour

// times are those of the backups that there are, sorted. A folder that is not there has none.
func (s Series) times() (all []time.Time, err error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries { // sorted by name, which is by time
		m := name.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() {
			continue
		}
		if at, err := time.Parse(layout, m[1]); err == nil {
			all = append(all, at)
		}
	}
	return all, err
}

func (s Series) path(at time.Time) string {
	return filepath.Join(s.Dir, "ssobridge-"+at.UTC().Format(layout)+".db")
}

// Last is when the newest backup was begun; the zero time: there is none. One of the future, since a clock was wrong, is none.
func (s Series) Last(now time.Time) (time.Time, error) {
	all, err := s.times()
	for _, at := range slices.Backward(all) {
		if !at.After(now) {
			return at, err
		}
	}
	return time.Time{}, err
}

// Tend writes a backup if one is due, and then deletes those beyond the newest Keep. It returns the name of the file; "" when none
// was due. After an error all that were there still are. write makes a file of that name, whole or not at all.
func (s Series) Tend(ctx context.Context, now time.Time, write func(ctx context.Context, file string) error) (file string, err error) {
	if s.Every == 0 {
		return "", nil
	}
	last, err := s.Last(now)
	if err != nil || !last.IsZero() && now.Sub(last) < s.Every {
		return "", err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return "", err
	}
	file = s.path(now)
	if err := write(ctx, file); err != nil && !errors.Is(err, fs.ErrExist) { // another process of this database was as fast
		return "", err
	}
	return file, s.prune(now)
}

// prune deletes the oldest beyond Keep, and what was left of backups that were cut off. One of the future stays and does not count: it
// would stand in the place of the new one.
func (s Series) prune(now time.Time) error {
	all, err := s.times()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(at time.Time) bool { return at.After(now) })
	for _, at := range all[:max(0, len(all)-s.Keep)] {
		if err := os.Remove(s.path(at)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("an old backup cannot be deleted: %w", err)
		}
	}
	entries, err := os.ReadDir(s.Dir)
	for _, e := range entries {
		if info, failed := e.Info(); failed == nil && leftover.MatchString(e.Name()) && info.Mode().IsRegular() && now.Sub(info.ModTime()) > stale {
			err = errors.Join(err, os.Remove(filepath.Join(s.Dir, e.Name())))
		}
	}
	return err
}
