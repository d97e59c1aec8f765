// Package memory is a store of sign-ins for tests: a model that is short enough to be read, and as quick as the rules that
// are proved over it. It passes the suite of package conformance, as the stores of SQLite and PostgreSQL do.
package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

// A Store keeps what sign-ins change until it is forgotten. Use [New].
type Store struct {
	mu   sync.Mutex
	kept kept

	// Down, when set, is the error of everything that is asked of the store.
	Down error
}

// kept is all that there is. A sign-in works on a copy, which takes the place of the original when nothing failed.
type kept struct {
	accounts   map[int64]account
	groups     map[int64]string
	identities map[identity]int64
	spent      map[string]time.Time
	sessions   map[sso.SessionHash]sso.Session
	granted    map[sso.SessionHash]sso.Granted
	events     []sso.Event
	changes    []sso.Change
	lastGroup  int64
	settings   int64
}

type account struct {
	sso.Account
	members []int64 // sorted ids of groups
	digest  string
}

type identity struct{ provider, subject string }

// New returns an empty store.
func New() *Store {
	return &Store{kept: kept{
		accounts: map[int64]account{}, identities: map[identity]int64{}, spent: map[string]time.Time{},
		sessions: map[sso.SessionHash]sso.Session{}, granted: map[sso.SessionHash]sso.Granted{}, lastGroup: sso.FirstGroup - 1,
		groups: map[int64]string{sso.AllUsers: sso.AllUsersName, sso.Administrators: sso.AdministratorsName},
	}}
}

func (k kept) copy() kept {
	k.accounts, k.groups, k.identities = maps.Clone(k.accounts), maps.Clone(k.groups), maps.Clone(k.identities)
	k.spent, k.sessions, k.granted = maps.Clone(k.spent), maps.Clone(k.sessions), maps.Clone(k.granted)
	k.events, k.changes = slices.Clone(k.events), slices.Clone(k.changes)
	return k
}

// change runs f over a copy, and keeps it when f did not fail.
func (s *Store) change(f func(*kept) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Down != nil {
		return s.Down
	}
	next := s.kept.copy()
	if err := f(&next); err != nil {
		return err
	}
	s.kept = next
	return nil
}

// look runs f over what is kept.
func (s *Store) look(f func(*kept) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Down != nil {
		return s.Down
	}
	return f(&s.kept)
}

// Rows counts what a sign-in may write.
func (s *Store) Rows(testing.TB) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &s.kept
	members := 0
	for _, a := range k.accounts {
		members += len(a.members)
	}
	return map[string]int{
		"accounts": len(k.accounts), "identities": len(k.identities), "proofs": len(k.spent), "sessions": len(k.sessions),
		"events": len(k.events), "changes": len(k.changes), "memberships": members,
	}
}

// ChangeSettings gives the saved settings another version.
func (s *Store) ChangeSettings() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.settings++
}

// Settings returns no setting, and the version.
func (s *Store) Settings(context.Context) (_ map[string]sso.SavedSetting, version int64, err error) {
	err = s.look(func(k *kept) error { version = k.settings; return nil })
	return nil, version, err
}

// Record implements [sso.Store].
func (s *Store) Record(_ context.Context, e sso.Event) error {
	return s.change(func(k *kept) error { k.event(e); return nil })
}

func (k *kept) event(e sso.Event) {
	e.ID = int64(len(k.events) + 1)
	k.events = append(k.events, e)
}

func (k *kept) announce(accountID int64) {
	k.changes = append(k.changes, sso.Change{Seq: int64(len(k.changes) + 1), AccountID: accountID})
}

// Events returns those of some kinds, newest first; of the query it knows the kinds and the account.
func (s *Store) Events(_ context.Context, q sso.EventQuery) (events []sso.Event, next string, err error) {
	err = s.look(func(k *kept) error {
		for _, e := range slices.Backward(k.events) {
			if (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) && (q.AccountID == 0 || q.AccountID == e.AccountID) {
				events = append(events, e)
			}
		}
		return nil
	})
	return events, "", err
}

// Changes returns what changed after since; -1 begins, with none.
func (s *Store) Changes(_ context.Context, since int64) (changes []sso.Change, last int64, err error) {
	err = s.look(func(k *kept) error {
		last = int64(len(k.changes))
		if since >= 0 {
			changes = slices.Clone(k.changes[since:])
		}
		return nil
	})
	return changes, last, err
}

// Account returns an account, or [sso.NotFound].
func (s *Store) Account(_ context.Context, id int64) (a sso.Account, err error) {
	err = s.look(func(k *kept) error {
		found, ok := k.accounts[id]
		if a = found.Account; !ok {
			return fmt.Errorf("account %d: %w", id, sso.NotFound)
		}
		return nil
	})
	return a, err
}

