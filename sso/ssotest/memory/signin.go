package memory

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// SignIn implements [sso.Store].
func (s *Store) SignIn(_ context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	l := &attempt{x: x, in: in}
	err := s.change(func(k *kept) error {
		l.kept = k
		if err := l.judge(); err != nil {
			return err
		}
		return l.open()
	})
	if err != nil {
		return nil, err
	}
	return &l.out, nil
}

// errUndo ends a change that is not kept.
var errUndo = errors.New("undo")

// TrySignIn implements [sso.Store].
func (s *Store) TrySignIn(_ context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	l := &attempt{x: x, in: in}
	err := s.change(func(k *kept) error {
		l.kept = k
		if err := l.judge(); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return nil, err
	}
	if l.found == nil {
		l.out.Account.ID = 0
	}
	return &l.out, nil
}

// An attempt is one sign-in over a copy of what is kept.
type attempt struct {
	*kept
	x     *sso.Exam
	in    sso.Attempt
	out   sso.SignedIn
	found *account // nil: the person is new
	now   account  // as it is after the sign-in
}

func (l *attempt) check(name string, condition func() error) error {
	if l.x.Check(name, func(*sso.Exam) error { return condition() }); !l.x.GoesOn() {
		return l.x.Err
	}
	return nil
}

// judge makes all decisions of a sign-in, up to the session.
func (l *attempt) judge() error {
	if err := l.spend(); err != nil {
		return err
	}
	if err := l.admit(); err != nil {
		return err
	}
	return l.sync()
}

func (l *attempt) spend() error {
	proof, single := l.x.Proof.Key, l.in.Policy.SingleUse
	if single && proof == "" && l.x.Err == nil {
		return fmt.Errorf("no proof: %w", sso.Internal)
	}
	return l.check("single_use", func() error {
		l.x.Note("single use: %v", single)
		if single && !l.once(proof) {
			return fmt.Errorf("the token was used before: %w", sso.TokenReplayed)
		}
		if l.in.FlowKey != "" && !l.once(l.in.FlowKey) {
			return fmt.Errorf("the flow was used before: %w", sso.FlowMismatch)
		}
		return nil
	})
}

func (l *attempt) once(key string) bool {
	_, used := l.spent[key]
	if !used {
		l.spent[key] = l.x.Now
	}
	return !used
}

func (l *attempt) admit() error {
	id := l.x.Identity
	match := l.find()
	if l.x.Refreshes != "" && (match != sso.MatchSubject || l.found.ID != l.in.Session.AccountID) {
		return fmt.Errorf("the person is not linked to the account of the session: %w", sso.TokenSubjectMismatch)
	}
	var known *sso.Account
	taken := false
	if l.found != nil {
		known = &l.found.Account
		other := l.byEmail(id.Email)
		taken = other != nil && other.ID != known.ID
	}
	if err := l.check("account", func() (err error) {
		l.x.Note("account of %s", id.Email)
		l.out.Admitted, err = l.in.Policy.Admit(known, id, match)
		if err == nil && taken {
			err = fmt.Errorf("another account has the e-mail: %w", sso.LinkRefused)
		}
		return err
	}); err != nil {
		return err
	}
	for _, current := range l.in.Current {
		if (known == nil || known.ID != current) && !l.in.Switch {
			return &sso.SwitchNeeded{From: current, To: id}
		}
	}
	if known != nil {
		l.now = *l.found
	}
	l.now.Account = id.Updated(known, l.out.Admitted, taken, l.x.Now)
	if known == nil {
		l.now.ID = int64(len(l.accounts) + 1)
	}
	l.now.digest = l.in.Digest
	l.link(known, match)
	l.out.Account = l.now.Account
	return nil
}

// link remembers by what the person is found from now on.
func (l *attempt) link(known *sso.Account, match sso.Match) {
	id := l.x.Identity
	subject := sso.LinkedByEmail(known, id, match)
	if id.Subject.Kind == sso.SubjectClaim {
		subject = id.Subject.Value
	}
	if subject == "" {
		return
	}
	for of, accountID := range l.identities {
		if of.provider != id.Provider || accountID != l.now.ID {
			continue
		}
		if !strings.HasPrefix(of.subject, " ") && of.subject != subject {
			return
		}
		delete(l.identities, of)
	}
	l.identities[identity{id.Provider, subject}] = l.now.ID
}

// find looks for the account, by its subject first.
func (l *attempt) find() sso.Match {
	id := l.x.Identity
	if id.Subject.Kind == sso.SubjectClaim {
		if accountID, ok := l.identities[identity{id.Provider, id.Subject.Value}]; ok {
			a := l.accounts[accountID]
			l.found = &a
			return sso.MatchSubject
		}
	}
	l.found = l.byEmail(id.Email)
	if l.found == nil {
		return sso.MatchEmail
	}
	for of, accountID := range l.identities {
		switch {
		case accountID != l.found.ID || of.provider != id.Provider:
		case of.subject == sso.EmailLink(id.Email):
			return sso.MatchLinked
		case id.Subject.Kind == sso.SubjectClaim && !strings.HasPrefix(of.subject, " "):
			return sso.MatchOtherSubject
		}
	}
	return sso.MatchEmail
}

// sync brings the memberships to what the policy plans.
func (l *attempt) sync() error {
	policy, id := l.in.Policy, l.x.Identity
	named := map[string]int64{}
	for _, name := range policy.NamesToResolve(id) {
		if g, ok := l.named(name); ok {
			named[name] = g
		}
	}
	for _, name := range policy.MissingGroups(id, named) {
		l.out.Warnings = append(l.out.Warnings, fmt.Sprintf("a mapping names group %q, which does not exist", name))
	}
	plan := policy.PlanGroups(id, named, l.now.members)
	for _, g := range plan.Add {
		if _, exists := l.groups[g]; exists {
			l.out.Added = append(l.out.Added, g)
		} else {
			l.out.Warnings = append(l.out.Warnings, fmt.Sprintf("a mapping names group %d, which does not exist", g))
		}
	}
	for _, g := range plan.Remove {
		if g == sso.Administrators && l.lastAdministrator() {
			l.out.Warnings = append(l.out.Warnings, "the last administrator stays one")
		} else {
			l.out.Removed = append(l.out.Removed, g)
		}
	}
	l.now.members = slices.DeleteFunc(joined(l.now.members, l.out.Added...), func(g int64) bool { return slices.Contains(l.out.Removed, g) })
	l.out.Groups = l.groupsOf(l.now.members)
	return l.check("groups", func() error {
		l.x.Note("now in %d groups", len(l.out.Groups))
		return nil
	})
}

func (l *attempt) lastAdministrator() bool {
	for _, a := range l.accounts {
		if a.ID != l.now.ID && a.Active && slices.Contains(a.members, sso.Administrators) {
			return false
		}
	}
	return true
}

// open keeps the account, and opens the session.
func (l *attempt) open() error {
	switch {
	case l.x.Err != nil:
		return l.x.Err
	case l.in.Settings != l.settings:
		return sso.SettingsChanged{}
	}
	if l.found != nil && !l.same() {
		l.announce(l.now.ID)
	}
	l.accounts[l.now.ID] = l.now
	session := l.in.Session
	session.AccountID, session.ProvedAt = l.now.ID, session.CreatedAt
	if l.in.Granted.RefreshToken != "" {
		session.RefreshedAt = session.CreatedAt
	}
	l.sessions[session.Hash] = session
	l.granted[session.Hash] = l.in.Granted
	e := l.in.Event
	e.AccountID, e.Detail = l.now.ID, l.detail()
	l.event(e)
	for _, warning := range l.out.Warnings {
		e.Kind, e.Detail = sso.EventWarning, warning
		l.event(e)
	}
	return nil
}

// same reports whether the account is as it was, but for the time of the sign-in.
func (l *attempt) same() bool {
	before, after := *l.found, l.now
	before.LastLogin, after.LastLogin, before.digest, after.digest = time.Time{}, time.Time{}, "", ""
	return reflect.DeepEqual(before, after)
}

func (l *attempt) detail() string {
	var parts []string
	switch l.out.Admitted {
	case sso.AdmittedNew:
		parts = append(parts, "account provisioned")
	case sso.AdmittedReactivated:
		parts = append(parts, "account reactivated")
	}
	if len(l.out.Added) > 0 {
		parts = append(parts, fmt.Sprintf("added to %v", l.out.Added))
	}
	if len(l.out.Removed) > 0 {
		parts = append(parts, fmt.Sprintf("removed from %v", l.out.Removed))
	}
	return strings.Join(parts, "; ")
}
