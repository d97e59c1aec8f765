package sso

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso/address"
)

// An Account is our record of a person. It outlives every session and every token.
type Account struct {
	ID          int64
	Email       string
	FirstName   string
	LastName    string
	Active      bool
	HasPassword bool              // the person may use the password form; tokens need LINK_PASSWORD_ACCOUNTS
	Source      string            // the provider whose it is: the first that signed the person in; "" before that
	Synced      map[string]string // attributes of the last login; replaced as a whole at each
	Own         map[string]string // attributes that an administrator set; never touched by a login, and they win
	CreatedAt   time.Time
	LastLogin   time.Time // zero: never
}

// CommonName is the name to show: first and last name, else the e-mail.
func (a Account) CommonName() string {
	if name := strings.TrimSpace(a.FirstName + " " + a.LastName); name != "" {
		return name
	}
	return a.Email
}

// Attributes are the attributes in force: the synced ones under the administrator's own.
func (a Account) Attributes() map[string]string {
	all := map[string]string{}
	maps.Copy(all, a.Synced)
	maps.Copy(all, a.Own)
	return all
}

// CheckName refuses a first or last name longer than what a sign-in keeps of one.
func CheckName(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("a name has at most %d bytes", MaxName)
	}
	return nil
}

// CheckAttributes refuses attributes that an administrator must not set: names that no login could sync, and more or
// longer ones than a login may bring (SECURITY E7, E10).
func CheckAttributes(own map[string]string) error {
	if len(own) > MaxAttributes {
		return fmt.Errorf("more than %d attributes", MaxAttributes)
	}
	for name, value := range own {
		switch {
		case name == "" || name != CleanText(name):
			return errors.New("an attribute's name is not empty and has no control characters or spaces around it")
		case len(name) > MaxName:
			return fmt.Errorf("an attribute's name has at most %d bytes", MaxName)
		case strings.HasPrefix(name, "@") || Registered(name):
			return fmt.Errorf("%q is reserved: names that begin with @, and the claims about a token such as iat, are no attributes", name)
		case len(value) > MaxAttribute:
			return fmt.Errorf("an attribute's value has at most %d bytes", MaxAttribute)
		case value != CleanText(value):
			return errors.New("an attribute's value has no control characters or spaces around it")
		}
	}
	return nil
}

// A DoubtfulEmail is an account that no sign-in finds by its e-mail.
type DoubtfulEmail struct {
	Account      Account
	Err          error // what [address.Check] says of it; nil: the mailbox is that of FoundInstead too
	FoundInstead int64 // the account that has the key; 0: none
}

// A Principal is whoever a request acts for: a person's session, a service account, or the holder of a provider's token. It is
// never changed after it was made; share it freely.
type Principal struct {
	How     How
	Account Account // with ID 0 for the holder of a token who has none: then it is what the token says
	Groups  []Group // sorted by id; always contains All Users
	Session Session // zero but for BySession

	Provider string    // whose token it is; "" for a session
	Subject  string    // what that provider calls the holder; "" for a session
	Username string    // the holder's name there, of one who has no e-mail
	TokenID  string    // of a service token; "" but for ByService
	Maker    int64     // the account that made a service token, whose changes concern it too; 0: none
	Until    time.Time // when what a token says is to be looked at again, at the latest at its end; a session says so itself
}

// Name is what apps call the principal: the e-mail, or the name of a holder of a token who has none. A subject that looks like an
// e-mail is not one that anybody has looked at as such: it gets the name of the provider in front (SECURITY E1).
func (p *Principal) Name() string {
	if name := cmp.Or(p.Account.Email, p.Username); name != "" || !strings.Contains(p.Subject, "@") {
		return cmp.Or(name, p.Subject)
	}
	return p.Provider + ":" + p.Subject
}

// How says what a request brought for its [Principal].
type How uint8

// The ways to be known.
const (
	BySession How = iota // a signed-in browser
	ByService            // a token of a service account
	ByToken              // a token of a provider, with each request
)

// Administrator reports whether the principal may administer the bridge. Whoever is known by a token never may (SECURITY J3).
func (p *Principal) Administrator() bool { return p.How == BySession && p.in(Administrators) }

// Ends is when the principal stops being one without anybody doing anything.
func (p *Principal) Ends() time.Time {
	if p.How == BySession {
		return p.Session.ExpiresAt
	}
	return p.Until
}

func (p *Principal) in(id int64) bool {
	for _, g := range p.Groups {
		if g.ID == id {
			return true
		}
	}
	return false
}

// Policy is what the logins of one provider may do to accounts and groups. The zero Policy lets no one new in and changes no
// group.
type Policy struct {
	SingleUse bool // a token opens at most one session
	Admission
	GroupSync
}

// Admission says whom the logins of one provider let in. The zero Admission lets no one new in.
type Admission struct {
	SiteName             string
	Settings             string // how the names of the provider's settings begin, such as "JWT_"
	Provision            bool   // make accounts for people who have none
	Reactivate           bool   // a deactivated account comes back by signing in (Metabase's way)
	LinkPasswordAccounts bool   // a token may sign in to an account that has a password
	LinkAccounts         bool   // a token may sign in to an account of another provider, by its e-mail

	AllowedDomains []string // of e-mails, as [address.Domain] writes them; none: any
	AllowedGroups  []string // names of the provider's groups, of which the person must be in one; none: anyone may come in
}

