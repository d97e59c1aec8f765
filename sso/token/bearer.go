package token

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Use is what the tokens of a [Verifier] are for, which decides what they must be.
type Use uint8

// The uses. A token for one of them is none for the other: its audience differs, or its type says so.
const (
	ForLogin  Use = iota // one token, one sign-in
	ForLogout            // a logout token of OpenID Connect: its sessions end. MaxAge and MaxLifetime are those of logins
	ForBearer            // a token that an API client presents with each request (RFC 6750, RFC 9068)
)

// bearerSteps are the checks of a token of an API client in their order. They are made once, since such tokens come by the
// thousand, good ones and others.
var bearerSteps = []step{
	{"size", 0, (*exam).size},
	{"validation", 0, (*exam).validation},
	{"form", 0, (*exam).vouchedForm},
	{"header", hasParts, (*exam).vouchedHeader},
	{"algorithm", hasHeader, unlessVouched((*exam).algorithm)},
	{"type", hasHeader, (*exam).bearerType},
	{"key", hasHeader, unlessVouched((*exam).findKeys)},
	{"signature", hasKeys, unlessVouched((*exam).signature)},
	{"claims", hasParts, (*exam).vouchedClaims},
	{"confirmation", hasClaims, (*exam).confirmation},
	{"expiry", hasClaims, (*exam).vouchedExpiry},
	{"not_before", hasClaims, (*exam).notBefore},
	{"issued_at", hasClaims, (*exam).bearerIssued},
	{"lifetime", hasClaims, (*exam).bearerLifetime},
	{"issuer", hasClaims, (*exam).issuer},
	{"audience", hasClaims, (*exam).audiences},
	{"require", hasClaims, (*exam).require},
	{"access_token", hasClaims, (*exam).accessToken},
	{"identity", hasClaims, (*exam).identity},
	{"email_verified", hasClaims, (*exam).notUnverified},
}

// notUnverified refuses an e-mail that the issuer itself has not verified (OpenID Connect Core §5.1): anybody could have given it,
// and would be whoever has it. Issuers that say nothing of that are believed.
func (e *exam) notUnverified(x *sso.Exam) error {
	verified := e.claims["email_verified"]
	switch email, _ := e.claims.String("email"); {
	case e.UnverifiedEmail:
		x.Note("not asked for: %sREQUIRE_VERIFIED_EMAIL is false", e.Settings)
	case verified == nil:
		x.Note("not said")
	case verified == true || verified == "true":
		x.Note("true")
	case x.Identity.Email == "" || email != x.Identity.Email:
		x.Note("the claim email is not who it is")
	default:
		return fmt.Errorf("email_verified is %s: let the identity provider verify the address, or, if nobody can choose an address there, "+
			"set %sREQUIRE_VERIFIED_EMAIL to false: %w", describe(verified), e.Settings, sso.EmailUnverified)
	}
	return nil
}

