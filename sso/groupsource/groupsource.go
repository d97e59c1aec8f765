// Package groupsource finds the groups of people whose token does not say them, in Okera's order: the token, a directory, an
// HTTP endpoint. An [Order] asks them; the first that knows the person is believed, and nobody else is asked.
//
// A source is asked once for twenty sign-ins of one person, its answer is remembered for a short while, and no question takes
// longer than its time-out ([Remember]). Package ldap beside this is the directory, [Endpoint] the other one.
package groupsource

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

// The names of the sources.
const (
	Token    = sso.TokenSource
	LDAP     = "ldap"
	Endpoint = "endpoint"
)

// MaxGroups is how many groups a person may have. More is a failure and not a part of them: who is in 1,001 groups would lose
// one that nobody chose (SECURITY E12).
const MaxGroups = 1000

// A Person is whom a source is asked about. Each field may be empty; then nobody is found by it.
type Person struct {
	User    string // the name without a domain, as a directory knows it
	Subject string // what the provider calls the person for ever
	Email   string
}

// A Source knows groups of people.
type Source interface {
	// GroupsOf returns the names of the person's groups. known is false when it has nothing to say of the person. It ends with
	// ctx. Errors: [sso.PersonNotAllowed], or what kept it from answering, in words for an administrator.
	GroupsOf(ctx context.Context, p Person) (names []string, known bool, err error)
}

// A Named source is one of an [Order].
type Named struct {
	Name   string
	Source Source // nil for the token
}

// An Order is the [sso.GroupFinder] of one provider.
type Order struct {
	Sources []Named
	Domain  string // where the part of an e-mail before the @ is the name of a user, as [address.Domain] writes it; "": nowhere
	Prefix  string // stands before each name, as before those of the token
	Log     *slog.Logger
}

// PersonOf is whom sources are asked about for an identity. The name is the claim that identifies the person, else the principal
// that is no e-mail, else the e-mail's part before the @. Of another domain than the one of the directory it is nobody's name:
// ada@evil.example is not ada.
func (o *Order) PersonOf(id sso.Identity) Person {
	p := Person{Subject: id.Email, Email: id.Email}
	local, _, _ := strings.Cut(id.Email, "@")
	switch {
	case id.Subject.Kind == sso.SubjectClaim:
		p.User = id.Subject.Value
	case id.Username != "":
		p.User = id.Username
	case o.Domain != "" && address.Domain(id.Email) == o.Domain:
		p.User = local
		return p
	default:
		return p
	}
	p.Subject = p.User
	return p
}

// FindGroups implements [sso.GroupFinder].
func (o *Order) FindGroups(ctx context.Context, id sso.Identity) (answer sso.GroupAnswer, err error) {
	person := o.PersonOf(id)
	for _, s := range o.Sources {
		if s.Source == nil {
			answer.Asked = append(answer.Asked, sso.GroupsAsked{Source: s.Name, Said: tokenSays(id)})
			if id.GroupsSent {
				answer.Source = s.Name
				return answer, nil
			}
			continue
		}
		asked, found, err := ask(ctx, s, person)
		answer.Asked = append(answer.Asked, asked)
		answer.Until = sooner(answer.Until, found.until) // also of one who did not know the person, and may by then
		if err != nil {
			o.Log.WarnContext(ctx, "a source of groups did not answer as it should", "source", s.Name, "error", err)
			return answer, err
		}
		if found.known {
			answer.Source, answer.Groups = s.Name, o.prefixed(found.names)
			return answer, nil
		}
	}
	return answer, nil
}

// sooner is the earlier one of two times that may be zero, which is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// ask asks one source, and says in words what it said.
func ask(ctx context.Context, s Named, p Person) (asked sso.GroupsAsked, found answer, err error) {
	began := time.Now()
	if m, remembers := s.Source.(*memory); remembers {
		found, err = m.answerOf(ctx, p)
	} else {
		found.names, found.known, err = s.Source.GroupsOf(ctx, p)
	}
	if err == nil && found.known {
		found.names, err = usable(found.names)
	}
	asked = sso.GroupsAsked{Source: s.Name, Milliseconds: time.Since(began).Milliseconds()}
	switch {
	case err != nil:
		asked.Said = sso.Shorten(sso.Reason(err), maxSaid)
	case !found.known:
		asked.Said = "does not know the person"
	default:
		asked.Said = listed(found.names)
	}
	return asked, found, err
}

const (
	maxSaid = 300 // bytes of an error that is shown
	maxTold = 20  // names that are shown
)

func listed(names []string) string {
	switch n := len(names); {
	case n == 0:
		return "in no group"
	case n > maxTold:
		return fmt.Sprintf("%d groups: %s and %d more", n, strings.Join(names[:maxTold], ", "), n-maxTold)
	case n == 1:
		return "1 group: " + names[0]
	default:
		return fmt.Sprintf("%d groups: %s", n, strings.Join(names, ", "))
	}
}

func tokenSays(id sso.Identity) string {
	switch {
	case id.GroupsSent:
		return listed(id.Groups)
	case id.GroupsFault != "":
		return id.GroupsFault
	}
	return "has no groups claim"
}

// usable leaves out what is no name of a group, and what stands there twice.
func usable(names []string) ([]string, error) {
	all, seen := make([]string, 0, len(names)), map[string]bool{}
	for _, name := range names {
		if name == "" || len(name) > sso.MaxName || name != sso.CleanText(name) || seen[name] {
			continue
		}
		if len(all) == MaxGroups {
			return nil, fmt.Errorf("more than %d groups of one person: let the source name those that matter here only", MaxGroups)
		}
		seen[name] = true
		all = append(all, name)
	}
	return all, nil
}

// prefixed returns the names with the prefix. The list that came may be remembered, and is left alone.
func (o *Order) prefixed(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = o.Prefix + name
	}
	return all
}