// Allows decides whether the provider may sign a person in at all, whatever account there is. It returns [PersonNotAllowed].
func (p Admission) Allows(id Identity) error {
	if domain := address.Domain(id.Email); len(p.AllowedDomains) > 0 && !slices.Contains(p.AllowedDomains, domain) {
		return fmt.Errorf("the domain %s is none of %sALLOWED_DOMAINS: %w", quoteName(domain), p.Settings, PersonNotAllowed)
	}
	in := func(group string) bool { return slices.Contains(p.AllowedGroups, group) }
	if len(p.AllowedGroups) > 0 && !slices.ContainsFunc(id.Groups, in) {
		return fmt.Errorf("the person is in no group of %sALLOWED_GROUPS; %d groups were sent: %w", p.Settings, len(id.Groups), PersonNotAllowed)
	}
	return nil
}

// Match says how the account was found that an identity means.
type Match uint8

// The ways to find an account.
const (
	MatchEmail        Match = iota // by the e-mail
	MatchSubject                   // by the subject, which an earlier login linked to it
	MatchOtherSubject              // by the e-mail; but the provider calls its person by another subject
	MatchLinked                    // by the e-mail with which an earlier login by the provider came into it, see [LinkedByEmail]
)

// LinkedByEmail is what a store keeps in the place of a subject, when a login has opened the account of another provider and
// says no subject: where LINK_ACCOUNTS is off again, the person comes in as before. No subject begins with a space, so that no
// claim can be it. It is "" for a login after which nothing is to be kept.
func LinkedByEmail(found *Account, id Identity, m Match) string {
	if found == nil || m != MatchEmail || id.Subject.Kind != SubjectEmail || found.Source == "" || found.Source == id.Provider {
		return ""
	}
	return EmailLink(id.Email)
}

// EmailLink is [LinkedByEmail] of an address.
func EmailLink(email string) string { return " " + address.Key(email) }

// Admitted is what a login does to the account that it found.
type Admitted int

// What a login does.
const (
	AdmittedKnown Admitted = iota
	AdmittedNew
	AdmittedReactivated
)

// Admit decides whether the person may sign in. found is nil when no account matches. An e-mail says who somebody is at one
// provider only: a second provider that says the same of somebody else would open that person's account (SECURITY E1).
//
// It returns [ProvisioningOff], [AccountDisabled] or [LinkRefused].
func (p Admission) Admit(found *Account, id Identity, m Match) (Admitted, error) {
	provisioning := p.Settings + "USER_PROVISIONING_ENABLED"
	if found == nil {
		if !p.Provision {
			return 0, ProvisioningOff.About(p.SiteName, "no account for %s, and %s is off", id.Email, provisioning)
		}
		return AdmittedNew, nil
	}
	switch {
	case m == MatchOtherSubject:
		return 0, fmt.Errorf("account %d has the e-mail %s but belongs to another subject of this provider: %w",
			found.ID, id.Email, LinkRefused)
	case m == MatchEmail && found.Source != "" && found.Source != id.Provider && !p.LinkAccounts:
		return 0, fmt.Errorf("account %d has the e-mail %s but belongs to the provider %q, and %sLINK_ACCOUNTS is off: %w",
			found.ID, id.Email, found.Source, p.Settings, LinkRefused)
	case found.HasPassword && !p.LinkPasswordAccounts: // SECURITY E2
		return 0, fmt.Errorf("account %d has a password, and LINK_PASSWORD_ACCOUNTS is off: %w", found.ID, LinkRefused)
	case found.Active:
		return AdmittedKnown, nil
	case p.Reactivate && p.Provision:
		return AdmittedReactivated, nil
	case p.Reactivate: // Metabase answers as if the person were unknown
		return 0, ProvisioningOff.About(p.SiteName, "account %d is deactivated, and %s is off", found.ID, provisioning)
	}
	return 0, fmt.Errorf("account %d is deactivated: %w", found.ID, AccountDisabled)
}

// Updated is the account of this person after a login: found, or a new one when it is nil. Of an e-mail that differs only in
// case the first spelling stays, since apps may compare it exactly; keepEmail keeps it whatever the login says.
func (id Identity) Updated(found *Account, admitted Admitted, keepEmail bool, now time.Time) Account {
	a := Account{Email: id.Email, CreatedAt: now}
	if found != nil {
		a = *found
		if !keepEmail && address.Key(a.Email) != address.Key(id.Email) {
			a.Email = id.Email
		}
	}
	if id.FirstName != nil {
		a.FirstName = CleanText(*id.FirstName)
	}
	if id.LastName != nil {
		a.LastName = CleanText(*id.LastName)
	}
	a.Synced = map[string]string{}
	for k, v := range id.Attributes {
		a.Synced[CleanText(k)] = CleanText(v)
	}
	a.Source, a.LastLogin = cmp.Or(a.Source, id.Provider), now
	if found == nil || admitted == AdmittedReactivated {
		a.Active = true
	}
	return a
}