// accessTokenType reports whether a typ is that of RFC 9068 §2.1.
func accessTokenType(typ string) bool {
	return strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// bearerType is RFC 9068 §4 and RFC 8725 §3.11. Most identity providers still say JWT; then it is the audience that tells a
// token for an API from others.
func (e *exam) bearerType(x *sso.Exam) error {
	typ, ok := e.header.typ.(string)
	if e.header.typ != nil && !ok {
		return fmt.Errorf("the header's typ is not a string: %w", sso.TokenMalformed)
	}
	if x.Explaining {
		x.Note("typ %s", sso.Quote(typ))
	}
	switch {
	case accessTokenType(typ) || checkType(typ) == nil && !e.AccessToken:
		return nil
	case e.AccessToken:
		return fmt.Errorf("the header's typ is %s; a token of an API client must have at+jwt, since a login token may have the same audience: "+
			"set %[2]sBEARER_AUD to an audience that only tokens for an API have, and %[2]sAUDIENCE to that of login tokens: %[3]w", sso.Quote(typ), e.Settings, sso.TokenType)
	}
	return fmt.Errorf("the header's typ is %s; a token of an API client has at+jwt, JWT or none: %w", sso.Quote(typ), sso.TokenType)
}

// confirmation refuses tokens that are good together with a key or a certificate only (RFC 7800, RFC 8705 §3, RFC 9449 §6):
// whoever took one must not get in with it alone.
func (e *exam) confirmation(x *sso.Exam) error {
	if err := notLogout(e.claims); err != nil {
		return err
	}
	if _, bound := e.claims["cnf"]; bound {
		return fmt.Errorf("the token has cnf, so it is good only together with a key of its holder, which is not supported: %w", sso.TokenType)
	}
	x.Note("no cnf")
	return nil
}

func (e *exam) bearerExpiry(x *sso.Exam) error {
	if exp, err := e.date("exp"); err == nil && !exp.sent {
		return fmt.Errorf("the token has no exp, so whoever finds it could use it for ever: %w", sso.TokenUnbounded)
	}
	if err := e.expiry(x); err != nil {
		return err
	}
	exp, _ := e.date("exp")
	x.Until = earlier(e.endOfKey(), exp.at.Add(e.leeway))
	return nil
}

// endOfKey is when the key that verified the token stops being good.
func (e *exam) endOfKey() time.Time {
	if end := e.key.NotAfter(); !end.IsZero() {
		return end
	}
	return time.Unix(maxDate, 0)
}

// bearerIssued knows no age: a client keeps its token as long as that is good.
func (e *exam) bearerIssued(x *sso.Exam) error {
	iat, err := e.date("iat")
	switch {
	case err != nil:
		return err
	case !iat.sent:
		x.Note("no iat")
	case iat.at.After(e.now.Add(e.leeway)):
		return fmt.Errorf("the token's iat is %s in the future (leeway %v): check the clock of the identity provider: %w",
			ago(e.now, iat.at), e.leeway, sso.TokenFromFuture)
	case x.Explaining:
		x.Note("%s old", ago(iat.at, e.now))
	}
	return nil
}

// bearerLifetime bounds how long a token that was lost can be used.
func (e *exam) bearerLifetime(x *sso.Exam) error {
	exp, expErr := e.date("exp")
	iat, iatErr := e.date("iat")
	if expErr != nil || iatErr != nil || !exp.sent { // said before
		return nil
	}
	from, what := e.now.Add(e.leeway), "ahead"
	if iat.sent {
		from, what = iat.at, "after its iat"
	}
	if exp.at.After(from.Add(e.MaxLifetime)) {
		return fmt.Errorf("the token's exp is %s %s; %sMAX_LIFETIME allows %v: %w", ago(from, exp.at), what, e.Settings, e.MaxLifetime, sso.TokenUnbounded)
	}
	if x.Explaining {
		x.Note("%s, at most %v", ago(from, exp.at), e.MaxLifetime)
	}
	return nil
}

// audiences is [exam.audience] of a verifier that is several audiences.
func (e *exam) audiences(x *sso.Exam) error {
	if e.AnyAudience {
		x.Note("not checked: %sAUDIENCE is any", e.Settings)
		return nil
	}
	if x.Explaining {
		x.Note("%s", sso.Quote(strings.Join(e.Audiences, " or ")))
	}
	if slices.ContainsFunc(e.Audiences, func(own string) bool { return own != "" && isFor(e.claims["aud"], own) }) {
		return nil
	}
	return fmt.Errorf("the token's aud is %s; %sAUDIENCE is %s: %w", describe(e.claims["aud"]), e.Settings,
		sso.Quote(strings.Join(e.Audiences, " or ")), sso.TokenAudience)
}

// accessToken wants what RFC 9068 §2.2 requires of a token that says to be of its kind.
func (e *exam) accessToken(x *sso.Exam) error {
	if typ, _ := e.header.typ.(string); !accessTokenType(typ) {
		x.Note("not asked for: the typ is not at+jwt")
		return nil
	}
	for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} {
		if value := e.claims[name]; value == nil || value == "" {
			return fmt.Errorf("the token's typ is at+jwt, and it has no %s (RFC 9068 §2.2): %w", name, sso.TokenClaim)
		}
	}
	x.Note("as RFC 9068 wants")
	return nil
}
