// Package admin is what an administrator may do. Each operation has a rule and leaves an event, and is the same for whoever
// asks: a page, the API, or a command. It has no page, no SQL, and nothing of HTTP.
//
// [People], [Members], [Groups] and [Sessions] are what the bridge keeps of people. [Mapping] says how sign-ins set groups,
// [Secrets] what tokens may be signed with.
package admin

import (
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// An Actor is who asks for an operation.
type Actor struct {
	Name      string // an administrator's e-mail, or [Shell]
	AccountID int64  // 0 for the shell
	Peer      string // network address
	Reference string // ties page, log line and event together
	At        time.Time
	Proved    bool // has proved a short while ago who they are (SECURITY G6); whoever has a shell has
}

// Shell is the name of an [Actor] who has a shell where the bridge runs.
const Shell = "cli"

// An action is something that is done to people, groups, sessions, the mapping or the shared secrets.
type action int

const (
	makeAccount action = iota
	deactivate
	reactivate
	purge
	setPassword
	changeAttribute
	addMember
	removeMember
	endSession
	makeGroup
	renameGroup
	deleteGroup
	emptyGroup
	restoreGroup
	saveMapping
	changeSecrets
	makeService
	changeService
	stopService
	makeToken
)

// needsProof says which actions need a recent proof of who the administrator is (SECURITY G6). What gives a person anything
// does: a way in, a group, a name that a rule or a token speaks of, an attribute that the app trusts. So does what cannot be
// undone. What shuts somebody out, and can be taken back, does not: it must be quick.
func (a action) needsProof() bool {
	switch a {
	case deactivate, endSession, removeMember, stopService:
		return false
	}
	return true
}

func (a action) kind() sso.EventKind {
	switch a {
	case makeAccount, deactivate, reactivate, purge, setPassword, changeAttribute:
		return sso.EventAccount
	case endSession:
		return sso.EventSession
	case saveMapping, changeSecrets:
		return sso.EventSetting
	case makeService, changeService, stopService, makeToken:
		return sso.EventService
	}
	return sso.EventGroup
}

// may refuses an action that needs a proof which the actor has not given. An operation asks it first, before it tells
// anything.
func (by Actor) may(a action) error {
	if a.needsProof() && !by.Proved {
		return ErrProofNeeded
	}
	return nil
}

// event is the line of the audit trail for an action, or the refusal of it. Whatever is changed gets its event here, and so
// no action can be without its rule.
func (by Actor) event(a action, format string, args ...any) (sso.Event, error) {
	if err := by.may(a); err != nil {
		return sso.Event{}, err
	}
	return sso.Event{
		At: by.At, Kind: a.kind(), Actor: by.Name, Peer: by.Peer, Reference: by.Reference, Detail: fmt.Sprintf(format, args...),
	}, nil
}

// about is the event of an action that is about a person whom the store does not name in it.
func (by Actor) about(a action, email, format string, args ...any) (sso.Event, error) {
	e, err := by.event(a, format, args...)
	e.Email = email
	return e, err
}
