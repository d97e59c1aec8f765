package templates

import (
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
)

// AdminProviders is /admin/providers: with which products people sign in, and whether that works. The form posts version, name
// and kind.
type AdminProviders struct {
	AdminLayout
	Providers []AdminProviderRow
	Own       []sso.KeySource // the keys with which the bridge itself signs for service accounts
	OwnKeySet string          // where it publishes them
	Now       time.Time
	Version   string

	Alerts    []string // why no provider was made
	NewName   string   // as it was typed
	NewKind   string
	NameError string
	Kinds     []AdminOption
}

func (AdminProviders) template() string { return "admin-providers" }

// Faults are why no provider was made.
func (p AdminProviders) Faults() Faults {
	return Faults{Alerts: p.Alerts}.with("name", "Name", p.NameError)
}

// NameField is the field for the name of a new provider.
func (p AdminProviders) NameField() Field {
	return Field{Name: "name", Label: "Name", Type: "text", Value: p.NewName, Error: p.NameError, Autocomplete: "off", Required: true,
		Help: "In small letters, such as acme. It stays as it is, and stands in addresses; what people see can be changed."}
}

// Kind is the choice of its kind.
func (p AdminProviders) Kind() AdminSelect { return AdminSelect{Name: "kind", Options: p.Kinds} }

// An AdminProviderRow is one provider.
type AdminProviderRow struct {
	Name, Label string
	Kind        string // in words
	State       AdminState
	Keys        int       // how many are accepted, as far as is known
	LastUsed    time.Time // of one of its keys
	Outside     string    // where the provider is named; "": here, or it is the one that is always there
}

// An AdminState says in a word and a sentence how a provider is doing.
type AdminState struct {
	Word, Text     string
	Attention, Off bool
}

// AdminProvider is /admin/providers/NAME. Its forms of settings post version, card, and fields as [AdminSettings] does; those
// of keys post version and action to /admin/providers/NAME/keys: generate, paste (with secret), retire, remove (with key),
// add (with public, kid and algorithm) or remove-public (with key).
type AdminProvider struct {
	AdminLayout
	Name, Label string
	Kind        string // in words
	URL         string // of this page
	Outside     string // where the provider is named; "": here, or it is the one that is always there
	State       AdminState
	Now         time.Time
	Version     string
	Alerts      []string // what went wrong with a form as a whole
	Addresses   []AdminAddress
	Product     AdminCard
	Discovery   sso.Discovery
	Keys        AdminKeys
	Tokens      AdminTokens
	Rules       []AdminCard
	Groups      AdminCard
	Syncs       bool   // a sign-in sets the groups
	Mapping     string // where its page of mappings is
	LooksUp     bool   // in other sources than the token
	Testable    bool
	Removable   bool   // by a post of version, and sign_ins as a confirmation, to /admin/providers/NAME/remove
	SignIns     int    // of the last 24 hours, by its keys
	BeginURL    string // where the form of the test sign-in posts to
	LiveURL     string // where its sign-ins are watched; "": nobody signs in with it
}

func (AdminProvider) template() string { return "admin-provider" }

// Cards are all that have fields.
func (p AdminProvider) Cards() []AdminCard {
	return append(append([]AdminCard{p.Product, p.Keys.Card}, p.Rules...), p.Groups)
}

// Faults are why nothing was done.
func (p AdminProvider) Faults() Faults {
	f := Faults{Alerts: p.Alerts}
	for _, card := range p.Cards() {
		for _, s := range card.Fields {
			f = f.with(s.Name, s.Label, s.Error)
			if card.Outcome != nil && card.Outcome.Losses > 0 && s.Error == "" && s.Value != s.Was {
				f = f.with(s.Name, s.Label, "changed, and not saved yet")
			}
		}
	}
	k := p.Keys
	return f.with("secret", k.SecretField().Label, k.SecretError).with("public", "Public key", k.PublicError)
}

// AdminTokens are what the tokens of the last sign-ins carried, as far as that is kept: names of claims, never a value.
type AdminTokens struct {
	Of     int // sign-ins
	Claims []tokenlog.Claim
	Last   []AdminToken // a few of them, the newest first
}

// An AdminToken is the token of one sign-in.
type AdminToken struct {
	At       time.Time
	Lifetime string // "": the token did not say
	Claims   []string
	More     int // claims that are not named
}

// An AdminAddress is an address that is copied into the product.
type AdminAddress struct{ Label, Value string }

// An AdminCard is some settings of a provider with a button of their own.
type AdminCard struct {
	ID, Title, Help string
	Fields          []AdminSetting
	Changed         []AdminFact // what is otherwise than usual, in words
	Open            bool        // show the fields at once

	URL, Version string        // where its form posts to, and with which version
	Main         bool          // its button is the first one of the page
	Rehearsable  bool          // it can be asked what its rules would have done: a post with preview=yes
	Outcome      *AdminOutcome // what they would have done; the next post confirms that as refused
}

