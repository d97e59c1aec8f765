package token

import (
	"context"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
)

// A ServiceVerifier judges the form, signature and claims of the tokens that the bridge gives to service accounts. Whether
// such a token is one that was given out, and to whom, is for others to judge. The zero ServiceVerifier refuses every token.
type ServiceVerifier struct {
	Typ              string // what the header's typ must be
	Keys             keyset.Set
	Issuer, Audience string
}

// serviceSteps are those of [steps] that make sense for a token that is used again and again, with its own type.
func serviceSteps() []step {
	return []step{
		{"size", 0, (*exam).size},
		{"form", 0, (*exam).form},
		{"header", hasParts, (*exam).parseHeader},
		{"algorithm", hasHeader, (*exam).algorithm},
		{"key", hasHeader, (*exam).findKeys},
		{"signature", hasKeys, (*exam).signature},
		{"claims", hasParts, (*exam).parseClaims},
		{"expiry", hasClaims, (*exam).expiry},
		{"not_before", hasClaims, (*exam).notBefore},
		{"issuer", hasClaims, (*exam).issuer},
		{"audience", hasClaims, (*exam).audience},
		{"token_id", hasClaims, (*exam).tokenID},
	}
}

// Verify makes the checks, and returns the token's jti when all passed or an explanation goes on. Errors are those of
// [Verifier.Verify].
func (v *ServiceVerifier) Verify(ctx context.Context, token string, x *sso.Exam) (jti string) {
	if v == nil || v.Keys == nil || v.Typ == "" {
		x.Check("settings", func(*sso.Exam) error { return fmt.Errorf("there are no keys: %w", sso.Disabled) })
		return ""
	}
	rules := &Verifier{Use: ForBearer, Settings: "SERVICE_", AudienceName: "the audience of service accounts, from SITE_URL,", Profile: sso.Strict, Keys: v.Keys, Issuer: v.Issuer, Audience: v.Audience}
	e := &exam{Verifier: rules, ctx: ctx, token: token, now: x.Now}
	for _, s := range serviceSteps() {
		if e.have&s.needs != s.needs {
			continue
		}
		if !x.Check(s.name, func(x *sso.Exam) error { return s.check(e, x) }) {
			return ""
		}
		if s.name == "claims" && e.have&hasHeader != 0 && !x.Check("type", func(x *sso.Exam) error { return e.ownType(x, v.Typ) }) {
			return ""
		}
	}
	x.Proof = sso.Proof{} // a service token is used again
	return e.id()
}

// ownType is RFC 9068 §4: with or without application/ in front.
func (e *exam) ownType(x *sso.Exam, want string) error {
	typ, _ := e.header.typ.(string)
	x.Note("typ %s", sso.Quote(typ))
	if strings.TrimPrefix(strings.ToLower(typ), "application/") != want {
		return fmt.Errorf("the header's typ is %s; a service token has %s: %w", sso.Quote(typ), want, sso.TokenType)
	}
	return nil
}
