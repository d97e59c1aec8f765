package token

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

// OpenID is what a [Verifier] holds an ID token to besides (OpenID Connect Core §3.1.3.7). Issuer and Audience, which is the
// client id, must be set, and the profile must be strict.
type OpenID struct {
	// MaxAuthAge is how long ago the person may have signed in at the provider. 0: it is not looked at.
	MaxAuthAge time.Duration

	// VerifiedEmail wants email_verified to be true.
	VerifiedEmail bool

	// Userinfo returns what the provider says of the owner of an access token, nil where there is no such endpoint. The func
	// nil: nobody is asked.
	Userinfo func(ctx context.Context, accessToken string) (sso.Claims, error)

	// AlwaysAsk asks Userinfo at each sign-in; else it is asked when the ID token lacks a claim that something depends on.
	AlwaysAsk bool
	// Groups says that something depends on the claim with the groups.
	Groups bool
}

// openIDSteps are the checks of an ID token.
func openIDSteps() (all []step) {
	for _, s := range steps() {
		switch s.name {
		case "token_id", "code_challenge": // the code is used once, and the token endpoint has seen the verifier
		case "require": // later: the claim may be in userinfo
		case "audience":
			all = append(all, s, step{"authorized_party", hasClaims, authorizedParty})
		case "nonce":
			all = append(all, step{"nonce", hasClaims, openIDNonce},
				step{"access_token_hash", hasHeader | hasClaims, accessTokenHash},
				step{"authentication_time", hasClaims, authenticationTime})
		case "identity":
			all = append(all, step{"subject", hasClaims, subject}, step{"userinfo", hasClaims, userinfo},
				step{"require", hasClaims, (*exam).require}, step{"email_verified", hasClaims, emailVerified}, step{"identity", hasClaims, openIDIdentity})
		default:
			all = append(all, s)
		}
	}
	return all
}

// authorizedParty is OpenID Connect Core §3.1.3.7, rules 4 and 5: with several audiences the token says which of them asked
// for it, and that is us.
func authorizedParty(e *exam, x *sso.Exam) error {
	azp, sent := e.claims["azp"]
	list, _ := e.claims["aud"].([]any)
	switch {
	case sent && azp != any(e.Audience):
		return fmt.Errorf("the token's azp is %s; %sCLIENT_ID is %s: %w", describe(azp), e.Settings, sso.Quote(e.Audience), sso.TokenAudience)
	case sent:
		x.Note("azp is the client id")
	case len(list) > 1:
		return fmt.Errorf("the token is for %d audiences and has no azp, which would say that the bridge asked for it: %w", len(list), sso.TokenAudience)
	default:
		x.Note("one audience")
	}
	return nil
}

// openIDNonce is OpenID Connect Core §3.1.3.7, rule 11: we always send one.
func openIDNonce(e *exam, x *sso.Exam) error {
	nonce, _ := e.claims.String("nonce")
	switch {
	case x.Refreshes != "" && nonce == "":
		x.Note("none, as usual in a refresh") // §12.2
	case x.Nonce == "" && x.Explaining:
		x.Note("not judged here: only the browser that began the login knows it")
	case x.Nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(x.Nonce)) != 1:
		return fmt.Errorf("the token's nonce is not the one that this login was given: %w", sso.FlowMismatch)
	}
	return nil
}

// accessTokenHash is OpenID Connect Core §3.1.3.8: the token binds the access token that came with it, if it says so.
func accessTokenHash(e *exam, x *sso.Exam) error {
	sent, is := e.claims["at_hash"]
	switch {
	case x.AccessToken == "" && x.Explaining:
		x.Note("not judged here: no access token is at hand")
		return nil
	case !is || x.AccessToken == "":
		x.Note("no at_hash, which the code flow does not ask for")
		return nil
	}
	want := halfHash(e.header.alg, x.AccessToken)
	if got, _ := sent.(string); subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return fmt.Errorf("the token's at_hash does not fit the access token that came with it: %w", sso.TokenClaim)
	}
	x.Note("fits the access token")
	return nil
}

// halfHash is the left half of the hash that an algorithm has in its name, in base64url; that of EdDSA is SHA-512.
func halfHash(alg, text string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "384"):
		h := sha512.Sum384([]byte(text))
		sum = h[:]
	case strings.HasSuffix(alg, "512"), alg == "EdDSA":
		h := sha512.Sum512([]byte(text))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(text))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// authenticationTime is OpenID Connect Core §3.1.3.7, rule 13. The parameter max_age is a wish; the claim says whether it was
// granted.
func authenticationTime(e *exam, x *sso.Exam) error {
	if x.Refreshes != "" { // §12.2: it is still the time of the sign-in
		return nil
	}
	if e.OpenID.MaxAuthAge == 0 {
		x.Note("not asked for: %sMAX_AUTH_AGE is not set", e.Settings)
		return nil
	}
	at, err := e.date("auth_time")
	switch {
	case err != nil:
		return err
	case !at.sent:
		return fmt.Errorf("the token has no auth_time, which %sMAX_AUTH_AGE needs: %w", e.Settings, sso.TokenUnbounded)
	case at.at.After(e.now.Add(e.leeway)):
		return fmt.Errorf("the token's auth_time is %s in the future (leeway %v): %s: %w",
			ago(e.now, at.at), e.leeway, early, sso.TokenFromFuture)
	case e.now.After(at.at.Add(e.OpenID.MaxAuthAge + e.leeway)):
		return sso.TokenTooOld.About(int64(e.OpenID.MaxAuthAge/time.Second), "the person signed in %s ago; %sMAX_AUTH_AGE allows %d s",
			ago(at.at, e.now), e.Settings, int64(e.OpenID.MaxAuthAge/time.Second))
	}
	x.Note("signed in %s ago", ago(at.at, e.now))
	return nil
}

