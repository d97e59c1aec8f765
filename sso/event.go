package sso

import (
	"crypto/rand"
	"strings"
	"time"
)

// An Event is one line of the audit trail. It never holds a token, an id of a session, or a secret.
type Event struct {
	ID        int64
	At        time.Time
	Kind      EventKind
	Code      Code   // why, for a refusal
	Reference string // what the person saw on the page; ties page, log and trail together
	Provider  string
	AccountID int64  // 0: no account
	Email     string // of the person it is about; that of a token which was not verified is marked in Detail, see [Unproven]
	Actor     string // who did it, when not the person: an administrator's e-mail, or "cli"
	Peer      string // network address of the client
	Detail    string // the reason, and what changed; plain text for an administrator
	KeyID     string
	Proof     string // [Proof.Key]: tells that two events had the same token
}

// Unproven is how the detail of an event ends when its e-mail comes from a token whose signature was not verified: anybody
// can have written it.
const Unproven = "the e-mail is claimed, not proven"

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventSignIn        EventKind = "sign_in"
	EventSignInRefused EventKind = "sign_in_refused"
	EventSignOut       EventKind = "sign_out"
	EventLogoutRefused EventKind = "sign_out_refused" // a logout token of an IdP was not accepted
	EventWarning       EventKind = "warning"          // a sign-in went on, but something needs an administrator
	EventAccount       EventKind = "account_changed"
	EventGroup         EventKind = "group_changed"
	EventSession       EventKind = "session_revoked"
	EventNotRefreshed  EventKind = "session_not_refreshed" // its provider did not confirm it any more
	EventSetting       EventKind = "setting_changed"
	EventService       EventKind = "service_account_changed"
	EventProof         EventKind = "identity_confirmed" // someone who is signed in proved anew who they are
)

// NewReference makes the short text that ties a refusal's page to its log line and event: 40 bits are enough to find one
// among millions, and short enough to read out on the telephone.
func NewReference() string { return rand.Text()[:8] }

// IsReference reports whether text has the form of a reference, in letters of either case: people type them in.
func IsReference(text string) bool {
	odd := func(r rune) bool { // RFC 4648 §6
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '2' && r <= '7')
	}
	return len(text) == 8 && !strings.ContainsFunc(text, odd)
}
