package admin

import (
	"context"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
)

// A Deed is what can be done to several people at once.
type Deed string

// The deeds.
const (
	DeedDeactivate Deed = "deactivate"
	DeedReactivate Deed = "reactivate"
	DeedSignOut    Deed = "sign_out" // everywhere
	DeedAdd        Deed = "add"      // to a group
)

// MaxSeveral is how many people one request may name.
const MaxSeveral = 500

// Several are people to whom the same is done. Each has an event of their own, as if they came one by one.
type Several struct {
	People   People
	Members  Members
	Sessions Sessions
}

// An Outcome says what became of [Several.Do].
type Outcome struct {
	Done     []int64 // accounts that were changed, or were so already
	Sessions int     // how many were ended by signing out
	Kept     []Kept
}

// A Kept is an account that stays as it was, and why.
type Kept struct {
	ID  int64
	Why error // a [*Refusal], or [sso.NotFound]
}

// Do does the same to all of them. One that cannot be changed keeps no other from it. group is for [DeedAdd].
func (s Several) Do(ctx context.Context, by Actor, what Deed, ids []int64, group int64) (out Outcome, err error) {
	if len(ids) == 0 || len(ids) > MaxSeveral {
		return out, Invalid("people", "names %d people; it needs one to %d", len(ids), MaxSeveral)
	}
	do, err := s.deed(ctx, by, what, group, &out)
	if err != nil {
		return out, err
	}
	seen := map[int64]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		switch err := do(id); sso.CodeOf(err) {
		case "":
			if err != nil {
				return out, err
			}
			out.Done = append(out.Done, id)
		case sso.NotFound, sso.Conflict, sso.Forbidden:
			out.Kept = append(out.Kept, Kept{id, err})
		default:
			return out, err
		}
	}
	return out, nil
}

// deed is what is done to one of them. It refuses what the actor may not do to anybody.
func (s Several) deed(ctx context.Context, by Actor, what Deed, group int64, out *Outcome) (do func(id int64) error, err error) {
	switch what {
	case DeedDeactivate, DeedReactivate:
		active, a := what == DeedReactivate, deactivate
		if active {
			a = reactivate
		}
		return func(id int64) error { return s.People.SetActive(ctx, by, id, active) }, by.may(a)
	case DeedSignOut:
		return func(id int64) error {
			ended, err := s.Sessions.EndAll(ctx, by, id)
			out.Sessions += ended
			return err
		}, by.may(endSession)
	case DeedAdd:
		if err := by.may(addMember); err != nil {
			return nil, err
		}
		if group == sso.AllUsers {
			return nil, Invalid("group", "has everybody in it")
		}
		if _, err := s.Members.Store.Group(ctx, group); err != nil {
			return nil, AtField("group", fmt.Errorf("there is no such group: %w", err))
		}
		return func(id int64) error { return s.Members.Add(ctx, by, id, group) }, nil
	}
	return nil, Invalid("action", "is none of deactivate, reactivate, sign_out and add")
}
