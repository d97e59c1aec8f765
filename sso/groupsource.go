package sso

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A GroupFinder knows the groups of a provider's people also where the token does not say them.
type GroupFinder interface {
	// FindGroups asks one source after the other until one knows the person. With an error, too, the answer says which were
	// asked, and what was wrong with the last. Errors: [PersonNotAllowed] for someone who is switched off there, else what kept a
	// source from answering.
	FindGroups(ctx context.Context, id Identity) (GroupAnswer, error)
}

// A GroupAnswer says which source knew the person, and the groups there.
type GroupAnswer struct {
	Source string        `json:"source"` // "token", "ldap" or "endpoint"; "": none that was asked knows the person
	Groups []string      `json:"groups"` // nil for the token, whose groups the identity has already
	Asked  []GroupsAsked `json:"asked"`

	Until time.Time `json:"-"` // when who asks again may get another answer, since what is remembered ends; zero: it says nothing of that
}

// GroupsAsked is one source that was asked, for people who look why somebody is in a group.
type GroupsAsked struct {
	Source       string `json:"source"`
	Said         string `json:"said"`         // in words
	Milliseconds int64  `json:"milliseconds"` // 0 for the token
}

// String is one line such as "ldap: 2 groups (12 ms)".
func (a GroupsAsked) String() string {
	if a.Source == TokenSource {
		return a.Source + ": " + a.Said
	}
	return fmt.Sprintf("%s: %s (%d ms)", a.Source, a.Said, a.Milliseconds)
}

// TokenSource is the source of groups that the token itself is.
const TokenSource = "token"

// A FailureRule says what becomes of a sign-in when a source of groups does not answer.
type FailureRule string

// The rules.
const (
	RefuseOnFailure FailureRule = "refuse" // nobody gets in; the zero value means the same
	KeepOnFailure   FailureRule = "keep"   // the groups of the account stay as they are
)

// findGroups is the step between who it is and whether they may come in, for which groups count: groups that nobody knows
// cannot be kept there.
func (r *run) findGroups() error {
	r.provider.CompleteGroups(r.ctx, r.x)
	return nil
}

// CompleteGroups asks the provider's sources for the groups of x.Identity, with a check. Errors: see [FindGroups].
func (p *Provider) CompleteGroups(ctx context.Context, x *Exam) {
	rule := p.OnGroupFailure
	if len(p.Policy.AllowedGroups) > 0 {
		rule = RefuseOnFailure
	}
	if p.Groups != nil {
		x.Check("group_sources", func(x *Exam) error { return FindGroups(ctx, p.Groups, x, rule) })
	}
}

// WithGroupSources are those that ask others than the token for groups.
func (ps Providers) WithGroupSources() (all Providers) {
	for _, p := range ps {
		if p.Groups != nil {
			all = append(all, p)
		}
	}
	return all
}

// LookUpGroups asks the provider's sources about one name, an e-mail or the name of a user, as for somebody whose token says no
// groups. Errors: see [GroupFinder], and [Invalid] for a provider that asks nobody.
func (p *Provider) LookUpGroups(ctx context.Context, name string) (GroupAnswer, error) {
	if p.Groups == nil {
		return GroupAnswer{}, fmt.Errorf("the provider %s takes the groups from the token alone: %sGROUPS_ORDER names other sources: %w", p.Name, p.Settings, Invalid)
	}
	id := Identity{Provider: p.Name, Username: name}
	if strings.Contains(name, "@") {
		id = Identity{Provider: p.Name, Email: name, Subject: Subject{Kind: SubjectEmail, Value: name}}
	}
	return p.Groups.FindGroups(ctx, id)
}

// FindGroups puts the groups of x.Identity in place, as the sources know them. A caller without an account has no groups to
// keep: it passes [RefuseOnFailure]. Errors: [GroupsUnavailable], [PersonNotAllowed].
func FindGroups(ctx context.Context, finder GroupFinder, x *Exam, rule FailureRule) error {
	answer, err := finder.FindGroups(ctx, x.Identity)
	switch code := CodeOf(err); {
	case code == PersonNotAllowed:
		return err
	case err != nil && rule != KeepOnFailure:
		return fmt.Errorf("%s: %w", described(answer, err), GroupsUnavailable)
	case err != nil: // no groups were sent: the sign-in changes none
		x.Identity.Groups, x.Identity.GroupsSent = nil, false
		x.Identity.GroupsFault = described(answer, err)
		x.Note("%s; memberships stay as they are", x.Identity.GroupsFault)
		return nil
	}
	x.Note("%s", described(answer, nil))
	x.GroupsUntil = answer.Until
	switch {
	case answer.Source == TokenSource:
	case answer.Source != "":
		x.Identity.Groups, x.Identity.GroupsSent, x.Identity.GroupsFault, x.Identity.GroupsListed = answer.Groups, true, "", true
	case x.Identity.GroupsFault == "": // SECURITY E13: whom no source knows keeps nothing
		x.Identity.Groups, x.Identity.GroupsSent, x.Identity.GroupsListed = []string{}, true, true
	}
	return nil
}

// described is what the sources said, and what failed.
func described(answer GroupAnswer, err error) string {
	var parts []string
	for _, a := range answer.Asked {
		parts = append(parts, a.String())
	}
	if err == nil && answer.Source == "" {
		parts = append(parts, "no source knows the person: in no group")
	}
	return strings.Join(parts, "; ")
}
