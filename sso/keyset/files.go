package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// rereadAfter is how old the keys of a file may be (PROVIDERS 1).
const rereadAfter = 10 * time.Second

// A File is a file with a key, and what the configuration says of it.
type File struct {
	Path string
	Spec Spec // without Data; its Name may be empty, then messages have the path
}

// Files is the keys of files, which are read anew every ten seconds at most, when a token is judged. Files that have become
// unreadable or wrong change nothing: the keys of before stay until the files are right again, and [Files.Status] and the
// log say so. It is safe for concurrent use.
type Files struct {
	files []File
	now   func() time.Time
	log   *slog.Logger

	current atomic.Pointer[Status] // without keys
	keys    atomic.Pointer[keyList]
	changes atomic.Uint64

	reading sync.Mutex // whoever has it reads; nobody waits for it
	read    time.Time
	content [][]byte
}

// NewFiles reads key files. At the beginning each must be right: errors wrap [sso.Invalid].
func NewFiles(files []File, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{files: files, now: now, log: log, read: now()}
	for i := range files {
		if files[i].Spec.Name == "" {
			files[i].Spec.Name = files[i].Path
		}
	}
	content, err := f.readAll()
	if err != nil {
		return nil, err
	}
	keys, err := f.parse(content)
	if err != nil {
		return nil, err
	}
	f.content = content
	f.keys.Store(&keys)
	f.current.Store(&Status{LastSuccess: f.read})
	return f, nil
}

// Keys implements [Set].
func (f *Files) Keys(ctx context.Context, kid string) ([]Key, error) {
	f.refresh()
	return f.keys.Load().Keys(ctx, kid)
}

// Status returns what is known of the files and their keys.
func (f *Files) Status() Status {
	f.refresh()
	s := *f.current.Load()
	keys := f.keys.Load().Status()
	s.Origin, s.Keys = keys.Origin, keys.Keys
	return s
}

// Generation implements what [Generation] asks of a set.
func (f *Files) Generation() uint64 {
	f.refresh()
	return f.changes.Load()
}

// refresh compares the content, which is small, rather than times and sizes: no way of replacing a file goes unseen, be it
// written in place, renamed, or reached by another symbolic link (as Kubernetes does it).
func (f *Files) refresh() {
	if !f.reading.TryLock() { // on a file system that hangs, others go on with the keys that there are
		return
	}
	defer f.reading.Unlock()
	now := f.now()
	if age := now.Sub(f.read); age >= 0 && age < rereadAfter {
		return
	}
	f.read = now
	content, err := f.readAll()
	if err == nil && !equal(content, f.content) {
		err = f.replace(content)
	}
	f.note(now, err)
}

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func (f *Files) replace(content [][]byte) error {
	keys, err := f.parse(content)
	if err != nil {
		return err
	}
	keys = keys.since(*f.keys.Load())
	f.content = content
	f.keys.Store(&keys)
	f.changes.Add(1)
	f.log.Info("key files have changed", "keys", fmt.Sprint(keys))
	return nil
}

func (f *Files) note(now time.Time, err error) {
	before, s := *f.current.Load(), Status{LastSuccess: now}
	if err != nil {
		s = Status{LastSuccess: before.LastSuccess, Fault: sso.Reason(err), FaultSince: now}
		if before.Fault != "" {
			s.FaultSince = before.FaultSince
		}
	}
	f.current.Store(&s)
	switch {
	case s.Fault == before.Fault:
	case s.Fault != "":
		f.log.Warn("a key file cannot be used: the keys of before stay", "fault", s.Fault)
	default:
		f.log.Info("the key files can be used again")
	}
}

func (f *Files) readAll() (content [][]byte, err error) {
	for _, file := range f.files {
		data, err := readFile(file.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", file.Spec.Name, err, sso.Invalid)
		}
		content = append(content, data)
	}
	return content, nil
}

// readFile reads a file, and neither waits for a pipe nor reads without end.
func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file: name the file with the key")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxKeySet+1)) // one more is refused as too large
}

func (f *Files) parse(content [][]byte) (keyList, error) {
	var all keyList
	for i, file := range f.files {
		file.Spec.Data = content[i]
		keys, err := ParseKey(file.Spec)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	if _, err := NewKeys(all); err != nil {
		return nil, err
	}
	return all, nil
}
