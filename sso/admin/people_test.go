package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A kept is a store of people, groups and sessions that keeps what it is told: "add 3 to 4 for root: put into Sales". It
// refuses as the real one does.
type kept struct {
	accounts map[int64]sso.Account
	only     int64 // the only administrator
	refuse   error
	did      []string
}

func (k *kept) keep(e sso.Event, format string, args ...any) error {
	if k.refuse != nil {
		return k.refuse
	}
	k.did = append(k.did, fmt.Sprintf(format, args...)+fmt.Sprintf(" | %s %s %s: %s", e.Kind, e.Actor, e.Email, e.Detail))
	return nil
}

func (k *kept) last(id int64) error {
	if id == k.only {
		return fmt.Errorf("account %d is the last administrator: %w", id, sso.Conflict)
	}
	return nil
}

func (k *kept) Account(_ context.Context, id int64) (sso.Account, error) {
	a, ok := k.accounts[id]
	if !ok {
		return a, fmt.Errorf("no such account: %w", sso.NotFound)
	}
	return a, nil
}

func (k *kept) CreateAccount(_ context.Context, a sso.Account, hash string, groups []int64, e sso.Event) (sso.Account, error) {
	return a, k.keep(e, "create %s, password %v, groups %v", a.Email, hash != "", groups)
}

func (k *kept) SetActive(_ context.Context, id int64, active bool, e sso.Event) error {
	if err := k.last(id); err != nil {
		return err
	}
	return k.keep(e, "active %d %v", id, active)
}

func (k *kept) KeptOf(context.Context, sso.Account) (sso.Kept, error) { return sso.Kept{}, nil }

func (k *kept) PurgeAccount(_ context.Context, id int64, e sso.Event) (int64, error) {
	if err := k.last(id); err != nil {
		return 0, err
	}
	return 1, k.keep(e, "purge %d", id)
}

func (k *kept) SetPassword(_ context.Context, id int64, hash string, e sso.Event) error {
	return k.keep(e, "password %d %v", id, hash == "hash of seven green kettles hum quietly")
}

func (k *kept) ChangeOwnAttributes(_ context.Context, id int64, changes map[string]*string, _ map[string]string, e sso.Event) error {
	return k.keep(e, "attributes %d %v", id, slices.Sorted(maps.Keys(changes)))
}

func (k *kept) Group(_ context.Context, id int64) (sso.Group, error) {
	if id != sales {
		return sso.Group{}, fmt.Errorf("no such group: %w", sso.NotFound)
	}
	return sso.Group{ID: sales, Name: "Sales"}, nil
}

func (k *kept) AddMember(_ context.Context, accountID, groupID int64, source sso.MembershipSource, e sso.Event) error {
	return k.keep(e, "add %d to %d by %s", accountID, groupID, source)
}

func (k *kept) RemoveMember(_ context.Context, accountID, groupID int64, e sso.Event) error {
	if err := k.last(accountID); err != nil {
		return err
	}
	return k.keep(e, "remove %d from %d", accountID, groupID)
}

func (k *kept) Principal(context.Context, sso.SessionHash) (*sso.Principal, error) {
	return &sso.Principal{Account: k.accounts[7]}, nil
}

func (k *kept) EndSession(_ context.Context, id sso.SessionHash, e sso.Event) (bool, error) {
	if id[0] == 0 {
		return false, k.refuse
	}
	return true, k.keep(e, "end %d", id[0])
}

func (k *kept) EndSessions(_ context.Context, id int64, e sso.Event) (int, error) {
	return 2, k.keep(e, "end all of %d", id)
}

