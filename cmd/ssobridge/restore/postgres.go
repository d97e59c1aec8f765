package restore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
)

// Postgres says how a file is restored into PostgreSQL, which has tools of its own.
func Postgres(file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() { // to open a pipe is to wait for whoever writes to it
		return hint.With("name a file that pg_dump has written", fmt.Errorf("%s is no file", file))
	}
	f, err := os.Open(file) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return hint.With("name a file that pg_dump has written", err)
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head)
	next := fmt.Sprintf(`stop every bridge, empty the database, then run psql --single-transaction -v ON_ERROR_STOP=1 -f %s "$DATABASE_URL"`, file)
	switch {
	case strings.HasPrefix(string(head[:n]), "SQLite format 3"):
		next = fmt.Sprintf(`that is a SQLite database: ssobridge copy sqlite:%s "$DATABASE_URL" copies it into an empty one`, file)
	case strings.HasPrefix(string(head[:n]), "PGDMP"):
		next = fmt.Sprintf(`stop every bridge, then run pg_restore --clean --if-exists --no-owner --single-transaction -d "$DATABASE_URL" %s`, file)
	}
	return hint.With(next, errors.New("a PostgreSQL database is restored by its own tools"))
}
