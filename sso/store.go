package sso

import (
	"context"

	"github.com/ssobridge/ssobridge/sso/logout"
)

// Store keeps what logins change. Package store has the one implementation, for two databases.
type Store interface {
	// SignIn is one transaction: spend the proof and the flow, find or provision the account, sync attributes and groups,
	// open the session, write the event: all or nothing. Each decision is an x.Check.
	//
	// Errors: [TokenReplayed], [FlowMismatch] (spent), those of [Admission.Admit], [*SwitchNeeded], [SettingsChanged], [SignedOut], [Busy],
	// and [StoreUnavailable].
	SignIn(ctx context.Context, x *Exam, in Attempt) (*SignedIn, error)

	// TrySignIn makes the decisions of SignIn up to the session, and undoes everything. After a failure it goes on as x does.
	TrySignIn(ctx context.Context, x *Exam, in Attempt) (*SignedIn, error)

	// Record adds an event to the audit trail. It returns when the event is safe on disk.
	Record(ctx context.Context, e Event) error
}

// An Attempt to sign in is what [Store.SignIn] needs to know. The Exam has the identity and the proof.
type Attempt struct {
	Policy   Policy
	Settings int64   // [Bridge.Settings]
	Session  Session // AccountID is filled in by the store
	FlowKey  string  // the flow to spend; "" when the login is not bound
	Current  []int64 // the accounts signed in on this browser now; more than one where a second cookie was planted
	Switch   bool    // the person agreed to leave Current
	Event    Event   // the event of a success; the store fills in the account
	UnderWay logout.SignIn
	Digest   string // kept with the account; see [Provider.Digest]
	Granted  Granted
}

// SignedIn is what a sign-in led to.
type SignedIn struct {
	Account        Account
	Groups         []Group // sorted by id
	Admitted       Admitted
	Added, Removed []int64
	Warnings       []string // for an administrator: the last administrator was kept, a mapped group does not exist
}

// SwitchNeeded is returned for an unbound login by which this browser would become another person: someone must agree
// first, since the link may have come from anyone (login CSRF, SECURITY C5). Nothing was spent.
type SwitchNeeded struct {
	From int64 // the account
	To   Identity
}

func (s *SwitchNeeded) Error() string { return "another person is signed in on this browser" }

// undoing is a store in which a sign-in leaves nothing behind.
type undoing struct{ Store }

func (s undoing) SignIn(ctx context.Context, x *Exam, in Attempt) (*SignedIn, error) {
	return s.Store.TrySignIn(ctx, x, in)
}

// SettingsChanged is returned for a sign-in that was judged by settings which were replaced before it was finished.
// Nothing was done: judge it anew by those that are in force now (SECURITY D8).
type SettingsChanged struct{}

func (SettingsChanged) Error() string {
	return "the settings were changed during the sign-in: " + string(StoreUnavailable)
}

// Unwrap is for whoever cannot judge anew: to try again later is all that is left.
func (SettingsChanged) Unwrap() error { return StoreUnavailable }
