package sso

import "time"

// A SettingsChange is what an administrator saves at once: settings, and what becomes of groups by it. All of it is kept or
// nothing.
type SettingsChange struct {
	Values  map[string]*string // by name; nil: forget the saved value
	Secrets map[string]bool    // the names whose values are sealed
	Version int64              // of the saved settings that the administrator looked at
	Events  []Event            // the Actor of the first is who saves

	Groups  []string        // groups that the settings name: those that do not exist are made
	Clear   []GroupClearing // sorted by id
	Undo    *Undo           // what to keep of what was, with its ID, Kind and People; nil: nothing
	Restore *Undo           // what this change takes back, with its ID and Kind; nil: nothing
}

// A GroupClearing takes everyone out of a group at once, and deletes it if that is asked for.
type GroupClearing struct {
	Group
	Members int // how many the administrator has been told of; with another number nothing is done
	Delete  bool
	Event   Event
}

// An Undo is a change of an administrator's that can be taken back: what the settings were, and who was in the groups that
// were cleared.
type Undo struct {
	ID     string
	Kind   UndoKind
	At     time.Time
	Actor  string
	People int // how many would gain or lose a group at their next sign-in by it, or [NotCounted]
	Groups []ClearedGroup
	Values map[string]*string // the settings as they were before; nil: not saved
	Stale  bool               // the settings were changed again since, so that it can be taken back no more
}

// NotCounted stands for a number of people that would have taken too long to count.
const NotCounted = -1

// UndoKind says what an [Undo] takes back.
type UndoKind string

// The kinds of changes that can be taken back.
const (
	UndoMapping UndoKind = "mapping" // a mapping that was saved, with what became of groups by it; followed by whose it is
	UndoGroup   UndoKind = "group"   // a group that was deleted by itself
)

// UndoLifetime is how long a change can be taken back.
const UndoLifetime = 7 * 24 * time.Hour

// A ClearedGroup is a group that was cleared.
type ClearedGroup struct {
	Group
	Deleted bool
	Members int // how many people were in it
}
