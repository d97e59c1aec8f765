package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// saying is a verifier that says one thing of each token.
type saying struct {
	id    sso.Identity
	until time.Time
	err   error
}

func (s saying) Verify(_ context.Context, _ string, x *sso.Exam) {
	if !x.Check("signature", func(*sso.Exam) error { return s.err }) {
		return
	}
	x.Identity, x.Until, x.KeyID = s.id, s.until, "k1"
}

// accounts is a store with one account, which counts how it was asked.
type accounts struct {
	tried, made int
	in          sso.Attempt
	err         error
	down        error
}

func (a *accounts) Groups(context.Context) ([]sso.Group, error) {
	return []sso.Group{{ID: sso.AllUsers, Name: sso.AllUsersName}, {ID: sso.Administrators, Name: sso.AdministratorsName}, {ID: 3, Name: "Readers"}, {ID: 4, Name: "Writers"}}, a.down
}

func (a *accounts) signedIn(in sso.Attempt) (*sso.SignedIn, error) {
	a.in = in
	return &sso.SignedIn{Account: sso.Account{ID: 7, Email: "etl@example.com", Active: true},
		Groups: []sso.Group{{ID: sso.AllUsers}, {ID: sso.Administrators}, {ID: 4}}}, a.err
}

func (a *accounts) TrySignIn(_ context.Context, _ *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	a.tried++
	return a.signedIn(in)
}

func (a *accounts) MakeCaller(_ context.Context, _ *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	a.made++
	return a.signedIn(in)
}

// finding is a source of groups that knows nobody.
type finding struct {
	err   error
	until time.Time
}

func (f finding) FindGroups(context.Context, sso.Identity) (sso.GroupAnswer, error) {
	return sso.GroupAnswer{Until: f.until}, f.err
}

func judge(a *accounts, how bearer.Accounts, groups ...string) *bearer.Judge {
	return &bearer.Judge{Provider: "api", Accounts: how, Store: a, Changes: func() uint64 { return 1 },
		Verifier: saying{until: now.Add(time.Hour), id: sso.Identity{Provider: "api", Subject: sso.Subject{Kind: sso.SubjectClaim, Value: "etl"},
			Email: "etl@example.com", Groups: groups, GroupsSent: true}}}
}

func ids(p *sso.Principal) (all []int64) {
	for _, g := range p.Groups {
		all = append(all, g.ID)
	}
	return all
}

// Whatever the token, the mapping and the account say: no API client is an administrator. SECURITY J3
func TestNeverAdministrator(t *testing.T) {
	mapped := sso.Mappings{"root": {{ID: sso.Administrators}}, "r": {{Name: "Readers"}}}
	for _, tt := range []struct {
		how      bearer.Accounts
		mappings sso.Mappings
		want     []int64
	}{
		{bearer.AccountsNone, nil, []int64{1, 3}}, // by name: Administrators and Readers
		{bearer.AccountsNone, mapped, []int64{1, 3}},
		{bearer.AccountsExisting, mapped, []int64{1, 4}},
		{bearer.AccountsProvision, mapped, []int64{1, 4}},
	} {
		a := &accounts{}
		j := judge(a, tt.how, "root", "r", "Readers", sso.AdministratorsName)
		j.Policy.Mappings = tt.mappings
		x := &sso.Exam{Now: now}
		p := j.Authenticate(t.Context(), "token", x)
		if p == nil || !slices.Equal(ids(p), tt.want) || p.Administrator() {
			t.Errorf("%s, %v: got %+v, %v; want the groups %v", tt.how, tt.mappings, p, x.Err, tt.want)
		}
	}
}

// What is known of a token is believed until it ends, and no longer than it may be remembered.
func TestUntil(t *testing.T) {
	for _, tt := range []struct {
		ends   time.Duration
		groups sso.GroupFinder
		want   time.Duration
	}{
		{time.Hour, nil, bearer.Remembered},
		{10 * time.Second, nil, 10 * time.Second},
		{time.Hour, finding{}, bearer.RememberedGroups},
		{10 * time.Second, finding{}, 10 * time.Second},
		{time.Hour, finding{until: now.Add(20 * time.Second)}, 20 * time.Second}, // the directory was asked some time ago
		{time.Hour, finding{until: now.Add(time.Hour)}, bearer.RememberedGroups},
		{time.Hour, finding{until: now}, time.Second}, // LDAP_CACHE is 0
		{10 * time.Second, finding{until: now.Add(20 * time.Second)}, 10 * time.Second},
	} {
		j := judge(&accounts{}, bearer.AccountsNone)
		v := j.Verifier.(saying)
		v.until = now.Add(tt.ends)
		j.Verifier, j.Groups = v, tt.groups
		x := &sso.Exam{Now: now}
		if p := j.Authenticate(t.Context(), "token", x); p == nil || !p.Until.Equal(now.Add(tt.want)) {
			t.Errorf("%+v: got %+v, %v", tt, p, x.Err)
		}
	}
}

