package hint

import (
	"cmp"
	"errors"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store"
)

// LostKey is the way out when nobody has SECRET_KEY any more.
const LostKey = `if it is lost, "ssobridge secret-key forget" begins anew without what it sealed`

// explained is the error of a database that says what to do.
type explained interface {
	error
	Hint() string
}

// Database adds what to do to an error of a database. Other errors pass unchanged.
func Database(err error) error {
	if errors.Is(err, seal.ErrOtherKey) {
		return With("set SECRET_KEY, or put back the file beside the database, as it was when this database was made; all replicas need the same; "+LostKey, err)
	}
	if said, ok := errors.AsType[explained](err); ok {
		return With(said.Hint(), said)
	}
	if errors.Is(err, sso.StoreUnavailable) {
		return With(next(sso.CauseOf(err)), errors.New(cmp.Or(sso.Reason(err), err.Error())))
	}
	return err
}

// next is what to do about a database that cannot be used now.
func next(cause string) string {
	switch cause {
	case "full":
		return "make room on the disk that the database is written to; nothing was kept by half"
	case "damaged":
		return `stop the bridge, and put a backup back: "ssobridge restore FILE"`
	case "locked":
		return "another program has the database, or a part of it, locked: end it, or wait for it, and try again"
	}
	return "check DATABASE_URL, and that the database can be reached and written"
}

// Tables is [Database] for the commands that leave the tables as they are.
func Tables(err error) error {
	if sso.CauseOf(err) != "tables" {
		return Database(err)
	}
	said := errors.New(cmp.Or(sso.Reason(err), err.Error()))
	if errors.Is(err, store.ErrNewer) {
		return said
	}
	return With(`"ssobridge migrate" brings the tables up to date; "ssobridge serve" does so when it starts`, said)
}

// Outdated reports whether err says that the tables are not there yet, or older than this program: serve brings them up to date.
func Outdated(err error) bool { return errors.Is(err, store.ErrOlder) }
