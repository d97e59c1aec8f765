package sqldb

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// oldestPostgres is the oldest server that has all that is used here.
const oldestPostgres = 12

// greet looks at the server before anything is written: whether this program can work with it, and whether a pooler such as
// PgBouncer stands before it.
func greet(ctx context.Context, config *pgx.ConnConfig) (pooled bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	of := conn.PgConn()
	if err := suits(of.ParameterStatus("server_version"), of.ParameterStatus("server_encoding"), config.Database); err != nil {
		return false, err
	}
	// The server says the number of its process when it lets somebody in. A pooler says one of its own, since it serves its client by
	// any of several processes.
	var pid uint32
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid != of.PID(), err
}

// suits judges what the server says about itself.
func suits(version, encoding, database string) error {
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	if major, err := strconv.Atoi(version[:digits]); err == nil && major < oldestPostgres {
		return &misfit{what: fmt.Sprintf("the server is PostgreSQL %s", version),
			hint: fmt.Sprintf("ssobridge needs PostgreSQL %d or later", oldestPostgres)}
	}
	if encoding != "" && encoding != "UTF8" {
		return &misfit{what: fmt.Sprintf("the database %s is kept in %s, which cannot keep every name", database, encoding),
			hint: "make one in UTF-8: createdb -E UTF8 -T template0 ssobridge"}
	}
	return nil
}

// A misfit is a server that cannot be worked with as DATABASE_URL says it, and what to do. It tells no password: it is made of the
// other parts of the URL, and of what the server said.
type misfit struct {
	what, hint string
	err        error // nil: nothing that the driver said
}

func (m *misfit) Error() string { return m.what }

// Hint is what to do.
func (m *misfit) Hint() string { return m.hint }

func (m *misfit) Unwrap() error { return m.err }

// explainPostgres says what is wrong with a DATABASE_URL, in words for whoever wrote it. Other errors pass unchanged.
func explainPostgres(config *pgx.ConnConfig, err error) error {
	if err == nil {
		return nil
	}
	what, hint := "", ""
	if e, answered := errors.AsType[*pgconn.PgError](err); answered {
		what, hint = explainAnswer(config, e)
	} else {
		what, hint = explainSilence(config, err)
	}
	if what == "" {
		return err
	}
	return &misfit{what: what, hint: hint, err: err}
}

// explainAnswer follows PostgreSQL's manual, appendix A.
func explainAnswer(config *pgx.ConnConfig, e *pgconn.PgError) (what, hint string) {
	at := servers(config)
	switch e.Code {
	case "28P01":
		return fmt.Sprintf("the server at %s refuses the password of user %s", at, config.User),
			"check user and password in DATABASE_URL; in a password write @ as %40, / as %2F, # as %23 and % as %25"
	case "28000":
		if strings.Contains(e.Message, "no encryption") || strings.Contains(e.Message, "SSL off") {
			return fmt.Sprintf("the server at %s lets nobody in without TLS, or not from this machine: %s", at, oneLine(e.Message)),
				"write sslmode=require in DATABASE_URL, or let this machine in with a line in pg_hba.conf"
		}
		return fmt.Sprintf("the server at %s does not let user %s in: %s", at, config.User, oneLine(e.Message)),
			"check the user in DATABASE_URL, and pg_hba.conf on the server"
	case "3D000":
		return fmt.Sprintf("the server at %s has no database %s", at, config.Database),
			"make it with createdb, or name another one at the end of DATABASE_URL"
	case "42501", "3F000":
		return fmt.Sprintf("user %s may not make tables in the database %s: %s", config.User, config.Database, oneLine(e.Message)),
			fmt.Sprintf("let the owner of the database say: GRANT CREATE, USAGE ON SCHEMA public TO %s; or name a schema that is there with search_path=", pgx.Identifier{config.User}.Sanitize())
	case readOnlyTransaction:
		return fmt.Sprintf("the server at %s takes no writes: %s", at, oneLine(e.Message)),
			"it may be a standby: name the primary in DATABASE_URL, or all of them with target_session_attrs=read-write"
	case "08P01":
		return fmt.Sprintf("what stands before PostgreSQL at %s refuses us: %s", at, oneLine(e.Message)),
			"take the parameter that it names out of DATABASE_URL, or give the address of PostgreSQL itself; PgBouncer takes others in ignore_startup_parameters"
	}
	return "", ""
}

// explainSilence is about servers that have said nothing that PostgreSQL would say.
func explainSilence(config *pgx.ConnConfig, err error) (what, hint string) {
	at := servers(config)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, expired := errors.AsType[x509.CertificateInvalidError](err)
	dns, noName := errors.AsType[*net.DNSError](err)
	switch {
	case noName:
		return fmt.Sprintf("the host %s has no address", dns.Name), "check the host in DATABASE_URL"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "nothing listens at " + at, "check host and port in DATABASE_URL, and that PostgreSQL runs and listens there (listen_addresses)"
	case authority, name, expired:
		return fmt.Sprintf("the certificate of %s cannot be trusted: %s", at, oneLine(innermost(err))),
			"name the file with its certificate authority as sslrootcert= in DATABASE_URL; verify-full wants the name of the host in the certificate"
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgconn exports no error for it
		return fmt.Sprintf("the server at %s offers no TLS, which DATABASE_URL wants", at),
			"switch TLS on there (ssl=on), or write sslmode=disable when the way to it is safe"
	case errors.Is(err, context.Canceled):
		return "", ""
	case pgconn.Timeout(err), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return at + " does not answer", "check host and port in DATABASE_URL, and that no firewall stands between"
	}
	if _, refused := errors.AsType[*pgconn.ConnectError](err); refused && !networkError(err) {
		return "what listens at " + at + " does not speak as PostgreSQL does: " + oneLine(innermost(err)), "check host and port in DATABASE_URL"
	}
	return "", ""
}

// servers are the addresses that DATABASE_URL names.
func servers(config *pgx.ConnConfig) string {
	var all []string
	add := func(host string, port uint16) {
		at := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if strings.HasPrefix(host, "/") {
			at = host + "/.s.PGSQL." + strconv.Itoa(int(port))
		}
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	add(config.Host, config.Port)
	for _, f := range config.Fallbacks {
		add(f.Host, f.Port)
	}
	return strings.Join(all, " or ")
}

// innermost is the error that was there first.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			if all := joined.Unwrap(); len(all) > 0 {
				inner = all[0]
			}
		}
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
