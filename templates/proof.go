package templates

import (
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Setup is /auth/setup: it makes the first administrator. The form posts secret, email, password and again. The script
// takes the secret from the address; without it the person pastes it.
type Setup struct {
	Layout
	MinCharacters int  // of a password
	NoPassword    bool // password sign-in is off
	Passkey       bool // instead of a password, offer to make a passkey

	// After a failure:
	Secret, Email                                      string // as they were typed
	SecretError, EmailError, PasswordError, AgainError string
}

func (Setup) template() string { return "setup" }

// Faults are what was wrong with the attempt.
func (s Setup) Faults() Faults { return faults("", s.Fields()...) }

// Fields are the inputs, in order.
func (s Setup) Fields() []Field {
	fields := []Field{
		{Name: "secret", Label: "Set-up secret", Type: "text", Value: s.Secret, Error: s.SecretError, Autocomplete: "off", Required: true,
			Help: "The end of the link that the bridge wrote to its log, or the whole link."},
		{Name: "email", Label: "Your e-mail", Type: "email", Value: s.Email, Error: s.EmailError, Autocomplete: "username", Required: true},
	}
	if s.NoPassword {
		return fields
	}
	return append(fields, newPasswordField("password", s.PasswordError, s.MinCharacters), againField(s.AgainError))
}

// PasskeyButton makes the administrator with a passkey.
func (Setup) PasskeyButton() PasskeyButton {
	return PasskeyButton{Do: "setup", Label: "Make me the administrator with a passkey"}
}

func newPasswordField(name, problem string, least int) Field {
	return Field{Name: name, Label: "New password", Type: "password", Error: problem, Autocomplete: "new-password", Required: true,
		Help: "At least %d characters, such as four or five words that do not belong together.", Least: least}
}

func againField(problem string) Field {
	return Field{Name: "again", Label: "New password, once more", Type: "password", Error: problem, Autocomplete: "new-password", Required: true}
}

// Password is /auth/password: a new password. The form posts old, new and again.
type Password struct {
	Layout
	Person        Person
	Changed       bool // it was just changed
	MinCharacters int

	OldError, NewError, AgainError string
}

func (Password) template() string { return "password" }

// Faults are what was wrong with the attempt.
func (p Password) Faults() Faults { return faults("", p.Fields()...) }

// Fields are the inputs, in order.
func (p Password) Fields() []Field {
	return []Field{
		{Name: "old", Label: "Your password now", Type: "password", Error: p.OldError, Autocomplete: "current-password", Required: true},
		newPasswordField("new", p.NewError, p.MinCharacters),
		againField(p.AgainError),
	}
}

// Confirm is /auth/confirm: someone who is signed in proves anew who they are, in one of the ways that are offered. The
// form posts password and return_to.
type Confirm struct {
	Layout
	Person      Person
	ReturnTo    string // a path of this site, checked by the caller
	Password    bool   // the person has one
	Passkey     bool   // the person has one
	ProviderURL string // a sign-in through the identity provider that comes back; "" leaves it out
	Error       string // about the password
}

func (Confirm) template() string { return "confirm" }

// Faults are what was wrong with the attempt.
func (c Confirm) Faults() Faults { return faults("", c.PasswordField()) }

// PasswordField is the field for the password.
func (c Confirm) PasswordField() Field {
	return Field{Name: "password", Label: "Password", Type: "password", Error: c.Error, Autocomplete: "current-password", Required: true, Autofocus: true}
}

// PasskeyButton asks for a passkey.
func (c Confirm) PasskeyButton() PasskeyButton {
	return PasskeyButton{Do: "confirm", ReturnTo: c.ReturnTo, Label: "Use a passkey"}
}

// Resume offers to send a form once more that had to wait for a proof. Nothing that was typed into it is lost.
type Resume struct {
	Layout
	Action string // a path of this site
	Fields []Hidden
}

func (Resume) template() string { return "resume" }

// A Hidden is a field of a form that is sent on as it was.
type Hidden struct{ Name, Value string }

// Passkeys is /auth/passkeys: the passkeys of who is signed in. Its forms post do=rename or do=remove with id and name.
type Passkeys struct {
	Layout
	Person     Person
	Passkeys   []Passkey
	Now        time.Time
	Password   bool // the person has a password, too
	Possible   bool // passkeys can be made and used at this address
	Recent     bool // the person has proved a short while ago who they are; else ConfirmURL leads there first
	ConfirmURL string
	Device     string       // that the reader is on, for the name of a new one; "" when it is not known
	Done       string       // what was just done
	Alert      string       // why it was not
	Last       *LastPasskey // to be removed, once that is confirmed
}

// A LastPasskey is somebody's last way in without an identity provider. Its form posts do=remove, id and confirmed.
type LastPasskey struct {
	Passkey
	Providers bool // they can still sign in through one
}

func (Passkeys) template() string { return "passkeys" }

// Faults are why nothing was done.
func (p Passkeys) Faults() Faults { return faults(p.Alert) }

// AddButton makes a passkey.
func (Passkeys) AddButton() PasskeyButton { return PasskeyButton{Do: "add", Label: "Add a passkey"} }

// A Passkey is one row of the list.
type Passkey struct {
	ID        string
	Name      string
	CreatedAt time.Time
	LastUsed  time.Time // zero: never
}

// A PasskeyProblem is what a page says when something with a passkey failed.
type PasskeyProblem struct{ Code, Text string }

// Problems are those that the script shows in the language of the page, by the code that the bridge answers. "else" is any other.
func (PasskeyButton) Problems() []PasskeyProblem {
	return []PasskeyProblem{
		{"else", "It did not work. Try again, or take another way."}, {string(sso.PasskeyRefused), "That passkey was not accepted."},
		{string(sso.Throttled), "Too many attempts; try again later."}, {string(sso.NotSignedIn), ReasonOf(sso.NotSignedIn).Title},
		{string(sso.ProofNeeded), ReasonOf(sso.ProofNeeded).Title}, {string(sso.StoreUnavailable), ReasonOf(sso.StoreUnavailable).Title},
	}
}

// A PasskeyButton does something with a passkey. It needs the script, and says so where there is none.
type PasskeyButton struct {
	Do       string // sign-in, confirm, add or setup
	ReturnTo string
	Label    string
}

// PasskeyButton signs in.
func (l Login) PasskeyButton() PasskeyButton {
	return PasskeyButton{Do: "sign-in", ReturnTo: l.ReturnTo, Label: "Sign in with a passkey"}
}
