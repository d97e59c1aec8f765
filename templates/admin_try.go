package templates

import "time"

// AdminTry is /admin/try: what a sign-in with a token would meet. The form posts token.
type AdminTry struct {
	AdminLayout
	Alert      string
	Testable   bool       // there is an identity provider to go to
	BeginURL   string     // where the form of the test sign-in posts to
	Providers  []Provider // to choose from; none: there is only one
	Token      string     // as it was typed
	TokenError string
	Report     *AdminReport // nil: nothing was tried yet
}

func (AdminTry) template() string { return "admin-try" }

// Faults are why there is no report.
func (t AdminTry) Faults() Faults {
	return faults(t.Alert).with("token", "Token", t.TokenError)
}

// An AdminReport is every check that a sign-in meets, and what would come of it.
type AdminReport struct {
	Accepted   bool
	Use        string    // login, bearer, service; "" where nobody can tell
	Provider   string    // whose token it is, with its key; of API clients alone these and the next are shown
	Key        string    // ""; none verified the signature
	Caller     string    // under which name the app knows who sent it
	Until      time.Time // zero: not known
	Endless    bool
	Code       string // why it is refused
	Advice     string // what to change
	Checks     []AdminCheck
	Email      string // "" when it could not be established
	Name       string
	Attributes []AdminFact
	Sent       []string // the groups that the token names
	SentAny    bool     // it has a claim with groups
	SentFault  string   // what of that claim cannot be read
	Account    string   // known, new, reactivated, none, ""
	Groups     []string // afterwards
	Warnings   []string
}

// Failed are the checks that failed.
func (r AdminReport) Failed() []AdminCheck { return r.checks(false) }

// Passed are the checks that were made and passed.
func (r AdminReport) Passed() []AdminCheck { return r.checks(true) }

func (r AdminReport) checks(ok bool) (all []AdminCheck) {
	for _, c := range r.Checks {
		if c.OK == ok {
			all = append(all, c)
		}
	}
	return all
}

// AccountText says what becomes of the account.
func (r AdminReport) AccountText() string {
	switch r.Account {
	case "known":
		return "known"
	case "new":
		return "would be made"
	case "reactivated":
		return "would be reactivated"
	case "none":
		return "none is needed"
	}
	return ""
}

// Of says what the verdict is about.
func (r AdminReport) Of() string {
	switch r.Use {
	case "bearer":
		return "A request with this token"
	case "service":
		return "A request with this token of a service account"
	case "logout":
		return "A sign-out with this token"
	}
	return "This sign-in"
}

// ByRequest reports whether it is the token of an API client, which comes with each request.
func (r AdminReport) ByRequest() bool { return r.Use == "bearer" || r.Use == "service" }

// NamesPerson reports whether the token says who a person is.
func (r AdminReport) NamesPerson() bool { return r.Email != "" || r.Use == "bearer" && r.Caller != "" }

// An AdminCheck is one condition of a sign-in.
type AdminCheck struct {
	Name   string
	OK     bool
	Detail string
}

// An AdminFact is a name with its value.
type AdminFact struct {
	Name, Value string
}
