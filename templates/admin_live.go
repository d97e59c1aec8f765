package templates

import "time"

// AdminLive is /admin/try/live: sign-ins as they arrive. With a script the page shows each within a second; without one it is loaded
// again.
type AdminLive struct {
	AdminLayout
	Label       string // of the provider whose sign-ins are shown; "": those of all
	ProviderURL string
	Attempts    []AdminAttempt // the newest first
	More        int            // how many came besides
	Last        int64          // the number of the last event
	Over        bool           // it has watched for as long as one does
	Minutes     int            // how long that is
	URL         string         // of this window
	AnewURL     string         // of a new one
	EventsURL   string         // tells that something came
	Now         time.Time
}

func (AdminLive) template() string { return "admin-live" }

// Faults are none: nothing is typed here.
func (AdminLive) Faults() Faults { return Faults{} }

// An AdminAttempt is one sign-in that came.
type AdminAttempt struct {
	ID        int64
	At        time.Time
	Refused   bool
	Why       string // in a few words
	Code      string
	Detail    string
	Advice    string
	Email     string // "": it is not known who it was
	Claimed   bool   // the e-mail is what a token said that nobody has proven
	AccountID int64  // 0: none
	Provider  string
	Peer      string
	KeyID     string
	Reference string
	Checks    []AdminLiveCheck // none: its provider is not known
}

// Passed is how many checks it passed.
func (a AdminAttempt) Passed() (n int) {
	for _, c := range a.Checks {
		if c.Passed() {
			n++
		}
	}
	return n
}

// An AdminLiveCheck is one condition of it.
type AdminLiveCheck struct {
	Words string
	State string // passed, failed, not checked
	Note  string // why it was not checked; "" leaves it out
}

// Passed reports whether it was made and passed.
func (c AdminLiveCheck) Passed() bool { return c.State == "passed" }

// Failed reports whether it was made and failed.
func (c AdminLiveCheck) Failed() bool { return c.State == "failed" }
