package templates

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Refusal says that something did not work: a login, a page that is not there, a right that is missing. What helps is a
// button or a link, which works without script.
type Refusal struct {
	Layout
	Title   string   // what happened, in a few words
	Message string   // what happened, in a sentence
	Advice  []string // what the person can do, one step each
	Button  Button   // what does it; without a URL there is none
	Report  Report   // for the administrator; without a Reference there is none
	Ask     bool     // the administrator is who can help: the report is open, and can be sent by e-mail

	Account  string // the e-mail of who is signed in, when somebody else might be let in
	Another  string // URL to become somebody else; "" leaves the button out
	ReturnTo string // where somebody else comes to, which a form sends to Another
	Asks     bool   // Another is of another site, so that it is a link to a page which asks first
}

func (Refusal) template() string { return "refusal" }

// AnotherSecond reports whether something comes before another account: nothing does.
func (Refusal) AnotherSecond() bool { return false }

// Second reports whether another button than [Refusal.Button] comes first.
func (r Refusal) Second() bool { return r.Another != "" || r.Ask }

// A Button is a link to what helps.
type Button struct {
	Label  string
	URL    string
	NewTab bool // so that the page that is there keeps what was sent
}

// A Report is what an administrator needs to find a refusal in the log and in the trail.
type Report struct {
	Site, What string // whose page it was, and its title
	At         time.Time
	Status     int
	Code       string
	Reference  string
	RequestID  string
}

// Text is the report as it is copied. It is for an administrator, and in their language.
func (r Report) Text() string {
	return fmt.Sprintf("%s: %s\nTime: %s\nCode: %s (status %d)\nReference: %s\nRequest: %s",
		r.Site, r.What, r.At.UTC().Format("2006-01-02 15:04:05 UTC"), r.Code, r.Status, r.Reference, r.RequestID)
}

// Mail opens an e-mail with the report in it, to whoever the person takes for the administrator (RFC 6068).
func (r Report) Mail() string {
	escape := func(s string) string {
		return strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(s, "\n", "\r\n")), "+", "%20")
	}
	return "mailto:?subject=" + escape(r.Site+": "+r.What) + "&body=" + escape(r.Text())
}
