// Package conformance holds a store against what [sso.Store] promises. Each store of the program passes the one suite, the
// one in memory too, so that what is proved over that one holds for the others.
package conformance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/renewal"
)

// A Store is what the suite needs: sign-ins, and what prepares for them and looks at what they did.
type Store interface {
	sso.Store
	renewal.Store
	Account(ctx context.Context, id int64) (sso.Account, error)
	AccountByEmail(ctx context.Context, email string) (sso.Account, error)
	AddMember(ctx context.Context, accountID, groupID int64, source sso.MembershipSource, e sso.Event) error
	AdministratorSignedInBy(ctx context.Context, digests []string) (bool, error)
	ChangeOwnAttributes(ctx context.Context, id int64, changes map[string]*string, was map[string]string, e sso.Event) error
	Changes(ctx context.Context, since int64) ([]sso.Change, int64, error)
	CreateAccount(ctx context.Context, a sso.Account, passwordHash string, groups []int64, e sso.Event) (sso.Account, error)
	EndSession(ctx context.Context, id sso.SessionHash, e sso.Event) (bool, error)
	EnsureGroups(ctx context.Context, names []string, e sso.Event) ([]sso.Group, error)
	Events(ctx context.Context, q sso.EventQuery) ([]sso.Event, string, error)
	GroupByName(ctx context.Context, name string) (sso.Group, error)
	Principal(ctx context.Context, id sso.SessionHash) (*sso.Principal, error)
	SetActive(ctx context.Context, id int64, active bool, e sso.Event) error
	Settings(ctx context.Context) (map[string]sso.SavedSetting, int64, error)
}

// A Subject is an empty store that is held against the suite.
type Subject struct {
	Store
	Twin interface { // the same one, as another replica of the bridge has it
		sso.Store
		renewal.Store
	}

	// Rows counts what a sign-in may write: accounts, identities, sessions, proofs, events, memberships and changes.
	Rows func(t testing.TB) map[string]int
}

// subject is a Subject with a clock that the tests move.
type subject struct {
	Subject
	now time.Time
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// Run runs the suite. Each test gets a store of its own from open.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, *subject)
	}{
		{"provisions", signInProvisions},
		{"again", signInAgain},
		{"group sync", groupSync},
		{"group sync warns", groupSyncWarnings},
		{"linking", linking},
		{"linking that ends", linkingEnds},
		{"switch", switchAsksAndSpendsNothing},
		{"spent once", spentOnce},
		{"trying changes nothing", explainChangesNothing},
		{"a failed exam opens nothing", failedExamOpensNothing},
		{"settings changed", settingsChanged},
		{"one token many times at once", oneTokenManyTimesAtOnce},
		{"new people at once", newPeopleAtOnce},
		{"digests of administrators", administratorSignedInBy},
		{"the event is kept", eventIsKept},
		{"refresh", refreshes},
		{"a refresh of a session that ended", refreshOfEnded},
		{"a refresh refused by an account", refreshRefused},
		{"many refreshes at once", refreshedOnceAtOnce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, &subject{Subject: open(t), now: start})
		})
	}
}

// Logins for tests.

func person(email string) sso.Identity {
	return sso.Identity{Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: address.Key(email)}, Email: email}
}

func subjectOf(email, sub string) sso.Identity {
	id := person(email)
	id.Subject = sso.Subject{Kind: sso.SubjectClaim, Value: sub}
	return id
}

func groups(id sso.Identity, names ...string) sso.Identity {
	id.Groups, id.GroupsSent = append([]string{}, names...), true
	return id
}

func ptr[T any](v T) *T { return &v }

var (
	cli      = sso.Event{Kind: sso.EventAccount, Actor: "cli"}
	standard = sso.Policy{SingleUse: true, Admission: sso.Admission{Provision: true}, GroupSync: sso.GroupSync{SyncGroups: true}}
)

// with returns the standard policy, changed.
func with(change func(*sso.Policy)) sso.Policy {
	p := standard
	change(&p)
	return p
}

func mapped(m sso.Mappings) sso.Policy { return with(func(p *sso.Policy) { p.Mappings = m }) }

// Arrival is one callback as the bridge hands it to the store.
func Arrival(now time.Time, id sso.Identity, policy sso.Policy) (*sso.Exam, sso.Attempt) {
	sid, _ := sso.HashSessionID(sso.NewSessionID())
	proof := sso.ProofByID("", "test", sso.NewSessionID())
	x := &sso.Exam{Now: now, Identity: id, Proof: sso.Proof{Key: proof, Until: now.Add(10 * time.Minute)}}
	return x, sso.Attempt{
		Policy: policy,
		Session: sso.Session{Hash: sid, Provider: id.Provider, Proof: proof, CreatedAt: now, LastUsed: now,
			ExpiresAt: now.Add(time.Hour), Peer: "192.0.2.1", UserAgent: "test"},
		Event: sso.Event{At: now, Kind: sso.EventSignIn, Reference: sso.NewReference(), Provider: id.Provider, Email: id.Email, Proof: proof},
	}
}

func (db *subject) signIn(t testing.TB, id sso.Identity, policy sso.Policy) (*sso.SignedIn, sso.SessionHash) {
	t.Helper()
	x, in := Arrival(db.now, id, policy)
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		t.Fatalf("SignIn(%s): %v", id.Email, err)
	}
	return out, in.Session.Hash
}

func (db *subject) advance(d time.Duration) { db.now = db.now.Add(d) }

func (db *subject) ensure(t testing.TB, names ...string) {
	t.Helper()
	if _, err := db.EnsureGroups(t.Context(), names, sso.Event{Kind: sso.EventGroup, Actor: "test"}); err != nil {
		t.Fatal(err)
	}
}

// admin makes an account in Administrators.
func (db *subject) admin(t testing.TB, email string) sso.Account {
	t.Helper()
	a, err := db.CreateAccount(t.Context(), sso.Account{Email: email, Active: true}, "", []int64{sso.Administrators}, cli)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func names(groups []sso.Group) string {
	var all []string
	for _, g := range groups {
		all = append(all, g.Name)
	}
	return strings.Join(all, ", ")
}
