// Package bearer makes callers of the tokens that API clients present with each request: what a provider's [sso.Verifier] says
// of a token, held against whom that provider may let in, and what accounts there are.
//
// None of them is ever an administrator (SECURITY J3).
package bearer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Accounts says what account a token needs.
type Accounts string

// The ways. A token with AccountsNone is enough by itself, and nothing of it is kept.
const (
	AccountsNone      Accounts = "none"      // none: the token says who it is, and the mappings say its groups
	AccountsExisting  Accounts = "existing"  // an active account of the same subject or e-mail, whose groups it gets
	AccountsProvision Accounts = "provision" // as a sign-in: the first sight makes the account, later ones bring it up to date
)

// Remembered is how long it may be remembered that a token is good, and how often one writes to its account at most.
const Remembered = 5 * time.Minute

// RememberedGroups is how long that may be remembered, at most, with groups that somebody else than the token has said: nothing
// tells when those change. It ends with what that one's answer is remembered for, so that the two do not add up, though one second is
// always remembered.
const RememberedGroups = time.Minute

// Store is what is asked about accounts and groups.
type Store interface {
	// Groups returns all groups.
	Groups(ctx context.Context) ([]sso.Group, error)
	// TrySignIn and MakeCaller make the decisions of [sso.Store.SignIn] up to the session; TrySignIn undoes them.
	TrySignIn(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error)
	MakeCaller(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error)
}

// A Judge is the [sso.Bearer] of a provider. It is safe for concurrent use.
type Judge struct {
	Provider string
	Verifier sso.Verifier  // sets x.Until
	Changes  func() uint64 // changes when the keys do
	Policy   sso.Policy    // with [AccountsNone] its groups are given whether they are synced or not
	Accounts Accounts
	Store    Store
	Groups   sso.GroupFinder // nil: the groups are those of the token

	wrote writes
}

// Generation implements [sso.Bearer].
func (j *Judge) Generation() uint64 { return j.Changes() }

// Authenticate implements [sso.Bearer]. Errors, besides those of the verifier: [sso.GroupsUnavailable], [sso.PersonNotAllowed], and with accounts those of
// [sso.Admission.Admit].
func (j *Judge) Authenticate(ctx context.Context, token string, x *sso.Exam) *sso.Principal {
	j.Verifier.Verify(ctx, token, x)
	if x.Identity.Subject == (sso.Subject{}) || !x.GoesOn() {
		return nil
	}
	if j.Groups != nil && !x.Check("group_sources", func(x *sso.Exam) error { return sso.FindGroups(ctx, j.Groups, x, sso.RefuseOnFailure) }) {
		return nil
	}
	if !x.Check("admission", func(x *sso.Exam) error { return j.Policy.Admission.Allows(x.Identity) }) {
		return nil
	}
	p := &sso.Principal{How: sso.ByToken, Provider: j.Provider, Subject: x.Identity.Subject.Value, Username: x.Identity.Username,
		Until: earlier(x.Until, j.remembered(x))}
	var err error
	if j.Accounts == AccountsNone {
		err = j.alone(ctx, x, p)
	} else {
		err = j.withAccount(ctx, x, p)
	}
	if err != nil && x.Err == nil {
		x.Err = err
	}
	if x.Err != nil {
		return nil
	}
	return p
}