// SECURITY E3, E6, G6: what may be done to people, memberships and sessions; what of it needs a proof; and the event that each
// leaves. What is refused does nothing.
func TestPeople(t *testing.T) {
	ctx := t.Context()
	weak, strong, named := "hunter2", "seven green kettles hum quietly", "Bartholomea Quigglesworth"
	text, taken := "4711", errors.New("taken")
	hash := func(_ context.Context, password string) (string, error) { return "hash of " + password, nil }
	create := func(n NewPerson) func(*kept, Actor) error {
		return func(k *kept, by Actor) error {
			_, err := People{k, hash}.Create(ctx, by, n)
			return err
		}
	}
	setTo := func(chosen string) func(*kept, Actor) error {
		return func(k *kept, by Actor) error { return People{k, hash}.SetPassword(ctx, by, 7, chosen) }
	}
	active := func(id int64, yes bool) func(*kept, Actor) error {
		return func(k *kept, by Actor) error { return People{Store: k}.SetActive(ctx, by, id, yes) }
	}
	purged := func(id int64) func(*kept, Actor) error {
		return func(k *kept, by Actor) error {
			_, err := People{Store: k}.Purge(ctx, by, id)
			return err
		}
	}
	change := func(set map[string]*string) func(*kept, Actor) error {
		return func(k *kept, by Actor) error { return People{Store: k}.ChangeAttributes(ctx, by, 7, set, nil) }
	}
	end := func(id byte) func(*kept, Actor) error {
		return func(k *kept, by Actor) error { return Sessions{k}.End(ctx, by, sso.SessionHash{id}) }
	}
	const who = " root@example.com "
	for _, tt := range []struct {
		name   string
		do     func(*kept, Actor) error
		refuse error  // by the store
		did    string // "": nothing
		err    error
		field  string
		quick  bool // needs no proof
	}{
		{"created", create(NewPerson{Email: "bea@example.com", FirstName: "Bea", Groups: []int64{sales}}), nil,
			"create bea@example.com, password false, groups [3] | account_changed" + who + "bea@example.com: account made", nil, "", false},
		{"created with a password", create(NewPerson{Email: "bea@example.com", Password: &strong}), nil,
			"create bea@example.com, password true, groups [] | account_changed" + who + "bea@example.com: account made", nil, "", false},
		{"a weak password", create(NewPerson{Email: "bea@example.com", Password: &weak}), nil, "", sso.Invalid, "password", false},
		{"no password where there must be one", create(NewPerson{Email: "bea@example.com", Password: new(string)}), nil, "", sso.Invalid, "password", false},
		{"a password of the names", create(NewPerson{Email: "b@example.com", FirstName: "Bartholomea", LastName: "Quigglesworth", Password: &named}), nil,
			"", sso.Invalid, "password", false},
		{"a long first name", create(NewPerson{Email: "bea@example.com", FirstName: strings.Repeat("x", 255)}), nil, "", sso.Invalid, "first_name", false},
		{"a long last name", create(NewPerson{Email: "bea@example.com", LastName: strings.Repeat("x", 255)}), nil, "", sso.Invalid, "last_name", false},
		{"no address", create(NewPerson{Email: "bea"}), fmt.Errorf("is no address: %w", sso.Invalid), "", sso.Invalid, "email", false},
		{"an address that is taken", create(NewPerson{Email: "bea@example.com"}), fmt.Errorf("is there: %w", sso.Conflict), "", sso.Conflict, "email", false},
		{"no such group", create(NewPerson{Email: "bea@example.com", Groups: []int64{9}}), fmt.Errorf("no such group: %w", sso.NotFound), "", sso.NotFound, "groups", false},
		{"no database", create(NewPerson{Email: "bea@example.com"}), sso.StoreUnavailable, "", sso.StoreUnavailable, "", false},

		{"another password", setTo(strong), nil, "password 7 true | account_changed" + who + ": password set", nil, "", false},
		{"another weak password", setTo("ada.lovelace"), nil, "", sso.Invalid, "password", false},
		{"a password for who has none", setTo(strong), fmt.Errorf("account 7: %w", sso.PasswordRefused), "", ErrNoPassword, "", false},

		{"deactivated", active(7, false), nil, "active 7 false | account_changed" + who + ": deactivated", nil, "", true},
		{"reactivated", active(7, true), nil, "active 7 true | account_changed" + who + ": reactivated", nil, "", false},
		{"the only administrator", active(1, false), nil, "", sso.Conflict, "", true},

		{"purged", purged(7), nil, "purge 7 | account_changed" + who + ": purged: the account and what was kept of it is deleted", nil, "", false},
		{"the only administrator purged", purged(1), nil, "", sso.Conflict, "", false},

		{"attributes", change(map[string]*string{"room": &text, "desk": nil}), nil,
			"attributes 7 [desk room] | account_changed" + who + `: attribute "desk": "old" → none; attribute "room": none → "4711"`, nil, "", false},
		{"an attribute that will not do", change(map[string]*string{"room": &text}), fmt.Errorf("too long: %w", sso.Invalid), "", sso.Invalid, "set", false},
		{"an attribute changed meanwhile", change(map[string]*string{"room": &text}), fmt.Errorf("%w: %w", taken, sso.Conflict), "", taken, "", false},

		{"put into a group", func(k *kept, by Actor) error { return Members{k}.Add(ctx, by, 7, sales) }, nil,
			"add 7 to 3 by admin | group_changed" + who + ": put into Sales", nil, "", false},
		{"put into none", func(k *kept, by Actor) error { return Members{k}.Add(ctx, by, 7, hr) }, nil, "", sso.NotFound, "", false},
		{"taken out of a group", func(k *kept, by Actor) error { return Members{k}.Remove(ctx, by, 7, sales) }, nil,
			"remove 7 from 3 | group_changed" + who + ": taken out of Sales", nil, "", true},
		{"the only administrator taken out", func(k *kept, by Actor) error { return Members{k}.Remove(ctx, by, 1, sales) }, nil, "", sso.Conflict, "", true},

		{"a session", end(1), nil, "end 1 | session_revoked" + who + "ada.lovelace@example.com: signed out by an administrator", nil, "", true},
		{"a session that is over", end(0), nil, "", ErrSessionOver, "", true},
		{"no session and no database", end(0), sso.StoreUnavailable, "", sso.StoreUnavailable, "", true},
		{"all sessions", func(k *kept, by Actor) error { _, err := Sessions{k}.EndAll(ctx, by, 7); return err }, nil,
			"end all of 7 | session_revoked" + who + "ada.lovelace@example.com: signed out everywhere by an administrator", nil, "", true},
		{"all sessions of nobody", func(k *kept, by Actor) error { _, err := Sessions{k}.EndAll(ctx, by, 8); return err }, nil, "", sso.NotFound, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, proved := range []bool{true, false} {
				k := &kept{
					accounts: map[int64]sso.Account{7: {ID: 7, Email: "ada.lovelace@example.com", Own: map[string]string{"desk": "old"}}},
					only:     1, refuse: tt.refuse,
				}
				err := tt.do(k, Actor{Name: "root@example.com", At: time.Unix(1, 0), Proved: proved})
				want, did := tt.err, tt.did
				if !proved && !tt.quick {
					want, did = ErrProofNeeded, ""
				}
				if !errors.Is(err, want) || want == nil && err != nil || strings.Join(k.did, "\n") != did {
					t.Errorf("proved %v: got %v and %q, want %v and %q", proved, err, k.did, want, did)
				}
				if r, ok := errors.AsType[*Refusal](err); tt.field != "" && want == tt.err && (!ok || r.Fields[tt.field] == "") {
					t.Errorf("got %#v, want it at the field %q", err, tt.field)
				}
			}
		})
	}
}
