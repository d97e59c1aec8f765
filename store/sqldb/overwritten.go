package sqldb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// A file that is written over in place, by cp for one, stays the same file. SQLite goes on with what it remembers of it, and would mix
// the two. So a database has a mark in its header, a random number as its user_version, and each backup another one; the header is
// looked at before each operation and each commit. SQLite writes there when it moves what is in the -wal file into the database.

// Where things stand in the header (file format, §1.3).
const (
	headerSize    = 64
	headerMagic   = "SQLite format 3\x00"
	headerCounter = 24 // of changes: it only grows
	headerMark    = 60
)

// Overwritten is the file that a bridge leaves beside a database that was written over while it ran.
func Overwritten(file string) string { return file + "-overwritten" }

// newMark makes a mark. 0 is none.
func newMark() int32 { return rand.Int32N(1<<31-1) + 1 }

// markFile gives a database that nobody has open another mark.
func markFile(f *os.File) error {
	_, err := f.WriteAt(binary.BigEndian.AppendUint32(nil, uint32(newMark())), headerMark)
	return err
}

// A header is that of the file of an open database.
type header struct {
	file string
	held *heldFile

	mu      sync.Mutex
	mark    int32 // 0: not known yet
	armed   bool  // the mark has been seen in the file
	counter uint32
	gone    error // stays: nobody knows what of the file is in memory
}

// learn takes the mark from what SQLite says.
func (h *header) learn(ctx context.Context, ask rowAsker) error {
	mark := int32(0)
	if err := ask.QueryRowContext(ctx, "PRAGMA user_version").Scan(&mark); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mark = mark; mark == 0 || h.look() == "" && h.armed {
		return nil
	}
	var busy, pages, moved int // the mark is in the -wal file only; should it stay there, the header is looked at once it has come
	if ask.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved) == nil {
		h.look()
	}
	return nil
}

// check returns an error once the file is not the one that was opened.
func (h *header) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone != nil || h.mark == 0 {
		return h.gone
	}
	what := h.look()
	if what != "" {
		time.Sleep(5 * time.Millisecond) // it may have been written at this moment
		what = h.look()
	}
	if what == "" {
		return nil
	}
	text := fmt.Sprintf("the database file %s was %s while the bridge ran, and what SQLite remembers does not fit it any more: "+
		"stop the bridge, and put a whole database there with ssobridge restore", h.file, what)
	if err := os.WriteFile(Overwritten(h.file), []byte(text+"\n"), 0o600); err != nil {
		text += fmt.Sprintf(" (this could not be written beside it: %v)", err)
	}
	h.gone = newUnavailable("sqlite", errors.New(text), causeOverwritten)
	return h.gone
}

// close ends it: the file may be anything from now on.
func (h *header) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark = 0
	return h.held.release()
}

// look says what has become of the file; "" for nothing.
func (h *header) look() string {
	b := make([]byte, headerSize)
	n, err := h.held.f.ReadAt(b, 0)
	mark, counter := int32(binary.BigEndian.Uint32(b[headerMark:])), binary.BigEndian.Uint32(b[headerCounter:])
	whole := n == headerSize && bytes.HasPrefix(b, []byte(headerMagic)) && mark == h.mark
	switch {
	case whole && counter-h.counter < 1<<31: // it may begin again
		h.armed, h.counter = true, counter
		return ""
	case !h.armed:
		return ""
	case n == 0 && err != nil:
		return "emptied"
	case !whole:
		return "written over with another one"
	}
	return "written over with an older copy"
}

// checkOverwritten refuses a database that was written over under a bridge: what is in the -wal file beside it is of another one.
func checkOverwritten(file string) error {
	note := Overwritten(file)
	if _, err := os.Stat(note); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s was written over while a bridge had it open, and what is in %s-wal does not belong to it: put a whole database there "+
		"with ssobridge restore (if the file was not written over after all, remove %s)", file, file, note)
}

// A heldFile is a database file that this process reads beside SQLite. It is opened once however many have the database open, and closed
// after the last of them: to close it would drop the locks that SQLite has on it (POSIX locks are of the process).
type heldFile struct {
	f    *os.File
	info os.FileInfo
	uses int
}

var held struct {
	sync.Mutex
	files []*heldFile
}

// hold opens the file, or finds it open.
func hold(file string) (*heldFile, error) {
	held.Lock()
	defer held.Unlock()
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	for _, h := range held.files {
		if os.SameFile(h.info, info) {
			h.uses++
			return h, nil
		}
	}
	f, err := os.Open(file) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, err
	}
	h := &heldFile{f, info, 1}
	held.files = append(held.files, h)
	return h, nil
}

// release closes it after the last use.
func (h *heldFile) release() error {
	held.Lock()
	defer held.Unlock()
	if h.uses--; h.uses != 0 { // less than 0: closed once more
		return nil
	}
	for i, other := range held.files {
		if other == h {
			held.files = append(held.files[:i], held.files[i+1:]...)
			break
		}
	}
	return h.f.Close()
}
