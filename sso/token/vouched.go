package token

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Validator asks the identity provider about a token.
type Validator interface {
	// Validate returns what the provider says of a token that it takes, with a sub, and until when that may be believed. Errors
	// wrap [sso.TokenSignature], or [sso.ProviderUnavailable] when it cannot be asked. network is where the token came from:
	// many of one keep nobody else waiting.
	Validate(ctx context.Context, network, token string) (sso.Claims, time.Time, error)
}

// A word is what the provider said of a token that it takes; nil claims: nothing.
type word struct {
	claims sso.Claims
	until  time.Time
}

// validatedSteps are those of a login about which a server is asked. Its word stands in the place of the signature, and of nothing
// else: a login is one token, signed or not, that is used once.
func validatedSteps() (all []step) {
	for _, s := range steps() {
		switch s.name {
		case "algorithm": // before the server is asked: unsigned tokens are no tokens (SECURITY A1)
			all = append(all, s, step{"validation", hasHeader, (*exam).validation})
			continue
		case "key", "signature":
			s.check = unlessVouched(s.check)
		case "claims":
			s.check = (*exam).vouchedClaims
		}
		all = append(all, s)
	}
	return all
}

// enough reports whether the provider's word stands in the place of a signature.
func (e *exam) enough() bool { return e.word.claims != nil && !e.ValidateAll }

// validation asks the provider, before any key is looked at.
func (e *exam) validation(x *sso.Exam) (err error) {
	if e.Validator == nil {
		x.Note("no server is asked")
		return nil
	}
	if len(e.token) > MaxSize || strings.ContainsFunc(e.token, notBearer) { // RFC 6750 §2.1
		return fmt.Errorf("the validation server is not asked about what can be no token: %w", sso.TokenMalformed)
	}
	e.word.claims, e.word.until, err = e.Validator.Validate(e.ctx, x.Network, e.token)
	switch {
	case err == nil:
		e.verified = e.enough()
		x.Note("the validation server takes it")
	case e.ValidateAll || e.Keys == nil:
		return err
	default:
		x.Note("%s; the keys decide", sso.Reason(err))
	}
	return nil
}

// notBearer reports whether a character cannot be in a bearer token.
func notBearer(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/=", r))
}

// unlessVouched leaves out a check of the signature's where the provider's word is enough.
func unlessVouched(check func(*exam, *sso.Exam) error) func(*exam, *sso.Exam) error {
	return func(e *exam, x *sso.Exam) error {
		if e.enough() {
			x.Note("the validation server has answered for it")
			return nil
		}
		return check(e, x)
	}
}

// vouchedForm takes apart what is a signed token. Where the provider's word is enough, it may be anything.
func (e *exam) vouchedForm(x *sso.Exam) error {
	err := e.form(x)
	if err != nil && e.enough() && len(e.token) <= MaxSize {
		x.Note("no signed token: it is what the validation server says")
		e.have |= hasParts
		return nil
	}
	return err
}

// vouchedHeader reads the header, of which its type counts in any case.
func (e *exam) vouchedHeader(x *sso.Exam) error {
	if e.enough() && e.compact.header == nil {
		e.have |= hasHeader
		return nil
	}
	return e.parseHeader(x)
}

// vouchedClaims puts what the provider said over what the token says, which must be of the same subject: an answer is about this
// token and no other (SECURITY A14).
func (e *exam) vouchedClaims(x *sso.Exam) error {
	if e.compact.payload != nil || !e.enough() {
		if err := e.parseClaims(x); err != nil {
			return err
		}
	}
	if e.word.claims == nil {
		return nil
	}
	if sub, ok := e.claims["sub"]; (ok || e.ValidateAll) && sub != e.word.claims["sub"] {
		return fmt.Errorf("the token's sub is %s, and the validation server says %s: %w", describe(sub), describe(e.word.claims["sub"]), sso.TokenSignature)
	}
	if e.enough() {
		merged := sso.Claims{}
		maps.Copy(merged, e.claims)
		maps.Copy(merged, e.word.claims)
		if e.Use == ForLogin { // by these the token itself is known, and spent
			for _, name := range []string{"iss", "aud", "exp", "iat", "nbf", "jti", "nonce", "code_challenge"} {
				delete(merged, name)
				if value, sent := e.claims[name]; sent {
					merged[name] = value
				}
			}
		}
		e.claims, x.Claims = merged, merged
	}
	e.have |= hasClaims
	return nil
}

// vouchedExpiry is bearerExpiry; where the provider's word is enough, a token need not say when it ends.
func (e *exam) vouchedExpiry(x *sso.Exam) error {
	exp, err := e.date("exp")
	if e.enough() && err == nil && !exp.sent {
		x.Note("no exp: the validation server is asked again within a minute")
		x.Until = e.word.until
		return nil
	}
	err = e.bearerExpiry(x)
	if e.word.claims != nil {
		x.Until = earlier(x.Until, e.word.until)
	}
	return err
}