// Usual are the first values of a card on which nothing is otherwise than usual, in words.
func (c AdminCard) Usual() (facts []AdminFact) {
	for _, f := range c.Fields {
		if f.Default != "" && !f.Secret && !f.Long && len(facts) < 3 {
			facts = append(facts, AdminFact{Name: f.Label, Value: f.Default})
		}
	}
	return facts
}

// An AdminOutcome is what rules would have done to the last sign-ins.
type AdminOutcome struct {
	SignIns, Refused int // the second of the first
	Reasons          []AdminOutcomeReason
	Unknown          []string // claims of which no value was kept
	People, Shut     int      // of the first, the second could not come in any more
	Some             []AdminPersonLink
	Losses           int // what is confirmed
}

// An AdminOutcomeReason is why some of the sign-ins would have been refused.
type AdminOutcomeReason struct {
	Why   string
	Count int
	Text  string
	Each  bool // the text is that of each of them
}

// An AdminPersonLink leads to a person.
type AdminPersonLink struct {
	ID    int64
	Email string
}

// More is how many people could not come in besides those who are named.
func (o AdminOutcome) More() int { return o.Shut - len(o.Some) }

// Sentence says it in one or two.
func (o AdminOutcome) Sentence() string {
	var said []string
	switch {
	case o.SignIns == 0 && o.People == 0:
		return "There is no sign-in yet that these rules could be held against."
	case o.SignIns == 0:
	case o.Refused == 0:
		said = append(said, fmt.Sprintf("These rules would have refused none of the last %s.", counted(o.SignIns, "sign-in")))
	case o.SignIns == 1:
		said = append(said, "These rules would have refused the last sign-in.")
	default:
		said = append(said, fmt.Sprintf("These rules would have refused %s of the last %s.", number(o.Refused), counted(o.SignIns, "sign-in")))
	}
	if o.Shut > 0 {
		said = append(said, fmt.Sprintf("Of %s, %s could not come in any more.", peopleNumber(o.People), number(o.Shut)))
	} else if o.People > 0 {
		said = append(said, "Everybody who can come in now could still.")
	}
	return strings.Join(said, " ")
}

func counted(n int, what string) string {
	if n == 1 {
		return what
	}
	return number(n) + " " + what + "s"
}

func peopleNumber(n int) string {
	if n == 1 {
		return "1 person"
	}
	return number(n) + " people"
}

// ReadOnly reports whether none of the fields can be changed here.
func (c AdminCard) ReadOnly() bool {
	for _, f := range c.Fields {
		if f.Source == "" {
			return false
		}
	}
	return true
}

// AdminKeys are the keys of a provider. None is ever shown, but a shared secret that was just generated.
type AdminKeys struct {
	Rows        []AdminKeyRow
	Sources     []AdminKeySource // the files and addresses from which keys come
	Secrets     int              // how many shared secrets are accepted
	SharesNone  bool             // its tokens are never signed with a shared secret
	SecretFixed string           // where the shared secrets are set; "" for here
	PublicFixed string           // where the public keys are set; "" for here
	Generated   string           // the new shared secret, this once
	Card        AdminCard        // the addresses of published keys
	SecretError string

	Public, Kid, Algorithm string // as they were typed
	PublicError            string
}

// SecretField is the field for a pasted shared secret.
func (k AdminKeys) SecretField() Field {
	return Field{Name: "secret", Label: "Secret from your product", Type: "password", Error: k.SecretError, Autocomplete: "off", Required: true,
		Help: "At least 32 characters. The characters themselves are the secret: it is not decoded."}
}

// OldSignIns are the sign-ins of the last 24 hours by shared secrets that are not the current one.
func (k AdminKeys) OldSignIns() int {
	n := 0
	for _, row := range k.Rows {
		if row.Secret && !row.Current {
			n += row.SignIns
		}
	}
	return n
}

// An AdminKeySource is a file or an address from which public keys come.
type AdminKeySource struct {
	Origin           string
	LastSuccess, Due time.Time // Due zero: it is not known
	Fault            string
	FaultSince       time.Time
	LeftOut          []string
	Keys             int
	Address          bool // else a file
}

// An AdminKeyRow is one key. Its form posts action=remove or remove-public, key, and sign_ins as a confirmation.
type AdminKeyRow struct {
	ID          string // as events name it
	Fingerprint string // by which the form names it
	Secret      bool   // it is a shared secret
	Algorithm   string // of a public key
	Origin      string // of a public key
	Current     bool   // tokens should be signed with it
	Removable   bool
	With        int // how many keys go with it, of a set that was pasted
	SignIns     int // in the last 24 hours
	LastUsed    time.Time
	Use         Chart // sign-ins by it, day by day
	MadeAt      time.Time
	MadeBy      string
	NotAfter    time.Time
	Expired     bool
}
