package bridgetest

import (
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/ssobridge/ssobridge/sso"
)

// InsertSession writes a session past the store, which opens none without a credential.
func InsertSession(t testing.TB, databaseURL string, n sso.Session) {
	t.Helper()
	driver, dsn := "pgx", databaseURL
	if file, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO sessions
		(hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent, proved_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6)`, n.Hash[:], n.AccountID, n.Provider, n.Proof, n.Flow,
		n.CreatedAt.UnixMicro(), n.LastUsed.UnixMicro(), n.ExpiresAt.UnixMicro(), n.Peer, n.UserAgent); err != nil {
		t.Fatal(err)
	}
}
