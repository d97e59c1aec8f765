// Package person hands out what is kept of a person, and deletes it.
package person

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/store"
)

// data is all that is kept of a person, but for what is secret: the hash of a password, and what proves a session or a passkey.
type data struct {
	Account
	Identities map[string]string `json:"identities"` // the name at each provider
	Groups     []Group           `json:"groups"`
	Passkeys   []passkey         `json:"passkeys"`
	Sessions   []session         `json:"sessions"`
	Events     []event           `json:"events"`
}

// An Account is one as commands print it as JSON.
type Account struct {
	ID         int64             `json:"id"`
	Email      string            `json:"email"`
	FirstName  string            `json:"first_name"`
	LastName   string            `json:"last_name"`
	Active     bool              `json:"is_active"`
	Password   bool              `json:"has_password"`
	Source     string            `json:"sso_source"`
	Attributes map[string]string `json:"login_attributes"`
	CreatedAt  time.Time         `json:"created_at"`
	LastLogin  *time.Time        `json:"last_login"`
}

// AccountOf is an account as JSON.
func AccountOf(a sso.Account) Account {
	return Account{a.ID, a.Email, a.FirstName, a.LastName, a.Active, a.HasPassword, a.Source, a.Attributes(), a.CreatedAt.UTC(), orNull(a.LastLogin)}
}

// A Group is one that a person is in, as commands print it as JSON.
type Group struct {
	ID     int64                `json:"id"`
	Name   string               `json:"name"`
	Source sso.MembershipSource `json:"source"`
}

// GroupsOf are memberships as JSON.
func GroupsOf(members []sso.Membership) []Group {
	all := []Group{}
	for _, m := range members {
		all = append(all, Group{m.ID, m.Name, m.Source})
	}
	return all
}

type passkey struct {
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used"`
}

type session struct {
	Provider  string    `json:"provider"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used"`
	ExpiresAt time.Time `json:"expires_at"`
	Peer      string    `json:"peer"`
	UserAgent string    `json:"user_agent"`
}

type event struct {
	At        time.Time     `json:"at"`
	Kind      sso.EventKind `json:"kind"`
	Code      sso.Code      `json:"code"`
	Reference string        `json:"reference"`
	Provider  string        `json:"provider"`
	Email     string        `json:"email"`
	Actor     string        `json:"actor"`
	Peer      string        `json:"peer"`
	Detail    string        `json:"detail"`
}

// Export writes as JSON what is kept of a person.
func Export(ctx context.Context, st *store.Store, a sso.Account, out io.Writer) error {
	d := data{Account: AccountOf(a), Passkeys: []passkey{}, Sessions: []session{}, Events: []event{}}
	var err error
	if d.Identities, err = st.Identities(ctx, a.ID); err != nil {
		return err
	}
	members, err := st.Memberships(ctx, a.ID)
	if err != nil {
		return err
	}
	d.Groups = GroupsOf(members)
	keys, err := st.Passkeys(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		d.Passkeys = append(d.Passkeys, passkey{k.Name, k.CreatedAt.UTC(), orNull(k.LastUsed)})
	}
	if err := d.addSessions(ctx, st); err != nil {
		return err
	}
	if err := d.addEvents(ctx, st); err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func (d *data) addSessions(ctx context.Context, st *store.Store) error {
	for q := (sso.SessionQuery{Page: sso.Page{Limit: sso.MaxLimit}, AccountID: d.ID}); ; {
		list, next, err := st.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range list {
			d.Sessions = append(d.Sessions, session{s.Provider, s.CreatedAt.UTC(), s.LastUsed.UTC(), s.ExpiresAt.UTC(), s.Peer, s.UserAgent})
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}

func (d *data) addEvents(ctx context.Context, st *store.Store) error {
	for _, q := range []sso.EventQuery{{AccountID: d.ID}, {Email: d.Email}} { // refused sign-ins have the e-mail alone
		for q.Limit = sso.MaxLimit; ; {
			list, next, err := st.Events(ctx, q)
			if err != nil {
				return err
			}
			for _, e := range list {
				if q.AccountID == 0 && e.AccountID == d.ID { // seen
					continue
				}
				d.Events = append(d.Events, event{e.At.UTC(), e.Kind, e.Code, e.Reference, e.Provider, e.Email, e.Actor, e.Peer, e.Detail})
			}
			if q.After = next; next == "" {
				break
			}
		}
	}
	return nil
}

// Purge deletes a person for good, when sure, and says what it did or would do.
func Purge(ctx context.Context, people admin.People, by admin.Actor, a sso.Account, sure bool, out io.Writer) error {
	if !sure {
		fmt.Fprintf(out, "%s would be deleted: account %d, with its sessions, names at providers, groups and passkeys. The trail would keep what happened and when, "+
			"without e-mail, address and detail.\n", a.Email, a.ID)
		return hint.With("ssobridge users export keeps a copy; users purge with --yes deletes, and nothing brings it back", fmt.Errorf("nothing was deleted"))
	}
	events, err := people.Purge(ctx, by, a.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "deleted account %d and what was kept of it; %d events are anonymous now\n", a.ID, events)
	return nil
}
