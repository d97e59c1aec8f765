// Package dbcopy moves a bridge from one database to another: it copies everything from SQLite to PostgreSQL, or back.
package dbcopy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/transfer"
)

// A Copy is one that is to be done.
type Copy struct {
	From, To       string // as DATABASE_URL
	Secret         []byte // SECRET_KEY; nil: that beside From
	Now            func() time.Time
	Stdout, Stderr io.Writer
	Terminal       bool // a person looks at Stderr
}

// Run does it and says so. SIGINT and SIGTERM end it; the target is as it was then.
func (c Copy) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	besides, err := c.key()
	if err != nil {
		return err
	}
	from, err := c.open(ctx, c.From)
	if err != nil {
		return fmt.Errorf("the source: %w", err)
	}
	defer from.Close()
	if err := cmp.Or(from.Migrated(ctx), from.CheckSecretKey(ctx)); err != nil { // before the file of the target is made
		return explained(ctx, err)
	}
	to, err := c.open(ctx, c.To)
	if err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	defer to.Close()
	counts, changed, err := store.Copy(ctx, from, to, c.progress())
	c.wipe()
	if err != nil {
		return explained(ctx, err)
	}
	c.report(counts)
	if changed {
		fmt.Fprintln(c.Stderr, "hint: a bridge wrote to the source meanwhile, and that is not in the copy: stop it, empty the target, and copy again")
	}
	if besides != "" && !isSQLite(c.To) {
		fmt.Fprintf(c.Stderr, "hint: set SECRET_KEY_FILE to %s, or SECRET_KEY to what is in it, with DATABASE_URL\n", besides)
	} else if besides != "" {
		fmt.Fprintf(c.Stderr, "hint: copy %s to %s%s\n", besides, path(c.To), keyfile.Suffix)
	}
	return nil
}

// key finds SECRET_KEY when it is not set: it returns the file that it was in.
func (c *Copy) key() (file string, err error) {
	switch missing := "the values that SECRET_KEY seals cannot be copied without it"; {
	case c.Secret != nil:
		return "", c.sourceThere()
	case !isSQLite(c.From):
		return "", hint.With("set SECRET_KEY as the bridge has it", errors.New(missing))
	default:
		if err := c.sourceThere(); err != nil {
			return "", err
		}
		file = path(c.From) + keyfile.Suffix
		c.Secret, err = keyfile.Read(file)
		if errors.Is(err, fs.ErrNotExist) {
			err = hint.With("set SECRET_KEY as the bridge has it", fmt.Errorf("%s, and there is no %s", missing, file))
		}
		return file, err
	}
}

// sourceThere refuses a source that would be made by opening it.
func (c Copy) sourceThere() error {
	if !isSQLite(c.From) {
		return nil
	}
	_, err := os.Stat(path(c.From))
	return hint.With("name the database that is to be copied first, as in DATABASE_URL", err)
}

func isSQLite(databaseURL string) bool { return strings.HasPrefix(databaseURL, "sqlite:") }

func path(databaseURL string) string {
	name := strings.TrimPrefix(databaseURL, "sqlite:")
	if rest, ok := strings.CutPrefix(name, "//"); ok {
		return rest
	}
	return name
}

func (c Copy) open(ctx context.Context, databaseURL string) (*store.Store, error) {
	return store.Open(ctx, databaseURL, store.Options{Now: c.Now, Secret: c.Secret, Log: slog.New(slog.DiscardHandler)})
}

// explained adds what to do.
func explained(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return hint.With("run it again when you like: it begins anew", errors.New("stopped; nothing was copied"))
	case errors.Is(err, transfer.ErrNotEmpty):
		return hint.With("name an empty database; one that no bridge was started with", err)
	case errors.Is(err, transfer.ErrForeign):
		return hint.With("name an empty database, or a schema of its own with search_path in the URL", err)
	case errors.Is(err, transfer.ErrDiffers):
		return hint.With("nothing was copied. Both databases need the tables of this version: ssobridge migrate brings them up to date", err)
	case errors.Is(err, seal.ErrOtherKey):
		return hint.With("set SECRET_KEY as the bridge has it; nothing was copied", err)
	case errors.Is(err, store.ErrOlder):
		return hint.With("the source comes first. If it is the right one, ssobridge migrate brings its tables up to date", errors.New("the source: "+sso.Reason(err)))
	case errors.Is(err, store.ErrNewer):
		return hint.With("take the version of ssobridge that the bridge has", errors.New(sso.Reason(err)))
	}
	return err
}

// progress shows a person how far it is, on one line.
func (c Copy) progress() func(table string, done, total int64) {
	if !c.Terminal {
		return nil
	}
	var shown time.Time
	return func(table string, done, total int64) {
		if now := c.Now(); total > 0 && (done == total || now.Sub(shown) > 100*time.Millisecond) {
			shown = now
			const width = 20
			full := int(width * done / total)
			fmt.Fprintf(c.Stderr, "\r\x1b[K[%s%s] %s: %d of %d rows", strings.Repeat("#", full), strings.Repeat(" ", width-full), table, done, total)
		}
	}
}

func (c Copy) wipe() {
	if c.Terminal {
		fmt.Fprint(c.Stderr, "\r\x1b[K")
	}
}

func (c Copy) report(counts []transfer.Count) {
	t := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	all := int64(0)
	for _, n := range counts {
		fmt.Fprintf(t, "%d\t %s\n", n.Rows, n.Table)
		all += n.Rows
	}
	t.Flush()
	fmt.Fprintf(c.Stdout, "copied %d rows of %d tables; the counts and sums of both databases agree\n", all, len(counts))
}
