package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A tokenNote is what is kept of the token of a sign-in. It is made before the sign-in's transaction, since others wait while that runs.
type tokenNote []any

func noteOfToken(x *sso.Exam) (tokenNote, error) {
	e := tokenlog.Of(x.Claims, x.Now)
	names, err := json.Marshal(e.Claims)
	if err != nil {
		return nil, fmt.Errorf("names of claims: %w", err)
	}
	about := ""
	if e.About != nil {
		text, err := json.Marshal(e.About)
		if err != nil {
			return nil, fmt.Errorf("claims about the token: %w", err)
		}
		about = string(text)
	}
	return tokenNote{x.Identity.Provider, e.At, e.Lifetime.Microseconds(), e.More, string(names), about}, nil
}

// keep is one statement of the sign-in's transaction, and waits for nobody.
func (n tokenNote) keep(l *attempt, ctx context.Context) error {
	return l.c.Later(ctx, "INSERT INTO token_log (provider, at, lifetime, more, claims, about) VALUES ($1, $2, $3, $4, $5, $6)", n...)
}

// TokenLog returns what is kept of the tokens of the last sign-ins of a provider, at most [tokenlog.Kept], the newest first.
func (s *Store) TokenLog(ctx context.Context, provider string) (all []tokenlog.Entry, err error) {
	err = s.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var e tokenlog.Entry
		var lifetime int64
		var names, about []byte
		err := rows.Scan(sqldb.Time(&e.At), &lifetime, &e.More, &names, &about)
		if err == nil {
			err = json.Unmarshal(names, &e.Claims)
		}
		if err == nil && len(about) > 0 {
			d := json.NewDecoder(bytes.NewReader(about))
			d.UseNumber()
			err = d.Decode(&e.About)
		}
		e.Lifetime = time.Duration(lifetime) * time.Microsecond
		all = append(all, e)
		return err
	}, fmt.Sprintf("SELECT at, lifetime, more, claims, about FROM token_log WHERE provider = $1 ORDER BY at DESC LIMIT %d", tokenlog.Kept), provider)
	return all, err
}

// sweepTokenLog leaves the last entries of each provider.
func (s *Store) sweepTokenLog(ctx context.Context) (n int, err error) {
	var providers []string
	err = s.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		providers = append(providers, name)
		return err
	}, "SELECT DISTINCT provider FROM token_log")
	for _, name := range providers {
		if err != nil {
			return n, err
		}
		var deleted int
		deleted, err = s.db.DeleteBatches(ctx, fmt.Sprintf(`DELETE FROM token_log WHERE provider = $1 AND at IN
			(SELECT at FROM token_log WHERE provider = $1 ORDER BY at DESC LIMIT %d OFFSET %d)`, sqldb.SweepBatch, tokenlog.Kept), name)
		n += deleted
	}
	return n, err
}