// AccountByEmail returns the account with an e-mail, or [sso.NotFound].
func (s *Store) AccountByEmail(_ context.Context, email string) (a sso.Account, err error) {
	err = s.look(func(k *kept) error {
		found := k.byEmail(email)
		if found == nil {
			return fmt.Errorf("account %s: %w", email, sso.NotFound)
		}
		a = found.Account
		return nil
	})
	return a, err
}

func (k *kept) byEmail(email string) *account {
	for _, a := range k.accounts {
		if address.Key(a.Email) == address.Key(email) {
			return &a
		}
	}
	return nil
}

// CreateAccount makes an account, with a password if there is a hash, in groups.
func (s *Store) CreateAccount(_ context.Context, a sso.Account, passwordHash string, groups []int64, e sso.Event) (sso.Account, error) {
	err := s.change(func(k *kept) error {
		if k.byEmail(a.Email) != nil {
			return fmt.Errorf("account %s: %w", a.Email, sso.Conflict)
		}
		a.ID, a.HasPassword = int64(len(k.accounts)+1), passwordHash != ""
		k.accounts[a.ID] = account{Account: a, members: slices.Sorted(slices.Values(groups))}
		e.AccountID = a.ID
		k.event(e)
		return nil
	})
	return a, err
}

// with changes an account, writes an event, and announces it.
func (s *Store) with(id int64, e sso.Event, f func(*account)) error {
	return s.change(func(k *kept) error {
		a, ok := k.accounts[id]
		if !ok {
			return fmt.Errorf("account %d: %w", id, sso.NotFound)
		}
		f(&a)
		k.accounts[id] = a
		e.AccountID = id
		k.event(e)
		k.announce(id)
		return nil
	})
}

// SetActive activates or deactivates an account.
func (s *Store) SetActive(_ context.Context, id int64, active bool, e sso.Event) error {
	return s.with(id, e, func(a *account) { a.Active = active })
}

// ChangeOwnAttributes changes attributes that an administrator set. was is not looked at.
func (s *Store) ChangeOwnAttributes(_ context.Context, id int64, changes map[string]*string, _ map[string]string, e sso.Event) error {
	return s.with(id, e, func(a *account) {
		own := map[string]string{}
		maps.Copy(own, a.Own)
		for name, value := range changes {
			if delete(own, name); value != nil {
				own[name] = *value
			}
		}
		a.Own = own
	})
}

// AddMember puts an account into a group.
func (s *Store) AddMember(_ context.Context, accountID, groupID int64, _ sso.MembershipSource, e sso.Event) error {
	return s.with(accountID, e, func(a *account) { a.members = joined(a.members, groupID) })
}

func joined(members []int64, ids ...int64) []int64 {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(members, ids))))
}

// EnsureGroups makes those groups that do not exist, and returns them.
func (s *Store) EnsureGroups(_ context.Context, names []string, e sso.Event) (made []sso.Group, err error) {
	err = s.change(func(k *kept) error {
		for _, name := range names {
			if _, known := k.named(name); !known {
				k.lastGroup++
				k.groups[k.lastGroup] = name
				made = append(made, sso.Group{ID: k.lastGroup, Name: name})
				k.event(e)
			}
		}
		return nil
	})
	return made, err
}

func (k *kept) named(name string) (id int64, ok bool) {
	for id, other := range k.groups {
		if other == name {
			return id, true
		}
	}
	return 0, false
}

// GroupByName returns a group, or [sso.NotFound].
func (s *Store) GroupByName(_ context.Context, name string) (g sso.Group, err error) {
	err = s.look(func(k *kept) error {
		id, ok := k.named(name)
		if g = (sso.Group{ID: id, Name: name}); !ok {
			return fmt.Errorf("group %q: %w", name, sso.NotFound)
		}
		return nil
	})
	return g, err
}

// Principal returns whom a session acts for, or [sso.NotSignedIn].
func (s *Store) Principal(_ context.Context, id sso.SessionHash) (p *sso.Principal, err error) {
	err = s.look(func(k *kept) error {
		session, ok := k.sessions[id]
		if a := k.accounts[session.AccountID]; ok && a.Active {
			p = &sso.Principal{Account: a.Account, Groups: k.groupsOf(a.members), Session: session}
			return nil
		}
		return sso.NotSignedIn
	})
	return p, err
}

// groupsOf returns the groups with these ids, and the one that everybody is in.
func (k *kept) groupsOf(ids []int64) (groups []sso.Group) {
	for _, id := range joined(ids, sso.AllUsers) {
		groups = append(groups, sso.Group{ID: id, Name: k.groups[id]})
	}
	return groups
}

// AdministratorSignedInBy reports whether the last sign-in of an active administrator left one of the digests.
func (s *Store) AdministratorSignedInBy(_ context.Context, digests []string) (marked bool, err error) {
	err = s.look(func(k *kept) error {
		for _, a := range k.accounts {
			marked = marked || a.Active && a.digest != "" && slices.Contains(a.members, sso.Administrators) && slices.Contains(digests, a.digest)
		}
		return nil
	})
	return marked, err
}
