package sso

import (
	"fmt"
	"strings"
)

// A reason is the row of one [Code]: what there is to say about it to administrators and programs. What the page says to a
// person is in package templates. A new code is a constant in code.go, a row here and one there; tests want all three.
type reason struct {
	code   Code
	status int // HTTP's, as data: 4xx for what the caller did, 5xx for what the bridge could not do

	// For administrators. Both are empty for codes that stand in no event.
	label  string // why, in a few words
	advice string // what to change at the identity provider or the bridge; one line, no full stop; "" where no token is concerned

	// For the outside, which learns nothing of claims and internals (SECURITY K3).
	message string // what programs get, Metabase's own words where it has some; %s is the one public value of the error
}

// reasons yields the table in the order in which people read it: the codes of a refused sign-in, then the others. It is
// looked at for each refusal, which anyone can have by the thousand: an array that stays on the stack makes no garbage.
func reasons(yield func(reason) bool) {
	for _, r := range [...]reason{
		{
			code: Disabled, status: 400, label: "Sign-in is not set up",
			advice:  "set JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET, and do not set JWT_ENABLED to false",
			message: "SSO has not been enabled and/or configured",
		},
		{
			code: ReturnToRefused, status: 400, label: "The return path is not allowed",
			advice:  "send return_to back exactly as the bridge sent it; to lead to another site, add its origin to ALLOWED_ORIGINS",
			message: "Invalid redirect URL",
		},
		{
			code: RequestMalformed, status: 400, label: "The request is malformed",
			advice:  "send one token, as one parameter jwt, or one code; and one return_to at most",
			message: "The request is not one this page understands",
		},
		{
			code: TokenMalformed, status: 401, label: "The token is malformed",
			advice: "send the token as the JWT library returned it: three parts in base64url with two dots, without quotes, spaces " +
				"or line ends, and percent-encode nothing twice. If the reason names a claim, give it that form: exp, iat and " +
				"nbf are numbers, seconds since 1970 and not milliseconds",
			message: "Message seems corrupt or manipulated",
		},
		{
			code: TokenSignature, status: 401, label: "The signature is wrong",
			advice: "sign with the key that the bridge has for you; with JWT_SHARED_SECRET that is HS256 and its very text as key: do not decode " +
				"it from hexadecimal or base64, and look for a space or a line end in one of the two copies",
			message: "Message seems corrupt or manipulated",
		},
		{
			code: KeyUnknown, status: 401, label: "The key is unknown",
			advice: "sign with the key that the bridge knows, and with its algorithm; leave out the header's kid or make it that " +
				"key's",
			message: "Message seems corrupt or manipulated",
		},
		{
			code: TokenExpired, status: 401, label: "The token has expired",
			advice:  "sign a new token at each redirect, with exp a few minutes ahead, and check the clocks of both machines",
			message: "Token is expired (%s)",
		},
		{
			code: TokenNotYetValid, status: 401, label: "The token is not yet valid",
			advice:  "leave nbf out or set it to the present, in seconds since 1970 (not milliseconds), and check the clocks of both machines",
			message: "Token is not yet valid (%s)",
		},
		{
			code: TokenTooOld, status: 401, label: "The token is too old",
			advice: "sign a new token at each redirect instead of keeping one, and check the clocks of both machines; JWT_MAX_AGE " +
				"says how old a token may be",
			message: "Token is older than max-age (%s)",
		},
		{
			code: TokenFromFuture, status: 401, label: "The token is from the future",
			advice:  "set iat to the present, and check the clocks of both machines",
			message: "Token is from the future",
		},
		{
			code: TokenUnbounded, status: 401, label: "The token has no time limit",
			advice:  "give the token exp, a few minutes ahead, and iat, the present, both in seconds since 1970",
			message: "Token has no acceptable time limit",
		},
		{
			code: TokenIssuer, status: 401, label: "Wrong issuer",
			advice:  "make the token's iss equal to JWT_ISSUER, letter by letter",
			message: "Token has the wrong issuer",
		},
		{
			code: TokenAudience, status: 401, label: "Wrong audience",
			advice:  "make the token's aud equal to JWT_AUDIENCE, or a list that contains it",
			message: "Token has the wrong audience",
		},
		{
			code: TokenClaim, status: 401, label: "A claim is not as required",
			advice:  "give the token the claim with one of the values that the configuration of the provider requires; the log names the claim",
			message: "JWT token has a claim that is not accepted",
		},
		{
			code: TokenType, status: 401, label: "Wrong type of token",
			advice:  `leave out the header's typ or make it "JWT": other types of tokens are no sign-in`,
			message: "Token has the wrong type",
		},
		{
			code: TokenRevoked, status: 401, label: "The token was revoked",
			advice:  "make the service account a new token; the log says whether it was revoked, or was never one of this bridge",
			message: "Token is not accepted any more",
		},
		{
			code: TokenReplayed, status: 401, label: "The token was used before",
			advice: "sign a new token at each redirect: each opens one session only. If nobody reloaded a page, someone else has " +
				"used the link; the trail of events shows from where",
			message: "Token has been used already",
		},
		{
			code: TokenIDMissing, status: 401, label: "The token has no jti",
			advice:  "give the token a jti, a new random text each time: JWT_PROFILE strict asks for it",
			message: "JWT token missing jti claim",
		},
		{
			code: TokenSubjectMissing, status: 401, label: "The token has no subject",
			advice:  "give the token the claim that JWT_ATTRIBUTE_SUBJECT names, as a string",
			message: "JWT token missing subject claim",
		},
		{
			code: TokenSubjectMismatch, status: 401, label: "Two answers of the provider name two people",
			advice:  "look at the identity provider: its ID token and its userinfo endpoint must give the same sub",
			message: "The identity provider's answers do not fit together",
		},
		{
			code: EmailUnverified, status: 403, label: "The e-mail is not verified",
			advice: "let the identity provider verify the address and send email_verified; if it verifies every address and has no such claim, " +
				"set PROVIDER_<NAME>_REQUIRE_VERIFIED_EMAIL to false",
			message: "The e-mail address is not verified",
		},
		{
			code: TokenEmailMissing, status: 401, label: "The token has no e-mail",
			advice:  "give the token the claim that JWT_ATTRIBUTE_EMAIL names (email, unless it was changed)",
			message: "JWT token missing email claim",
		},
		{
			code: TokenEmailInvalid, status: 401, label: "The e-mail is invalid",
			advice:  "send one plain address such as ada@example.com in the claim that JWT_ATTRIBUTE_EMAIL names",
			message: "JWT token has an invalid email claim",
		},
		{
			code: PersonNotAllowed, status: 403, label: "Not one of those who may come in",
			advice:  "add the domain of the e-mail to JWT_ALLOWED_DOMAINS, or put the person into a group of JWT_ALLOWED_GROUPS at the identity provider, or switch the person on in the directory (LDAP_ENABLED_FILTER); the log says which",
			message: "Your account may not be used on this site",
		},
		{
			code: ProvisioningOff, status: 401, label: "No account, and none may be made",
			advice:  "make an account for this person first, or set JWT_USER_PROVISIONING_ENABLED to true",
			message: "Sorry, but you'll need a %s account to view this page. Please contact your administrator.",
		},
		{
			code: AccountDisabled, status: 403, label: "The account is deactivated",
			advice:  "an administrator has deactivated this account; only an administrator can bring it back",
			message: "This account is deactivated",
		},
		{
			code: LinkRefused, status: 403, label: "The account belongs to another sign-in",
			advice: "the address belongs to an account that this sign-in may not take over: one with a password " +
				"(LINK_PASSWORD_ACCOUNTS), one of another provider (JWT_LINK_ACCOUNTS), or one of another subject. Change the address at the identity provider or on the " +
				"other account",
			message: "This account cannot be used with this sign-in",
		},
		{
			code: FlowMissing, status: 401, label: "The sign-in did not begin here",
			advice: "send people to the bridge's /auth/sso first, in the same browser, and send the parameter state back as it came, " +
				"within ten minutes",
			message: "This sign-in did not begin in this browser, or took too long",
		},
		{
			code: FlowMismatch, status: 401, label: "The answer belongs to another sign-in",
			advice:  "send back the state, nonce and code_challenge of this very sign-in, each once; do not keep them between sign-ins",
			message: "This sign-in does not belong to the one that began in this browser",
		},
		{
			code: CodeExchangeFailed, status: 401, label: "The code exchange failed",
			advice: "look at the log of the token endpoint (JWT_TOKEN_URI): it must answer this code, client_id, redirect_uri and " +
				"code_verifier with a token in jwt, id_token or access_token",
			message: "The identity provider did not accept this sign-in",
		},
		{
			code: ProviderRefused, status: 401, label: "The identity provider refused",
			advice:  "the identity provider itself said no; its own log says why",
			message: "The identity provider refused this sign-in",
		},
		{
			code: SignInCircle, status: 400, label: "Sent back without a token",
			advice: "send people back to /auth/sso with the token as the parameter jwt, in the query or in a form: under no " +
				"other name, not behind a #, and to no other address",
			message: "Your product sent you back without a token",
		},
		{
			code: SignedOut, status: 401, label: "Signed out meanwhile", advice: "none, if the person signed out while another sign-in was under way: the next one is good. If it meets people who sign in anew, give the login token iat, the time of signing",
			message: "You were signed out while this sign-in was under way",
		},
		{
			code: Throttled, status: 429, label: "Too many attempts",
			advice:  "wait for the time that Retry-After gives; if it comes back, look for a redirect that runs in circles",
			message: "Too many attempts; try again later",
		},
		unavailableReason(StoreUnavailable, "The database does not answer",
			"the bridge cannot read or write its database: look at its log, the disk and DATABASE_URL; then try again",
			"Temporarily unavailable; try again"),
		unavailableReason(Busy, "Too many sign-ins at once",
			"more people sign in than the database can write in five seconds: wait for the time that Retry-After gives; if it lasts, look what keeps the disk busy",
			"Too many people are signing in at the moment; try again"),
		unavailableReason(ProviderUnavailable, "The identity provider does not answer",
			"the bridge could not reach the identity provider, or cannot use what it answered: look at the detail, check its address, and that this machine can reach it",
			"The identity provider does not answer; try again"),
		unavailableReason(GroupsUnavailable, "The groups cannot be looked up",
			"the directory (LDAP_URL) or the endpoint (JWT_GROUPS_ENDPOINT_URL) that knows the groups did not answer as it should: the log says what "+
				"it did. With JWT_GROUPS_ON_FAILURE keep people come in with the groups that they have",
			"The groups of this account cannot be looked up; try again"),

		// The codes of refused logout tokens.
		logoutReason(LogoutEvent, "No logout event", `give the logout token the claim events: {"http://schemas.openid.net/event/backchannel-logout": {}}`,
			"Logout token without the back-channel logout event"),
		logoutReason(LogoutNonce, "A logout token with a nonce", "leave nonce out: with one the token could be taken for an ID token", "Logout token with a nonce"),
		logoutReason(LogoutSubject, "A logout token about nobody", "give the logout token sub, as the login tokens of that person have it, or sid, or both, as texts",
			"Logout token without sub and sid"),
		logoutReason(LogoutSession, "The session is another person's", "send the sid and the sub of one login token, or one of the two",
			"Logout token with the sid of another person"),

		// The codes of other refusals.
		{
			code: NotSignedIn, status: 401,
			message: "Unauthenticated",
		},
		{
			code: CredentialsConflict, status: 401,
			message: "The request has two credentials, of different callers: send one",
		},
		{
			code: Forbidden, status: 403,
			message: "You don't have permissions to do that.",
		},
		{
			code: NotFound, status: 404,
			message: "Not found",
		},
		{
			code: MethodNotAllowed, status: 405,
			message: "Method not allowed",
		},
		{
			code: CrossOrigin, status: 403,
			message: "Cross-origin request refused",
		},
		{
			code: PasswordRefused, status: 401, label: "E-mail or password is wrong",
			message: "E-mail or password is wrong",
		},
		{
			code: PasskeyRefused, status: 401, label: "The passkey was not accepted",
			message: "That passkey was not accepted",
		},
		{
			code: ProofNeeded, status: 403,
			message: "Confirm first that it is you: %s",
		},
		{
			code: Conflict, status: 409,
			message: "Changed meanwhile, or in the way of something else",
		},
		{
			code: Invalid, status: 400,
			message: "Invalid value",
		},
		{
			code: UpstreamDown, status: 502,
			message: "The app behind this page does not answer",
		},
		{
			code: BridgeDown, status: 503,
			message: "Temporarily unavailable; try again",
		},
		{
			code: ProxyRefused, status: 403,
			message: "The proxy in front of this site is not set up as it must be",
		},
		{
			code: Internal, status: 500,
			message: "Something went wrong",
		},
	} {
		if !yield(r) {
			return
		}
	}
}