// A token opens an account under the rules of tokens that come again: nothing is spent, nobody comes back to life, and an account
// that must be there is not made. An explanation writes nothing.
func TestAccounts(t *testing.T) {
	for _, tt := range []struct {
		how         bearer.Accounts
		explaining  bool
		tried, made int
		provision   bool
	}{
		{bearer.AccountsNone, false, 0, 0, false},
		{bearer.AccountsExisting, false, 1, 0, false},
		{bearer.AccountsProvision, false, 0, 1, true},
		{bearer.AccountsProvision, true, 1, 0, true},
	} {
		a := &accounts{}
		j := judge(a, tt.how)
		j.Policy = sso.Policy{SingleUse: true, Admission: sso.Admission{Reactivate: true, Provision: true}, GroupSync: sso.GroupSync{SyncGroups: true}}
		p := j.Authenticate(t.Context(), "token", &sso.Exam{Now: now, Explaining: tt.explaining})
		got := a.in.Policy
		if p == nil || a.tried != tt.tried || a.made != tt.made || got.SingleUse || got.Reactivate || got.Provision != tt.provision || got.SyncGroups != tt.provision {
			t.Errorf("%+v: got %+v, tried %d, made %d, by %+v", tt, p, a.tried, a.made, got)
		}
	}
}

// An account is written to once in five minutes at most, and at once after a failure.
func TestWrites(t *testing.T) {
	a := &accounts{}
	j := judge(a, bearer.AccountsProvision)
	for i, step := range []struct {
		at   time.Duration
		err  error
		made int
	}{
		{0, nil, 1}, {time.Second, nil, 1}, {bearer.Remembered - 1, nil, 1}, {bearer.Remembered, nil, 2}, {bearer.Remembered + 1, sso.StoreUnavailable, 2},
		{bearer.Remembered + 2, nil, 3},
		{-time.Hour, nil, 4}, // the clock was set back
	} {
		a.err = step.err
		p := j.Authenticate(t.Context(), "token", &sso.Exam{Now: now.Add(step.at)})
		if (p == nil) != (step.err != nil) || a.made != step.made {
			t.Errorf("step %d: got %+v, %d writes, want %d", i, p, a.made, step.made)
		}
	}
}

// What keeps a token out keeps it away from the accounts, and the error says what it was.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*bearer.Judge)
		want   sso.Code
	}{
		"a bad signature":    {func(j *bearer.Judge) { j.Verifier = saying{err: fmt.Errorf("no: %w", sso.TokenSignature)} }, sso.TokenSignature},
		"keys that are away": {func(j *bearer.Judge) { j.Verifier = saying{err: fmt.Errorf("no: %w", sso.ProviderUnavailable)} }, sso.ProviderUnavailable},
		"nobody":             {func(j *bearer.Judge) { j.Verifier = saying{} }, sso.Internal},
		"another domain":     {func(j *bearer.Judge) { j.Policy.AllowedDomains = []string{"other.example"} }, sso.PersonNotAllowed},
		"groups that are away": {func(j *bearer.Judge) {
			j.Groups = finding{err: fmt.Errorf("no: %w", sso.GroupsUnavailable)}
		}, sso.GroupsUnavailable},
	} {
		a := &accounts{}
		j := judge(a, bearer.AccountsProvision)
		tt.change(j)
		x := &sso.Exam{Now: now}
		p := j.Authenticate(t.Context(), "token", x)
		if p != nil || a.tried+a.made > 0 || tt.want != sso.Internal && sso.CodeOf(x.Err) != tt.want {
			t.Errorf("%s: got %+v, %v, %d accounts; want %q", name, p, x.Err, a.tried+a.made, tt.want)
		}
	}
	a := &accounts{down: errors.New("down")}
	if p := judge(a, bearer.AccountsNone, "Readers").Authenticate(t.Context(), "token", &sso.Exam{Now: now}); p != nil {
		t.Errorf("without the groups: got %+v", p)
	}
}
