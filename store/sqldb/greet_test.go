package sqldb_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A DATABASE_URL that is wrong is told from others, with what to do about it, and without its password.
//
// SECURITY K1.
func TestBadPostgresURL(t *testing.T) {
	ours, err := url.Parse(postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	refuses := func(code, message string) string {
		return fake(t, func(b *pgproto3.Backend) {
			b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
		})
	}
	says := func(name, value string) string {
		return fake(t, func(b *pgproto3.Backend) {
			b.Send(&pgproto3.AuthenticationOk{})
			b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
			b.Send(&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte("1234")})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		})
	}
	other := listen(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	mute := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, tt := range []struct {
		name, url  string
		what, hint string
	}{
		{"wrong password", "postgres://ada:s3cret@" + refuses("28P01", `password authentication failed for user "ada"`) + "/x?sslmode=disable",
			"refuses the password of user ada", "%40"},
		{"nobody of this name", "postgres://ada:s3cret@" + refuses("28000", `role "ada" does not exist`) + "/x?sslmode=disable", `role "ada" does not exist`, "pg_hba.conf"},
		{"TLS is required", "postgres://ada:s3cret@" + refuses("28000", `no pg_hba.conf entry for host "192.0.2.1", user "ada", database "x", no encryption`) + "/x?sslmode=disable",
			"without TLS", "sslmode=require"},
		{"TLS is refused", "postgres://ada:s3cret@" + ours.Host + "/postgres?sslmode=require", "offers no TLS", "sslmode=disable"},
		{"no such database", "postgres://postgres:s3cret@" + ours.Host + "/nowhere?sslmode=disable", "has no database nowhere", "createdb"},
		{"nothing at the port", "postgres://ada:s3cret@127.0.0.1:1/x?sslmode=disable", "nothing listens at 127.0.0.1:1", "host and port"},
		{"no such host", "postgres://ada:s3cret@nowhere.invalid/x?sslmode=disable", "nowhere.invalid has no address", "check the host"},
		{"no socket", "postgres:///x?host=/nowhere&user=ada&password=s3cret", "nothing listens at /nowhere/.s.PGSQL.5432", "host and port"},
		{"no answer", "postgres://ada:s3cret@" + mute + "/x?sslmode=disable&connect_timeout=1", mute + " does not answer", "firewall"},
		{"another program", "postgres://ada:s3cret@" + other + "/x?sslmode=disable", "does not speak as PostgreSQL does", "host and port"},
		{"an old server", "postgres://ada:s3cret@" + says("server_version", "9.6.24") + "/x?sslmode=disable", "PostgreSQL 9.6.24", "PostgreSQL 12 or later"},
		{"not in UTF-8", "postgres://ada:s3cret@" + says("server_encoding", "LATIN1") + "/x?sslmode=disable", "kept in LATIN1", "createdb -E UTF8"},
		{"a pooler that takes no parameters", "postgres://ada:s3cret@" + refuses("08P01", "unsupported startup parameter: search_path") + "/x?sslmode=disable&search_path=y",
			"search_path", "ignore_startup_parameters"},
		{"a password that is not escaped", "postgres://ada:s3cret%zz@127.0.0.1:1/x", "DATABASE_URL", ""},
		{"a password with a slash", "postgres://ada:s3cret/x@127.0.0.1:1/x", "DATABASE_URL", ""},
		{"a password with a space", "postgres://ada:s3 s3cret@127.0.0.1:1/x y", "", ""},
		{"a password in a port's place", "postgres://127.0.0.1:s3cret@/x", "", ""},
	} {
		_, err := sqldb.Open(t.Context(), tt.url, sqldb.Options{})
		tells(t, tt.name, err, tt.what, tt.hint)
	}
}

// Whoever may read the database and make no tables there learns who has to allow it.
func TestTablesThatCannotBeMade(t *testing.T) {
	steps, err := sqldb.Migrations(fstest.MapFS{"0001_start.sql": {Data: []byte("CREATE TABLE numbers (n BIGINT)")}})
	if err != nil {
		t.Fatal(err)
	}
	databaseURL := postgres.Database(t)
	admin := open(t, databaseURL, sqldb.Options{})
	run(t, admin, `DO $do$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'nobody much') THEN CREATE ROLE "nobody much" LOGIN PASSWORD 's3cret'; END IF; END $do$`)
	ours, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	ours.User = url.UserPassword("nobody much", "s3cret")
	for _, tt := range []struct{ name, query, what, hint string }{
		{"no right", "", "user nobody much may not make tables", `TO "nobody much"`},
		{"no schema", "&search_path=nowhere", "no schema has been selected", "search_path="},
		{"a standby", "&default_transaction_read_only=on", "takes no writes", "target_session_attrs=read-write"},
	} {
		db, err := sqldb.Open(t.Context(), ours.String()+tt.query, sqldb.Options{})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		_, err = db.Migrate(t.Context(), steps, time.Unix(1, 0))
		tells(t, tt.name, err, tt.what, tt.hint)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func tells(t *testing.T, name string, err error, what, hint string) {
	t.Helper()
	type hinted interface {
		error
		Hint() string
	}
	said, found := err, ""
	if h, ok := errors.AsType[hinted](err); ok {
		said, found = h, h.Hint()
	}
	switch {
	case err == nil:
		t.Errorf("%s: got no error", name)
	case strings.Contains(err.Error()+found, "s3cret"):
		t.Errorf("%s: the password is told: %v", name, err)
	case !strings.Contains(said.Error(), what) || !strings.Contains(found, hint) || hint != "" && strings.Contains(said.Error(), "\n"):
		t.Errorf("%s: got %q (%v), hint %q; want one line with %q, and a hint with %q", name, said, err, found, what, hint)
	}
}

// fake is a PostgreSQL server that answers whoever comes in this way.
func fake(t *testing.T, answer func(*pgproto3.Backend)) (addr string) {
	return listen(t, func(c net.Conn) {
		b := pgproto3.NewBackend(c, c)
		if _, err := b.ReceiveStartupMessage(); err != nil {
			return
		}
		answer(b)
		_ = b.Flush()
		_, _ = b.Receive()
	})
}

// listen serves each connection, and closes it.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return l.Addr().String()
}