// logoutReason is the row of a code that an identity provider gets, with status 400 as each refused logout token.
func logoutReason(code Code, label, advice, message string) reason {
	return reason{code: code, status: 400, label: label, advice: advice, message: message}
}

// unavailableReason is the row of what may be well a moment later.
func unavailableReason(code Code, label, advice, message string) reason {
	return reason{code: code, status: 503, label: label, advice: advice, message: message}
}

// reason returns the code's row; of a code that has none, which another program may have written, that of [Internal].
func (c Code) reason() (row reason) {
	for row = range reasons {
		if row.code == c {
			break
		}
	}
	return row // else the last, Internal's
}

// Codes lists every code there is.
func Codes() (all []Code) {
	for r := range reasons {
		all = append(all, r.code)
	}
	return all
}

// Status is the HTTP status of an answer that is refused with this code.
func (c Code) Status() int { return c.reason().status }

// Label says in a few words why a login was refused, to an administrator; [Code.Advice] says what to do about it. It is
// the code itself for codes that no login is refused with.
func (c Code) Label() string {
	if label := c.reason().label; label != "" {
		return label
	}
	return string(c)
}

// Advice says what to change when logins are refused with this code, to the person who configures the identity provider
// or the bridge. It is "" for codes that are not about a token.
func (c Code) Advice() string { return c.reason().advice }

// Message is what an error says to anyone outside: the sentence of its code, with the one public value of the error.
func Message(err error) string {
	message := CodeOf(err).reason().message
	if strings.Contains(message, "%s") {
		return fmt.Sprintf(message, PublicValue(err))
	}
	return message
}
