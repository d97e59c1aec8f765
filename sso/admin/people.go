package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
)

// A PersonStore is what people need of package store.
type PersonStore interface {
	Account(ctx context.Context, id int64) (sso.Account, error)
	CreateAccount(ctx context.Context, a sso.Account, passwordHash string, groups []int64, e sso.Event) (sso.Account, error)
	SetActive(ctx context.Context, id int64, active bool, e sso.Event) error
	SetPassword(ctx context.Context, id int64, hash string, e sso.Event) error
	ChangeOwnAttributes(ctx context.Context, id int64, changes map[string]*string, was map[string]string, e sso.Event) error
	PurgeAccount(ctx context.Context, id int64, e sso.Event) (events int64, err error)
	KeptOf(ctx context.Context, a sso.Account) (sso.Kept, error)
}

// People are the accounts of the bridge.
type People struct {
	Store PersonStore
	Hash  func(ctx context.Context, password string) (string, error) // for those who get a password
}

// A NewPerson is somebody who gets an account.
type NewPerson struct {
	Email     string
	FirstName string
	LastName  string
	Groups    []int64
	Password  *string // nil: the identity provider is the way in
}

// Create makes an account. What is wrong is a [*Refusal] of the field "email", "first_name", "last_name", "groups" or
// "password"; it wraps [sso.Conflict] when somebody has the e-mail already.
func (p People) Create(ctx context.Context, by Actor, n NewPerson) (sso.Account, error) {
	e, err := by.about(makeAccount, n.Email, "account made")
	if err != nil {
		return sso.Account{}, err
	}
	for _, part := range []struct{ field, name string }{{"first_name", n.FirstName}, {"last_name", n.LastName}} {
		if err := sso.CheckName(part.name); err != nil {
			return sso.Account{}, Invalid(part.field, "%s", err)
		}
	}
	account := sso.Account{Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Active: true}
	hash := ""
	if n.Password != nil {
		if hash, err = p.hash(ctx, *n.Password, account); err != nil {
			return sso.Account{}, err
		}
	}
	made, err := p.Store.CreateAccount(ctx, account, hash, n.Groups, e)
	switch sso.CodeOf(err) {
	case sso.Invalid, sso.Conflict:
		err = AtField("email", err)
	case sso.NotFound:
		err = AtField("groups", err)
	}
	return made, err
}

// hash refuses a password that others could guess, such as one made of the person's name.
func (p People) hash(ctx context.Context, chosen string, a sso.Account) (string, error) {
	if err := password.Check(chosen, a.Email, a.FirstName, a.LastName); err != nil {
		return "", AtField("password", err)
	}
	return p.Hash(ctx, chosen)
}

// SetPassword gives a person another password, which ends the sessions. What is wrong with it is a [*Refusal] of the field
// "password". It returns [ErrNoPassword] for an account that only an identity provider signs in (SECURITY E3).
func (p People) SetPassword(ctx context.Context, by Actor, id int64, chosen string) error {
	e, err := by.event(setPassword, "password set")
	if err != nil {
		return err
	}
	account, err := p.Store.Account(ctx, id)
	if err != nil {
		return err
	}
	hash, err := p.hash(ctx, chosen, account)
	if err != nil {
		return err
	}
	err = p.Store.SetPassword(ctx, id, hash, e)
	if sso.CodeOf(err) == sso.PasswordRefused {
		err = ErrNoPassword
	}
	return err
}

// ErrNoPassword refuses a password for an account that only an identity provider signs in.
var ErrNoPassword error = &Refusal{Err: fmt.Errorf("this account signs in through the identity provider and gets no password: %w", sso.PasswordRefused)}

// SetActive keeps a person out, which ends the sessions, or lets them in again. The only administrator stays
// ([sso.Conflict], SECURITY E6).
func (p People) SetActive(ctx context.Context, by Actor, id int64, active bool) error {
	what, detail := deactivate, "deactivated"
	if active {
		what, detail = reactivate, "reactivated"
	}
	e, err := by.event(what, "%s", detail)
	if err != nil {
		return err
	}
	return onlyAdministrator(p.Store.SetActive(ctx, id, active, e))
}