// remembered is until when it may be remembered that the token of x is good.
func (j *Judge) remembered(x *sso.Exam) time.Time {
	if j.Groups == nil {
		return x.Now.Add(Remembered)
	}
	until := x.Now.Add(RememberedGroups)
	if again := x.GroupsUntil; !again.IsZero() {
		if least := x.Now.Add(time.Second); again.Before(least) { // such as where the answer is not remembered at all
			again = least
		}
		until = earlier(until, again)
	}
	return until
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// alone fills in what the token itself says.
func (j *Judge) alone(ctx context.Context, x *sso.Exam, p *sso.Principal) error {
	x.Check("account", func(x *sso.Exam) error {
		x.Note("none is needed")
		return nil
	})
	p.Account = x.Identity.Updated(nil, sso.AdmittedKnown, false, x.Now)
	p.Account.CreatedAt, p.Account.LastLogin = time.Time{}, time.Time{}
	p.Account.Active = true
	var failed error
	x.Check("groups", func(x *sso.Exam) error {
		p.Groups, failed = j.groups(ctx, x.Identity)
		if failed == nil {
			j.noteGroups(x, p.Groups)
		}
		return failed
	})
	return failed
}

// groups are those that the mappings give, or without any those of the same names; never Administrators.
func (j *Judge) groups(ctx context.Context, id sso.Identity) ([]sso.Group, error) {
	groups := []sso.Group{{ID: sso.AllUsers, Name: sso.AllUsersName}}
	if len(id.Groups) == 0 {
		return groups, nil
	}
	all, err := j.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	named := map[string]int64{}
	for _, g := range all {
		named[g.Name] = g.ID
	}
	sync := j.Policy.GroupSync
	sync.SyncGroups = true
	given := sync.PlanGroups(id, named, nil).Add
	for _, g := range all {
		if g.ID >= sso.FirstGroup && slices.Contains(given, g.ID) {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b sso.Group) int { return int(a.ID - b.ID) })
	return groups, nil
}

func (j *Judge) noteGroups(x *sso.Exam, groups []sso.Group) {
	if !x.Explaining {
		return
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	note := strings.Join(names, ", ")
	var known []string
	for name := range j.Policy.Mappings {
		known = append(known, name)
	}
	if len(known) == 0 {
		known = names
	}
	slices.Sort(known)
	sync := j.Policy.GroupSync
	sync.SyncGroups = true
	if doubt := sync.GroupDoubts(x.Identity, known); doubt != "" {
		note += "; " + doubt
	}
	x.Note("%s", note)
}

// withAccount fills in what the account says.
func (j *Judge) withAccount(ctx context.Context, x *sso.Exam, p *sso.Principal) error {
	policy := j.Policy
	policy.SingleUse, policy.Reactivate = false, false // a token that comes again and again
	policy.Provision = j.Accounts == AccountsProvision
	if !policy.Provision {
		policy.LinkAccounts, policy.SyncGroups = true, false // whose account it is was said by whoever chose this way
	}
	in := sso.Attempt{Policy: policy, Event: sso.Event{At: x.Now, Kind: sso.EventAccount, Provider: j.Provider, Email: x.Identity.Email,
		KeyID: x.KeyID, Actor: j.Provider, Detail: "by a token of an API client"}}
	key := fmt.Sprint(x.Identity.Subject.Kind, "\x00", x.Identity.Subject.Value)
	signIn := j.Store.TrySignIn
	if policy.Provision && !x.Explaining && j.wrote.due(key, x.Now) {
		signIn = j.Store.MakeCaller
	}
	signedIn, err := signIn(ctx, x, in)
	if err == nil && signedIn.Account.ID == 0 && policy.Provision && !x.Explaining { // it is being made, by another token of the same person
		signedIn, err = j.Store.MakeCaller(ctx, x, in)
	}
	if err != nil {
		j.wrote.forget(key)
		return err
	}
	p.Account = signedIn.Account
	p.Groups = slices.DeleteFunc(signedIn.Groups, func(g sso.Group) bool { return g.ID == sso.Administrators })
	return nil
}

// writes are the accounts that were written to lately.
type writes struct {
	mu           sync.Mutex
	turned       time.Time
	recent, past map[string]time.Time
}

// maxWrites bounds them. Who is forgotten is written to sooner.
const maxWrites = 10_000

// due reports whether an account may be written to now, and notes that it is.
func (w *writes) due(key string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, known := range []map[string]time.Time{w.recent, w.past} {
		if at, ok := known[key]; ok && !now.Before(at) && now.Sub(at) < Remembered {
			return false
		}
	}
	if w.recent == nil || len(w.recent) >= maxWrites || now.Sub(w.turned) >= Remembered || now.Before(w.turned) {
		w.past, w.recent, w.turned = w.recent, map[string]time.Time{}, now
	}
	w.recent[key] = now
	return true
}

func (w *writes) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.recent, key)
	delete(w.past, key)
}
