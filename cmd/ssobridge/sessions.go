package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

func sessionCommands() []*command {
	return []*command{
		{"sessions list", "", "lists the sessions that have not reached their end", sessionsList},
		{"sessions revoke", "SESSION", "ends one session; its name is in the list", sessionsRevoke},
		{"sessions revoke-all", "EMAIL|ID", "ends all sessions of a person", sessionsRevokeAll},
	}
}

// sessionName names a session by its hash. It is of no use for signing in: that takes the id, which is not kept.
func sessionName(h sso.SessionHash) string { return hex.EncodeToString(h[:10]) }

type sessionJSON struct {
	Session   string    `json:"session"`
	AccountID int64     `json:"account_id"`
	Provider  string    `json:"provider"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used"`
	ExpiresAt time.Time `json:"expires_at"`
	Peer      string    `json:"peer"`
	UserAgent string    `json:"user_agent"`
}

func sessionOut(s sso.Session) sessionJSON {
	return sessionJSON{sessionName(s.Hash), s.AccountID, s.Provider, s.CreatedAt.UTC(), s.LastUsed.UTC(), s.ExpiresAt.UTC(), s.Peer, s.UserAgent}
}

// eachSession calls visit for the sessions of an account (0: of all), newest first, until it returns false.
func (o *opened) eachSession(ctx context.Context, accountID int64, visit func(sso.Session) bool) error {
	q := sso.SessionQuery{Page: sso.Page{Limit: sso.MaxLimit}, AccountID: accountID}
	for {
		sessions, next, err := o.store.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if !visit(s) {
				return nil
			}
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}

func (o *opened) sessions(ctx context.Context, accountID int64) (all []sso.Session, err error) {
	err = o.eachSession(ctx, accountID, func(s sso.Session) bool {
		all = append(all, s)
		return true
	})
	return all, err
}

func sessionsList(f *flags) runner {
	p := f.p
	user := f.String("user", "", "only those of this person, by e-mail `address` or id")
	asJSON := f.Bool("json", false, "print JSON, one session a line")
	return func(ctx context.Context, args []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		var of sso.Account
		if *user != "" {
			if of, err = o.account(ctx, *user); err != nil {
				return err
			}
		}
		t := p.table(*asJSON, "SESSION", "ACCOUNT", "THROUGH", "SINCE", "LAST USED", "FROM")
		defer t.Flush()
		return o.eachSession(ctx, of.ID, func(s sso.Session) bool {
			t.row(sessionOut(s), sessionName(s.Hash), s.AccountID, s.Provider, when(s.CreatedAt), when(s.LastUsed), s.Peer)
			return true
		})
	}
}

func sessionsRevoke(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		var found []sso.Session
		err = o.eachSession(ctx, 0, func(s sso.Session) bool {
			if len(args[0]) >= 6 && strings.HasPrefix(hex.EncodeToString(s.Hash[:]), strings.ToLower(args[0])) {
				found = append(found, s)
			}
			return len(found) < 2
		})
		if err != nil {
			return err
		}
		const hint = "ssobridge sessions list shows all sessions"
		switch len(found) {
		case 0:
			return withHint(hint, fmt.Errorf("no session %q", args[0]))
		case 2:
			return withHint(hint, fmt.Errorf("several sessions begin with %q", args[0]))
		}
		s := found[0]
		err = admin.Sessions{Store: o.store}.End(ctx, p.actor(), s.Hash)
		if errors.Is(err, admin.ErrSessionOver) {
			return withHint(hint, plain(err))
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "ended session %s of account %d\n", sessionName(s.Hash), s.AccountID)
		return nil
	}
}

func sessionsRevokeAll(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		n, err := admin.Sessions{Store: o.store}.EndAll(ctx, p.actor(), a.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "ended %s of %s\n", plural(n, "session"), a.Email)
		return nil
	}
}
