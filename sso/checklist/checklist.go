// Package checklist says of a sign-in that is over which checks it passed and which it failed, by the event that it left.
//
// A sign-in ends at its first failure, and its checks have a fixed order. So its code says where it ended, and what came before was
// passed, as far as the settings ask for it. Of a code that several checks have, the earliest of them counts: what may not
// have been made is never called passed.
package checklist

import (
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A State is what became of a check.
type State string

// The states.
const (
	Passed State = "passed"
	Failed State = "failed"
	Unmade State = "not checked"
)

// A Check is one condition of a sign-in.
type Check struct {
	Name  string // as in a configuration or an explanation, such as "signature"
	Words string // for people, such as "Its signature fits a key of yours"
	State State
	Note  string // why it was not made; "" where that is plain
}

// The names of the checks, in their order.
const (
	answer    = "answer"
	code      = "code"
	form      = "form"
	signature = "signature"
	kind      = "type"
	times     = "times"
	issuer    = "issuer"
	audience  = "audience"
	require   = "require"
	tokenID   = "token_id"
	identity  = "identity"
	flow      = "flow"
	groups    = "group_sources"
	admission = "admission"
	singleUse = "single_use"
	account   = "account"
	session   = "session"
)

// A row is a check as it is for each provider.
type row struct {
	name, words string
	unasked     func(*setting.Provider) string // why the settings do not ask for it; "": they do. nil: it is always made
}

// rows are the checks in the order in which a sign-in meets them.
func rows() []row {
	return []row{
		{answer, "Your product answered", nil},
		{code, "The product gave a token for its code", withoutCode},
		{form, "What came is a token that can be read", nil},
		{signature, "Its signature fits a key of yours", nil},
		{kind, "It is a token for a sign-in", nil},
		{times, "It is fresh: neither expired nor too old", nil},
		{issuer, "It was made by your product", func(p *setting.Provider) string { return unset(p, p.Issuer, "ISSUER") }},
		{audience, "It is meant for this bridge", func(p *setting.Provider) string { return unset(p, p.Audience, "AUDIENCE") }},
		{require, "It has the claims that your rules want", func(p *setting.Provider) string { return without(len(p.Require) == 0, "your rules want none") }},
		{tokenID, "It has an id of its own", func(p *setting.Provider) string {
			return without(openID(p) || p.Profile != sso.Strict, "only the profile strict wants one")
		}},
		{identity, "It says who the person is", nil},
		{flow, "The sign-in was begun in the same browser", func(p *setting.Provider) string {
			return without(!openID(p) && p.Binding == sso.BindingOff, p.Setting("BINDING")+" is off")
		}},
		{groups, "Whoever knows the person's groups answered", nil},
		{admission, "The person may come in", func(p *setting.Provider) string {
			return without(len(p.AllowedDomains)+len(p.AllowedGroups) == 0, "anyone may whom the product signs in")
		}},
		{singleUse, "The token was not used before", func(p *setting.Provider) string {
			return without(!openID(p) && p.Profile == sso.Metabase, "the profile metabase lets a token be used again")
		}},
		{account, "The account is active, or can be made", nil},
		{session, "The person is signed in", nil},
	}
}

func openID(p *setting.Provider) bool { return p.Kind == setting.KindOIDC }

func without(unasked bool, why string) string {
	if unasked {
		return why
	}
	return ""
}

func withoutCode(p *setting.Provider) string {
	return without(!openID(p) && p.TokenURI == nil, "the token comes with the browser")
}

// unset is why a claim is not compared that a setting gives.
func unset(p *setting.Provider, value, field string) string {
	switch {
	case openID(p):
		return ""
	case p.Profile == sso.Metabase:
		return "the profile metabase does not look at it"
	}
	return without(p.Profile != sso.Strict && value == "", p.Setting(field)+" is not set")
}

// failedAt is the check that a code stands for.
func failedAt(c sso.Code) string {
	switch c {
	case sso.TokenMalformed:
		return form
	case sso.TokenSignature, sso.KeyUnknown:
		return signature
	case sso.TokenType:
		return kind
	case sso.TokenExpired, sso.TokenNotYetValid, sso.TokenTooOld, sso.TokenFromFuture, sso.TokenUnbounded:
		return times
	case sso.TokenIssuer:
		return issuer
	case sso.TokenAudience:
		return audience
	case sso.TokenClaim:
		return require
	case sso.TokenIDMissing:
		return tokenID
	case sso.TokenSubjectMissing, sso.TokenSubjectMismatch, sso.EmailUnverified, sso.TokenEmailMissing, sso.TokenEmailInvalid:
		return identity
	case sso.FlowMissing, sso.FlowMismatch:
		return flow
	case sso.CodeExchangeFailed:
		return code
	case sso.GroupsUnavailable:
		return groups
	case sso.PersonNotAllowed:
		return admission
	case sso.TokenReplayed:
		return singleUse
	case sso.ProvisioningOff, sso.AccountDisabled, sso.LinkRefused:
		return account
	case sso.SignedOut, sso.StoreUnavailable:
		return session
	}
	return answer // the product came back with an error, without a token, or could not be asked
}

// passedBefore is the earliest check that may not have been passed when the event was written: of those that give this code, or
// that this kind of provider makes in another order.
func passedBefore(e sso.Event, p *setting.Provider) string {
	if e.Proof == "" { // no signature was verified, so that what looks at the token itself is all that can have been passed
		if e.KeyID != "" {
			return kind // but then the claims could not be read
		}
		switch e.Code {
		case sso.TokenSignature:
			return signature
		}
		return answer
	}
	switch at := failedAt(e.Code); {
	case at == form: // a claim of another type than it must have
		return kind
	case at == answer || at == code:
		return kind
	case openID(p) && (at == identity || e.Code == sso.FlowMismatch): // which come before the claims that rules want
		return require
	case e.Code == sso.FlowMismatch: // a nonce of another sign-in
		return identity
	case at == admission, e.Code == sso.StoreUnavailable:
		return groups
	default:
		return at
	}
}

// Of are the checks of a sign-in. p is its provider, and current says that it is as it was then: if not, nobody knows any more
// what was asked for.
func Of(e sso.Event, p *setting.Provider, current bool) []Check {
	failed, end := "", ""
	if e.Code != "" {
		failed, end = failedAt(e.Code), passedBefore(e, p)
	}
	var all []Check
	over := false
	for _, r := range rows() {
		over = over || r.name == end
		c := Check{Name: r.name, Words: r.words, State: Unmade}
		switch {
		case r.name == failed:
			c.State = Failed
		case r.name == groups: // whether they are asked depends on the token, and they may be let fail
			continue
		case over:
		case r.unasked != nil && !current:
			c.Note = "not known: settings were changed since"
		case r.unasked != nil && r.unasked(p) != "":
			c.Note = r.unasked(p)
		case r.name == signature && e.KeyID == "":
			c.Note = "the product's server was asked about the token instead"
		default:
			c.State = Passed
		}
		all = append(all, c)
	}
	return all
}
