package templates

import (
	"cmp"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Home is GET / where no app stands behind the bridge: who is signed in, or the way to sign in. The former is GET /auth/account, too.
//
// Its forms post to /auth/logout. No field: this session. scope=session with session=[Session.Ref]: that one.
// scope=others: all but this one.
type Home struct {
	Layout

	Person                   *Person   // nil: no one is signed in, and the fields up to Now are not shown
	Done                     string    // what was just done; "" for nothing
	Groups                   []string  // names, in the order to show
	Sessions                 []Session // the person's live sessions, the current one first
	More                     bool      // there are more of them
	Passkeys                 []Passkey // the person's, with HasPasskeys
	Offer                    bool      // an administrator who has none is offered one; ReturnTo is this page
	ReturnTo                 string
	AppURL                   string    // the app that the bridge protects; "" when it does not know one
	HasPassword, HasPasskeys bool      // the person may change a password, may have passkeys
	Now                      time.Time // what "5 minutes ago" is counted from

	Providers []Provider // the ways to sign in; none: the page tells the operator what to do
	Password  bool       // the password form at /login is on
	Passkey   bool       // it is off, and /login takes a passkey
	Callback  string     // the URL that the IdP must redirect to, for the operator; "" leaves it out
	SetUp     bool       // there is no administrator, and /auth/setup makes the first
}

func (Home) template() string { return "home" }

// Others reports whether the person has sessions besides the current one.
func (h Home) Others() bool {
	for _, s := range h.Sessions {
		if !s.Current {
			return true
		}
	}
	return false
}

// A Person is an account as pages name it.
type Person struct {
	Name  string // "" or the e-mail again when no name is known
	Email string
}

// Label is the name, else the e-mail.
func (p Person) Label() string {
	if p.Named() {
		return p.Name
	}
	return p.Email
}

// Named reports whether there is a name beside the e-mail.
func (p Person) Named() bool { return p.Name != "" && p.Name != p.Email }

// A Provider is one way to sign in through an identity provider.
type Provider struct {
	Name  string // for the parameter provider of /auth/sso; "" leaves it out
	Label string // for people; "" is Name
	Last  bool   // this browser signed in with it last

	Another bool // somebody else should sign in than the one who has a session there
}

// ShownName is what people call it.
func (p Provider) ShownName() string { return cmp.Or(p.Label, p.Name) }

// URL begins a sign-in that ends at returnTo; "" is the home page.
func (p Provider) URL(returnTo string) string {
	q := url.Values{}
	if p.Name != "" {
		q.Set("provider", p.Name)
	}
	if returnTo != "" {
		q.Set("return_to", returnTo)
	}
	if p.Another {
		q.Set("another", "yes")
	}
	if len(q) == 0 {
		return "/auth/sso"
	}
	return "/auth/sso?" + q.Encode()
}

// A Session is a row of the list of sessions.
type Session struct {
	Ref        string // names the session in forms; "" leaves its button out
	Device     string // such as "Firefox on Windows"; see [Device]
	Peer       string // the address it was opened from; "" leaves it out
	Provider   string // how it was opened; "" leaves it out
	SignedInAt time.Time
	LastUsed   time.Time
	Current    bool // the session of this very request
}

// NewSession makes the row of s. Its Ref is the hash in hex, which is no use as a cookie: see [ParseSessionRef].
func NewSession(s sso.Session, current sso.SessionHash) Session {
	return Session{
		Ref: hex.EncodeToString(s.Hash[:]), Device: Device(s.UserAgent), Peer: s.Peer, Provider: s.Provider,
		SignedInAt: s.CreatedAt, LastUsed: s.LastUsed, Current: s.Hash == current,
	}
}

// ParseSessionRef reads a [Session.Ref] that came back in a form. Whose session it is remains to be checked.
func ParseSessionRef(ref string) (hash sso.SessionHash, ok bool) {
	if len(ref) != 2*len(hash) {
		return hash, false
	}
	n, err := hex.Decode(hash[:], []byte(ref))
	return hash, err == nil && n == len(hash)
}

// Login is /login: a button for each provider, and the password form. The form posts email, password and return_to to
// /login.
type Login struct {
	Layout
	Providers []Provider
	Password  bool   // show the password form
	Passkey   bool   // beside or instead of it, offer to use a passkey
	ReturnTo  string // where to go afterwards, checked by the caller
	SetUp     bool   // there is no administrator, and /auth/setup makes the first
	Last      string // how this browser signed in last: "password", "passkey", or the name of a provider; "" for never
	Account   string // the e-mail of who is signed in here; "" for no one
	Another   string // with Account: URL to become somebody else
	Stays     string // the name of an identity provider that lets nobody else sign in; "" when there is none
	SignOut   string // where one signs out of Stays; "" when that is not known

	// After a failure:
	Email         string // as it was typed
	Error         string // about the attempt as a whole, such as "wait a minute"
	EmailError    string // about the e-mail
	PasswordError string // about the password, or about both
}

func (Login) template() string { return "login" }

// PasswordFirst reports whether the password form is open, before the other ways.
func (l Login) PasswordFirst() bool { return l.Password && (l.Last == "password" || l.Faults().Any()) }

// Sole reports whether there is one way to sign in only, and it is a provider.
func (l Login) Sole() bool { return len(l.Providers) == 1 && !l.Password && !l.Passkey }

// AnotherSecond reports whether something comes before another account: who is signed in mostly goes on.
func (Login) AnotherSecond() bool { return true }

// GoOn is where who is signed in goes on.
func (l Login) GoOn() string {
	if l.ReturnTo == "" {
		return "/"
	}
	return l.ReturnTo
}

// PasskeyFirst reports whether the passkey comes before the other ways.
func (l Login) PasskeyFirst() bool { return l.Passkey && l.Last == "passkey" }

// Faults are what was wrong with the attempt.
func (l Login) Faults() Faults { return faults(l.Error, l.EmailField(), l.PasswordField()) }

// EmailField is the field for the e-mail.
func (l Login) EmailField() Field {
	return Field{
		Name: "email", Label: "E-mail", Type: "email", Value: l.Email, Error: l.EmailError, Autocomplete: "username",
		Required: true,
	}
}

// PasswordField is the field for the password. It never has a value: a failed one is typed again.
func (l Login) PasswordField() Field {
	return Field{
		Name: "password", Label: "Password", Type: "password", Error: l.PasswordError, Autocomplete: "current-password",
		Required: true,
	}
}

// Switch asks before a link signs this browser in as somebody else (SECURITY C5). Agreeing posts jwt, return_to and
// switch=yes to /auth/sso.
type Switch struct {
	Layout
	From, To Person
	JWT      string // the token, for the form alone
	Provider string // whose token it is, where the token does not say so; else ""
	ReturnTo string
	Stay     string // where the one who stays goes; "" is /
}

func (Switch) template() string { return "switch" }

// StayURL is where the link to stay leads.
func (s Switch) StayURL() string {
	if s.Stay == "" {
		return "/"
	}
	return s.Stay
}

// Logout is GET /auth/logout: it asks, because a link alone must not sign anyone out (SECURITY D7).
type Logout struct {
	Layout
	Person   Person // who is signed in
	ReturnTo string // where the next one who signs in here comes to; "" leaves it out
	Another  bool   // somebody else signs in at once
}

func (Logout) template() string { return "logout" }

// LoggedOut says that the session is over.
type LoggedOut struct {
	Layout
	SignInURL string // "" leaves the button out
	Provider  string // the IdP's name when the person may still be signed in there; "" leaves the warning out
}

func (LoggedOut) template() string { return "loggedout" }

// Continue goes on to URL by itself, and has a button for browsers that do not. It is for a POST from another site: the
// request that follows comes from our own page, and so brings the cookies (RFC 6265bis §5.2).
type Continue struct {
	Layout
	URL string // a path of this site
}

func (Continue) template() string { return "continue" }

// Auto reports whether the page may go on by itself: only to a path of this site. Anything else needs a click, and
// the click leads nowhere unless it is http or https.
func (c Continue) Auto() bool {
	return strings.HasPrefix(c.URL, "/") && !strings.HasPrefix(c.URL, "//") && !strings.ContainsAny(c.URL, "\\\t\r\n")
}

// Leave goes on to another site by itself, and has a button for browsers that do not.
type Leave struct {
	Layout
	URL string // of a page of an identity provider
	Out bool   // the person signs out there, not in
}

func (Leave) template() string { return "leave" }

// Auto reports whether the page may go on by itself: to nothing but http and https.
func (l Leave) Auto() bool {
	return (strings.HasPrefix(l.URL, "https://") || strings.HasPrefix(l.URL, "http://")) && !strings.ContainsAny(l.URL, "\\\t\r\n")
}
