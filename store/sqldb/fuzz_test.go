package sqldb_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

func FuzzDatabaseFileIsOneAbsolutePath(f *testing.F) {
	for _, s := range []string{"a.db", "///tmp/a.db", "//host/a.db", ":memory:", "a?b", "", "%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		file, err := sqldb.SQLiteFile(rest)
		if err == nil && (!filepath.IsAbs(file) || strings.ContainsAny(filepath.Base(file), "?#\x00")) {
			t.Errorf("%q is the file %q", rest, file)
		}
	})
}

func FuzzTextFitsBothDatabases(f *testing.F) {
	for _, s := range []string{"plain", "a\x00b", "\xff", "\xed\xa0\x80", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := sqldb.Text(s)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("%q becomes %q", s, got)
		}
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") && got != s {
			t.Errorf("%q is fine, but becomes %q", s, got)
		}
	})
}
