package token

import (
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/logout"
)

// logoutAge is how old a logout token may be, besides the leeway: it is made for one request, and good for nothing later.
const logoutAge = 2 * time.Minute

// logoutSteps are the checks of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6).
func logoutSteps() []step {
	return []step{
		{"size", 0, (*exam).size},
		{"form", 0, (*exam).form},
		{"header", hasParts, (*exam).parseHeader},
		{"algorithm", hasHeader, (*exam).algorithm},
		{"type", hasHeader, logoutType},
		{"key", hasHeader, (*exam).findKeys},
		{"signature", hasKeys, (*exam).signature},
		{"claims", hasParts, (*exam).parseClaims},
		{"event", hasClaims, logoutEvent},
		{"nonce", hasClaims, logoutNonce},
		{"expiry", hasClaims, (*exam).bearerExpiry},
		{"not_before", hasClaims, (*exam).notBefore},
		{"issued_at", hasClaims, logoutIssued},
		{"issuer", hasClaims, (*exam).issuer},
		{"audience", hasClaims, (*exam).audience},
		{"token_id", hasClaims, logoutID},
		{"subject", hasClaims, logoutSubject},
	}
}

// logoutType: the type is only recommended there, and some providers leave it out; then it is the event that tells.
func logoutType(e *exam, x *sso.Exam) error {
	typ, ok := e.header.typ.(string)
	x.Note("typ %s", sso.Quote(typ))
	if e.header.typ == nil || ok && (strings.EqualFold(typ, "logout+jwt") || strings.EqualFold(typ, "application/logout+jwt")) {
		return nil
	}
	return fmt.Errorf("the header's typ is %s; a logout token has logout+jwt, or none: %w", describe(e.header.typ), sso.TokenType)
}

// notLogout refuses what ends sessions where something is to be opened with it, although its type was left out.
func notLogout(claims sso.Claims) error {
	events, _ := claims["events"].(map[string]any)
	if _, is := events[logout.EventURI]; is {
		return fmt.Errorf("the token has the event of a logout token: %w", sso.TokenType)
	}
	return nil
}

func logoutEvent(e *exam, x *sso.Exam) error {
	events, _ := e.claims["events"].(map[string]any)
	if _, ok := events[logout.EventURI].(map[string]any); !ok {
		return fmt.Errorf("the token's events is %s; a logout token has an object with the member %s, which is an object: %w",
			describe(e.claims["events"]), logout.EventURI, sso.LogoutEvent)
	}
	x.Note("back-channel logout")
	return nil
}

func logoutNonce(e *exam, x *sso.Exam) error {
	if _, sent := e.claims["nonce"]; sent {
		return fmt.Errorf("the token has a nonce, as an ID token has: %w", sso.LogoutNonce)
	}
	x.Note("no nonce")
	return nil
}

func logoutIssued(e *exam, x *sso.Exam) error {
	iat, err := e.date("iat")
	switch {
	case err == nil && !iat.sent:
		return fmt.Errorf("the logout token has no iat: %w", sso.TokenUnbounded)
	case err == nil && e.now.After(iat.at.Add(logoutAge+e.leeway)):
		return sso.TokenTooOld.About(int64(logoutAge/time.Second), "the logout token's iat is %s old; it may be %v (leeway %v): sign a new one for each "+
			"attempt, and check the clock of the identity provider", ago(iat.at, e.now), logoutAge, e.leeway)
	}
	x.Until = e.now.Add(max(e.MaxAge, e.MaxLifetime, 2*sso.FlowLifetime) + e.leeway + clockDifference)
	return e.bearerIssued(x)
}

func logoutID(e *exam, x *sso.Exam) error {
	if e.id() == "" {
		return fmt.Errorf("a logout token needs a jti: a string of 1 to %d bytes, different in each token: %w", maxID, sso.TokenIDMissing)
	}
	return e.tokenID(x)
}

func logoutSubject(e *exam, x *sso.Exam) error {
	named := 0
	for _, name := range []string{"sub", "sid"} {
		value, sent := e.claims[name]
		if text, ok := value.(string); sent && (!ok || text == "") {
			return fmt.Errorf("the logout token's %s is %s; it must be a text that is not empty: %w", name, describe(value), sso.LogoutSubject)
		}
		if sent {
			named++
		}
	}
	if named == 0 {
		return fmt.Errorf("the logout token has neither sub nor sid, so it says of nobody that they are signed out: %w", sso.LogoutSubject)
	}
	x.Note("sub %s, sid %v", describe(e.claims["sub"]), e.claims["sid"] != nil)
	return nil
}
