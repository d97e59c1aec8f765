package store_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
)

// Whatever a browser sends as the beginning of a page is read, or refused as invalid.
func FuzzPageIsReadOrInvalid(f *testing.F) {
	for _, s := range []string{"", "1.2", "-1.-2", "1.00ff", "9223372036854775808.1", ".", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, after string) {
		if _, _, err := store.EventCursor(after); err != nil && sso.CodeOf(err) != sso.Invalid {
			t.Errorf("event cursor: %v", err)
		}
		if _, _, err := store.SessionCursor(after); err != nil && sso.CodeOf(err) != sso.Invalid {
			t.Errorf("session cursor: %v", err)
		}
	})
}

func FuzzDatabaseFileIsOneAbsolutePath(f *testing.F) {
	for _, s := range []string{"a.db", "///tmp/a.db", "//host/a.db", ":memory:", "a?b", "", "%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		file, err := store.SQLiteFile(rest)
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
		got := store.Text(s)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("%q becomes %q", s, got)
		}
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") && got != s {
			t.Errorf("%q is fine, but becomes %q", s, got)
		}
	})
}