// Purge deletes a person for good, and returns how many events of the trail were made anonymous. The only administrator stays
// ([sso.Conflict], SECURITY E6).
func (p People) Purge(ctx context.Context, by Actor, id int64) (events int64, err error) {
	e, err := by.event(purge, "purged: the account and what was kept of it is deleted")
	if err != nil {
		return 0, err
	}
	events, err = p.Store.PurgeAccount(ctx, id, e)
	return events, onlyAdministrator(err)
}

// PurgeKnown is Purge for who has been told of whom: it refuses another e-mail than that of the account, as the refusal of the field "email"
// that wraps [ErrNotConfirmed].
func (p People) PurgeKnown(ctx context.Context, by Actor, id int64, email string) (events int64, err error) {
	if err := by.may(purge); err != nil {
		return 0, err
	}
	a, err := p.Store.Account(ctx, id)
	if err != nil {
		return 0, err
	}
	if email != a.Email {
		return 0, notConfirmed(map[string]string{"email": "nothing brings a person back that is deleted: confirm it by the e-mail of the account, as it is written there"})
	}
	return p.Purge(ctx, by, id)
}

// onlyAdministrator puts the one reason for which the store refuses to take an administrator away into words.
func onlyAdministrator(err error) error {
	if sso.CodeOf(err) != sso.Conflict {
		return err
	}
	return conflict("this is the only administrator who is active: make somebody else an administrator first, or nobody could administer this bridge")
}

// ChangeAttributes sets attributes of a person, which win over those of sign-ins; nil removes one. was, if it is not nil, is
// what administrators had set for these names when the actor looked, without those that had nothing: what has changed since
// is [sso.Conflict]. A name or value that will not do is a [*Refusal] of the field "set".
func (p People) ChangeAttributes(ctx context.Context, by Actor, id int64, set map[string]*string, was map[string]string) error {
	if err := by.may(changeAttribute); err != nil {
		return err
	}
	account, err := p.Store.Account(ctx, id)
	if err != nil {
		return err
	}
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		before, there := account.Own[name]
		changes = append(changes, fmt.Sprintf("attribute %q: %s → %s", name, quoted(&before, there), quoted(set[name], set[name] != nil)))
	}
	e, err := by.event(changeAttribute, "%s", strings.Join(changes, "; "))
	if err != nil {
		return err
	}
	err = p.Store.ChangeOwnAttributes(ctx, id, set, was, e)
	if sso.CodeOf(err) == sso.Invalid {
		err = AtField("set", err)
	}
	return err
}

func quoted(value *string, there bool) string {
	if !there {
		return "none"
	}
	return fmt.Sprintf("%q", *value)
}

// A MemberStore is what memberships need of package store.
type MemberStore interface {
	Group(ctx context.Context, id int64) (sso.Group, error)
	AddMember(ctx context.Context, accountID, groupID int64, source sso.MembershipSource, e sso.Event) error
	RemoveMember(ctx context.Context, accountID, groupID int64, e sso.Event) error
}

// Members are who is in which group.
type Members struct {
	Store MemberStore
}

// Add puts a person into a group.
func (m Members) Add(ctx context.Context, by Actor, personID, groupID int64) error {
	e, err := m.event(ctx, by, addMember, "put into", groupID)
	if err != nil {
		return err
	}
	return m.Store.AddMember(ctx, personID, groupID, sso.MemberByAdmin, e)
}

// Remove takes a person out of a group. The only administrator stays ([sso.Conflict], SECURITY E6).
func (m Members) Remove(ctx context.Context, by Actor, personID, groupID int64) error {
	e, err := m.event(ctx, by, removeMember, "taken out of", groupID)
	if err != nil {
		return err
	}
	return onlyAdministrator(m.Store.RemoveMember(ctx, personID, groupID, e))
}

// event names the group, whose name may be another one when the event is read.
func (m Members) event(ctx context.Context, by Actor, a action, done string, groupID int64) (sso.Event, error) {
	if err := by.may(a); err != nil {
		return sso.Event{}, err
	}
	group, err := m.Store.Group(ctx, groupID)
	if err != nil {
		return sso.Event{}, err
	}
	return by.event(a, "%s %s", done, group.Name)
}