// subject is OpenID Connect Core §2: an ID token always has one, whichever claim identifies the person here.
func subject(e *exam, x *sso.Exam) error {
	sub, _ := e.claims.String("sub")
	if sub == "" {
		return fmt.Errorf("the token's sub is %s; an ID token names its person: %w", describe(e.claims["sub"]), sso.TokenSubjectMissing)
	}
	if x.Refreshes != "" && sub != x.Refreshes { // §12.2
		return fmt.Errorf("the token's sub is %s; the session that it refreshes is of %s: %w", sso.Quote(sub), sso.Quote(x.Refreshes), sso.TokenSubjectMismatch)
	}
	x.Note("sub %s", sso.Quote(sub))
	return nil
}

// protocol are claims that say how a token was made. Userinfo has no say in them.
func protocol() []string {
	return []string{"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "auth_time", "acr", "amr", "at_hash", "c_hash", "sid"}
}

// userinfo adds what the provider says besides of the person (OpenID Connect Core §5.3). What the ID token itself says stays.
func userinfo(e *exam, x *sso.Exam) error {
	lacks := e.lacks()
	switch {
	case e.OpenID.Userinfo == nil || x.AccessToken == "" || x.Err != nil:
		x.Note("not asked")
		return nil
	case lacks == "" && !e.OpenID.AlwaysAsk:
		x.Note("not asked: the ID token has each claim that the settings read")
		return nil
	}
	more, err := e.OpenID.Userinfo(e.ctx, x.AccessToken)
	if err != nil {
		return err
	}
	if more == nil {
		x.Note("the provider has no such endpoint")
		return nil
	}
	if sub, _ := more.String("sub"); sub == "" || more["sub"] != e.claims["sub"] { // §5.3.2
		return fmt.Errorf("the sub of the userinfo endpoint is %s, that of the ID token is %s: one of them is about somebody else: %w",
			describe(more["sub"]), describe(e.claims["sub"]), sso.TokenSubjectMismatch)
	}
	e.claims = maps.Clone(e.claims)
	own, has := e.claims["email"]
	if _, sent := more["email"]; sent && !has { // email_verified speaks of the address beside it (§5.1)
		delete(e.claims, "email_verified")
	}
	added := 0
	for name, value := range more {
		if _, is := e.claims[name]; !is && !slices.Contains(protocol(), name) && !(name == "email_verified" && has && !sameAddress(own, more["email"])) {
			e.claims[name] = value
			added++
		}
	}
	x.Claims = e.claims
	x.Note("%d more claims", added)
	return nil
}

// lacks is a claim that something depends on, and that the ID token does not have; "" when there is none.
func (e *exam) lacks() string {
	for _, name := range []string{"email", "email_verified"} { // one speaks of the other, whichever claim is the address
		if _, sent := e.claims[name]; e.OpenID.VerifiedEmail && !sent {
			return name
		}
	}
	for _, r := range e.Require {
		if _, sent := r.Claim.In(e.claims); !sent {
			return r.Claim.String()
		}
	}
	return e.Names.Lacks(e.claims, e.OpenID.Groups)
}

// openIDIdentity is the identity, with what may have kept the e-mail back.
func openIDIdentity(e *exam, x *sso.Exam) error {
	err := e.identity(x)
	if errors.Is(err, sso.TokenEmailMissing) {
		return fmt.Errorf("neither the ID token nor userinfo says the e-mail address: is email among %sSCOPES, and has the person one at the provider?: %w", e.Settings, err)
	}
	return err
}

// sameAddress reports whether two claims are one mailbox.
func sameAddress(a, b any) bool {
	one, _ := a.(string)
	other, _ := b.(string)
	return address.Check(one) == nil && address.Check(other) == nil && address.Key(one) == address.Key(other)
}

// emailVerified keeps out whoever has written somebody else's address into their profile at the provider.
func emailVerified(e *exam, x *sso.Exam) error {
	verified := e.claims["email_verified"]
	email, err := e.Names.Address(e.claims) // the error is told by the next check
	switch {
	case !e.OpenID.VerifiedEmail:
		x.Note("not asked for: %sREQUIRE_VERIFIED_EMAIL is false", e.Settings)
	case verified != true && verified != "true": // some providers write a text
		return fmt.Errorf("email_verified is %s: let the provider verify the address; if it verifies every address and has no such claim, "+
			"set %sREQUIRE_VERIFIED_EMAIL to false: %w", describe(verified), e.Settings, sso.EmailUnverified)
	case err == nil && !sameAddress(email, e.claims["email"]):
		return fmt.Errorf("email_verified speaks of the claim email, and the address is %s, from another claim: if nobody can choose that one at the provider, "+
			"set %sREQUIRE_VERIFIED_EMAIL to false: %w", sso.Quote(email), e.Settings, sso.EmailUnverified)
	}
	return nil
}
