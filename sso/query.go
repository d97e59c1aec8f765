package sso

import "time"

// A Page asks for a part of a long list, newest or first in order. Lists are cut by key, not by counting: the last entry
// of one page begins the next, so that page 1,000 costs what page 1 does.
type Page struct {
	After string // the Next of the page before; "" for the first
	Limit int    // 1 to 500; 0 is 50
}

// DefaultLimit and MaxLimit bound [Page.Limit].
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Size is the limit in force.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return DefaultLimit
	case p.Limit > MaxLimit:
		return MaxLimit
	}
	return p.Limit
}

// AccountQuery selects accounts, in the order of their e-mails. They have all that is asked.
type AccountQuery struct {
	Page
	Search   string // terms, see [SearchTerms]; "" for all
	GroupID  int64  // only its members; 0 for all
	Active   *bool
	Provider string    // that signed them in last; "" for all
	Never    bool      // nobody has signed them in
	Before   time.Time // they signed in last before this, and have signed in; zero: no limit
	Newest   bool      // the newest accounts first; with Before come those first who have been away longest, and a search keeps its order
}

// SessionQuery selects sessions that have not reached their absolute end, newest first.
type SessionQuery struct {
	Page
	AccountID      int64     // 0 for all
	Administrators bool      // only those of administrators
	Provider       string    // that opened them, or [WayPassword] or [WayPasskey]; "" for all
	Local          *bool     // opened without an identity provider, or by one
	UnusedSince    time.Time // last used before this, up to a minute behind; zero: no limit
	Agent          Marks
}

// Marks are what a User-Agent has and has not. The zero Marks hold of each.
type Marks struct {
	Any  []string // one of these; none: no matter
	None []string // none of these
}

// EventQuery selects events, newest first. With both AccountID and Email they are one person's: events of either.
type EventQuery struct {
	Page
	Kinds     []EventKind
	Code      Code
	AccountID int64
	Email     string // of the person, without case
	Reference string
	Actor     string    // who did it, as events have it
	Since     time.Time // inclusive
	Until     time.Time // exclusive; zero: no limit
}

// A Change says that what is known about an account may be out of date: its sessions, groups, attributes, or whether it
// is active. AccountID 0 concerns everyone (settings, a group's name). Caches follow the feed of changes, and that is how
// a sign-out on one replica acts on all.
type Change struct {
	Seq       int64
	AccountID int64
}

// SavedSetting is a setting that an administrator saved.
type SavedSetting struct {
	Value   string
	SavedAt time.Time
	SavedBy string
}

// Membership is one account's place in a group, and why.
type Membership struct {
	Group
	Source  MembershipSource
	AddedAt time.Time
}

// MembershipSource says who put an account into a group.
type MembershipSource string

// The sources of a membership.
const (
	MemberBySync  MembershipSource = "sync"  // a login's groups claim
	MemberByAdmin MembershipSource = "admin" // an administrator, in the UI, the API or the shell
)

// A DayCount says how many events of one kind happened on one day (UTC).
type DayCount struct {
	Day   time.Time // its midnight
	Kind  EventKind
	Count int
}

// A SeenGroup is the name of a group that a provider sent in a recent login, to offer when groups are mapped.
type SeenGroup struct {
	Provider string
	Name     string
	LastSeen time.Time // a day old at most when it is still sent
}

// SentGroups is what an account's last login with its own provider that named groups said, and what the account is in now.
type SentGroups struct {
	AccountID int64
	Email     string
	Sent      []string
	Listed    bool    // they came as a list, and not as one text
	Groups    []int64 // sorted; without All Users
}

// A StoredKey is one of the bridge's own signing keys. The store knows nothing of its form.
type StoredKey struct {
	ID        string
	Private   []byte
	CreatedAt time.Time
	RetiredAt time.Time // zero: in use
}
