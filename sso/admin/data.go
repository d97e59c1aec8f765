package admin

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
)

// A DataStore is what the data of a person need of package store.
type DataStore interface {
	Identities(ctx context.Context, accountID int64) (map[string]string, error)
	Memberships(ctx context.Context, accountID int64) ([]sso.Membership, error)
	Passkeys(ctx context.Context, accountID int64) ([]credential.Passkey, error)
	Sessions(ctx context.Context, q sso.SessionQuery) ([]sso.Session, string, error)
	Events(ctx context.Context, q sso.EventQuery) ([]sso.Event, string, error)
}

// PersonData is all that is kept of a person, but for what is secret: the hash of a password, and what proves a session or a passkey.
type PersonData struct {
	AccountData
	Identities map[string]string `json:"identities"` // the name at each provider
	Groups     []GroupData       `json:"groups"`
	Passkeys   []passkeyData     `json:"passkeys"`
	Sessions   []sessionData     `json:"sessions"`
	Events     []eventData       `json:"events"`
}

// AccountData is an account as JSON.
type AccountData struct {
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

// AccountDataOf is an account as JSON.
func AccountDataOf(a sso.Account) AccountData {
	return AccountData{a.ID, a.Email, a.FirstName, a.LastName, a.Active, a.HasPassword, a.Source, a.Attributes(), a.CreatedAt.UTC(), orNull(a.LastLogin)}
}

// GroupData is a group that a person is in, as JSON.
type GroupData struct {
	ID     int64                `json:"id"`
	Name   string               `json:"name"`
	Source sso.MembershipSource `json:"source"`
}

// GroupsDataOf are memberships as JSON.
func GroupsDataOf(members []sso.Membership) []GroupData {
	all := []GroupData{}
	for _, m := range members {
		all = append(all, GroupData{m.ID, m.Name, m.Source})
	}
	return all
}

type passkeyData struct {
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used"`
}

type sessionData struct {
	Provider  string    `json:"provider"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used"`
	ExpiresAt time.Time `json:"expires_at"`
	Peer      string    `json:"peer"`
	UserAgent string    `json:"user_agent"`
}

type eventData struct {
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

// DataOf reads what is kept of a person.
func DataOf(ctx context.Context, st DataStore, a sso.Account) (d PersonData, err error) {
	d = PersonData{AccountData: AccountDataOf(a), Passkeys: []passkeyData{}, Sessions: []sessionData{}, Events: []eventData{}}
	if d.Identities, err = st.Identities(ctx, a.ID); err != nil {
		return d, err
	}
	members, err := st.Memberships(ctx, a.ID)
	if err != nil {
		return d, err
	}
	d.Groups = GroupsDataOf(members)
	keys, err := st.Passkeys(ctx, a.ID)
	if err != nil {
		return d, err
	}
	for _, k := range keys {
		d.Passkeys = append(d.Passkeys, passkeyData{k.Name, k.CreatedAt.UTC(), orNull(k.LastUsed)})
	}
	if err := d.addSessions(ctx, st); err != nil {
		return d, err
	}
	return d, d.addEvents(ctx, st)
}

// Write writes it as JSON.
func (d PersonData) Write(out io.Writer) error {
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

func (d *PersonData) addSessions(ctx context.Context, st DataStore) error {
	for q := (sso.SessionQuery{Page: sso.Page{Limit: sso.MaxLimit}, AccountID: d.ID}); ; {
		list, next, err := st.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range list {
			d.Sessions = append(d.Sessions, sessionData{s.Provider, s.CreatedAt.UTC(), s.LastUsed.UTC(), s.ExpiresAt.UTC(), s.Peer, s.UserAgent})
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}

func (d *PersonData) addEvents(ctx context.Context, st DataStore) error {
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
				d.Events = append(d.Events, eventData{e.At.UTC(), e.Kind, e.Code, e.Reference, e.Provider, e.Email, e.Actor, e.Peer, e.Detail})
			}
			if q.After = next; next == "" {
				break
			}
		}
	}
	return nil
}
