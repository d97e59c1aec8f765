// Package rehearsal says what rules would have done to the last sign-ins, before they are saved. [Of] holds what is kept of the
// tokens (package tokenlog) to the very checks that a login meets, and the people of a provider to its admission.
package rehearsal

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
)

// A Store has what is known of past sign-ins.
type Store interface {
	// TokenLog returns what is kept of the tokens of the last sign-ins of a provider, the newest first.
	TokenLog(ctx context.Context, provider string) ([]tokenlog.Entry, error)
	// PeopleOf calls each for every active account of a provider, in the order of their ids.
	PeopleOf(ctx context.Context, provider string, each func(sso.SentGroups)) error
}

// Rules judge the tokens of a provider.
type Rules interface {
	// Rehearse holds claims to the rules, as at that time.
	Rehearse(ctx context.Context, claims sso.Claims, now time.Time) error
	// Reads returns the claims that must have a value, and the paths of those that say who it is.
	Reads() ([]claim.Requirement, []claim.Path)
}

// A Report compares new rules of one provider with those in force. The zero Report is that of rules which change nothing.
type Report struct {
	SignIns int       // whose tokens could be held to the rules, of the last [tokenlog.Kept]
	Refused int       // of them: what the rules in force let in, and the new ones would not
	Reasons []Reason  // of those, the most frequent first
	Unknown []string  // claims of which rules want a value: only that they are there is known, so that the value was not judged
	People  int       // active ones of the provider; 0 where the rules about people stay as they are
	Shut    int       // of them: who may come in now, and could not any more
	Some    []Outside // the first of them
}

// Losses is how much the new rules would have refused, as a number to confirm.
func (r Report) Losses() int { return r.Refused + r.Shut }

// A Reason is why some of the sign-ins would have been refused.
type Reason struct {
	Code  sso.Code
	Count int
	Text  string // of the most frequent of them
	Each  bool   // it is that of all of them
}

// An Outside is somebody who could not come in any more.
type Outside struct {
	AccountID int64
	Email     string
	Text      string
}

// named is how many people are named.
const named = 10

// Of compares. now and next are the provider as it is and as it would be; each is nil when it is off.
func Of(ctx context.Context, st Store, now, next *sso.Provider) (r Report, err error) {
	if next == nil {
		return r, nil
	}
	if rules, ok := next.Login.(Rules); ok {
		entries, err := st.TokenLog(ctx, next.Name)
		if err != nil {
			return r, err
		}
		r.tokens(ctx, entries, rulesOf(now), rules)
	}
	return r, r.people(ctx, st, now, next)
}

func rulesOf(p *sso.Provider) Rules {
	if p == nil {
		return nil
	}
	rules, _ := p.Login.(Rules)
	return rules
}

// tokens holds each token to the rules.
func (r *Report) tokens(ctx context.Context, entries []tokenlog.Entry, now, next Rules) {
	type cause struct {
		code sso.Code
		text string
	}
	causes := map[cause]int{}
	for _, e := range entries {
		if e.About == nil {
			continue
		}
		r.SignIns++
		err := next.Rehearse(ctx, sketch(e, next), e.At)
		if err == nil || e.More > 0 && lacks(err) || now != nil && now.Rehearse(ctx, sketch(e, now), e.At) != nil {
			continue
		}
		r.Refused++
		causes[cause{sso.CodeOf(err), sso.Reason(err)}]++
	}
	for c, n := range causes {
		i := slices.IndexFunc(r.Reasons, func(r Reason) bool { return r.Code == c.code })
		if i < 0 {
			i = len(r.Reasons)
			r.Reasons = append(r.Reasons, Reason{Code: c.code})
		}
		of := &r.Reasons[i]
		if most := causes[cause{c.code, of.Text}]; n > most || n == most && c.text < of.Text {
			of.Text = c.text
		}
		of.Count += n
		of.Each = causes[cause{c.code, of.Text}] == of.Count
	}
	slices.SortFunc(r.Reasons, func(a, b Reason) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Code, b.Code)) })
	r.Unknown = unknown(entries, next)
}

// lacks reports whether a claim was missed, which may be one of those that are not named in the log.
func lacks(err error) bool {
	switch sso.CodeOf(err) {
	case sso.TokenClaim, sso.TokenIDMissing, sso.TokenEmailMissing, sso.TokenSubjectMissing:
		return true
	}
	return false
}

// standIn is what a sketch says in the place of a value that was not kept: what passes for a name and for an address.
const standIn = "someone@example.com"

// sketch are the claims of a past token, as far as the rules look at them. A value that was not kept is one with which the
// rules are content, so that nobody counts as refused by what is not known.
func sketch(e tokenlog.Entry, rules Rules) sso.Claims {
	claims := maps.Clone(e.About)
	for _, name := range e.Claims {
		if _, known := claims[name]; !known {
			claims[name] = standIn
		}
	}
	required, paths := rules.Reads()
	for _, r := range required {
		if len(r.Values) > 0 {
			put(claims, e, r.Claim, r.Values[0])
		}
	}
	for _, path := range paths {
		put(claims, e, path, standIn)
	}
	return claims
}

// put lets a claim have a value, when the token had the claim at the top to which the path leads, and nothing else is known of it.
func put(claims sso.Claims, e tokenlog.Entry, path claim.Path, value string) {
	if len(path) == 0 {
		return
	}
	at := claims
	if slices.Contains(e.Claims, path.Name()) {
		path = claim.Path{path.Name()}
	}
	if _, kept := e.About[path[0]]; kept || !slices.Contains(e.Claims, path[0]) {
		return
	}
	for _, part := range path[:len(path)-1] {
		below, ok := at[part].(map[string]any)
		if !ok {
			below = map[string]any{}
			at[part] = below
		}
		at = below
	}
	if last := path[len(path)-1]; at[last] == nil || at[last] == standIn {
		at[last] = value
	}
}

// unknown are the claims that are required with values of which nothing was kept.
func unknown(entries []tokenlog.Entry, rules Rules) (names []string) {
	required, _ := rules.Reads()
	for _, r := range required {
		name := r.Claim.String()
		if slices.ContainsFunc(entries, func(e tokenlog.Entry) bool {
			_, kept := e.About[r.Claim[0]]
			return e.About != nil && !kept && (slices.Contains(e.Claims, r.Claim[0]) || slices.Contains(e.Claims, r.Claim.Name()))
		}) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// people holds the accounts of the provider to its admission, when that changes.
func (r *Report) people(ctx context.Context, st Store, now, next *sso.Provider) error {
	before := sso.Admission{}
	if now != nil {
		before = now.Policy.Admission
	}
	after := next.Policy.Admission
	if slices.Equal(before.AllowedDomains, after.AllowedDomains) && slices.Equal(before.AllowedGroups, after.AllowedGroups) {
		return nil
	}
	return st.PeopleOf(ctx, next.Name, func(p sso.SentGroups) {
		r.People++
		id := sso.Identity{Email: p.Email, Groups: p.Sent}
		err := after.Allows(id)
		if err == nil || before.Allows(id) != nil {
			return
		}
		if r.Shut++; len(r.Some) < named {
			r.Some = append(r.Some, Outside{p.AccountID, p.Email, sso.Reason(err)})
		}
	})
}
