package sqlitefile

import (
	"errors"
	"testing"
)

// A header that is taken for that of a whole file is one, whatever the bytes.
func FuzzHeaderIsNeverLongerThanTheFile(f *testing.F) {
	whole := make([]byte, headerSize)
	copy(whole, "SQLite format 3\x00\x10\x00")
	whole[31] = 2
	f.Add(whole, int64(8192))
	f.Add(whole[:50], int64(50))
	f.Add([]byte("PGDMP"), int64(5))
	f.Fuzz(func(t *testing.T, header []byte, size int64) {
		if len(header) > headerSize {
			header = header[:headerSize]
		}
		if size < int64(len(header)) {
			size = int64(len(header))
		}
		err := checkHeader(header, size)
		if err != nil && !errors.Is(err, ErrNotSQLite) && !errors.Is(err, ErrCutOff) && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v has no name", err)
		}
		if err == nil && (len(header) < headerSize || size < 512 || size%512 != 0) {
			t.Errorf("%d bytes with header %x are taken for a database", size, header)
		}
	})
}
