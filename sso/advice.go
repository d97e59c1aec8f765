package sso

// Advice says what to change when logins are refused with this code, to the person who configures the identity provider
// or the bridge. It is "" for codes that no login is refused with.
func (c Code) Advice() string {
	switch c {
	case Disabled:
		return "set JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET, and do not set JWT_ENABLED to false"
	case ReturnToRefused:
		return "send return_to back exactly as the bridge sent it; to lead to another site, add its origin to ALLOWED_ORIGINS"
	case RequestMalformed:
		return "send one token, as one parameter jwt, or one code; and one return_to at most"
	case TokenMalformed:
		return "send the token as the JWT library returned it: three parts in base64url with two dots, without quotes, spaces or " +
			"line ends, and percent-encode nothing twice. If the reason names a claim, give it that form: exp, iat and nbf are numbers, " +
			"seconds since 1970"
	case TokenSignature:
		return "sign with HS256 and with the very text of JWT_SHARED_SECRET as key: do not decode it from hexadecimal or base64, " +
			"and look for a space or a line end in one of the two copies"
	case KeyUnknown:
		return "sign with the key that the bridge knows, and with its algorithm; leave out the header's kid or make it that key's"
	case TokenExpired:
		return "sign a new token at each redirect, with exp a few minutes ahead in seconds since 1970 (not milliseconds), and check " +
			"the clocks of both machines"
	case TokenNotYetValid:
		return "leave nbf out or set it to the present, in seconds since 1970, and check the clocks of both machines"
	case TokenTooOld:
		return "sign a new token at each redirect instead of keeping one, and check the clocks of both machines; JWT_MAX_AGE says " +
			"how old a token may be"
	case TokenFromFuture:
		return "set iat to the present, in seconds since 1970 (not milliseconds), and check the clocks of both machines"
	case TokenUnbounded:
		return "give the token exp, a few minutes ahead, and iat, the present, both in seconds since 1970"
	case TokenIssuer:
		return "make the token's iss equal to JWT_ISSUER, letter by letter"
	case TokenAudience:
		return "make the token's aud equal to JWT_AUDIENCE, or a list that contains it"
	case TokenType:
		return `leave out the header's typ or make it "JWT": other types of tokens are no sign-in`
	case TokenReplayed:
		return "sign a new token at each redirect: each opens one session only. If nobody reloaded a page, someone else has used the " +
			"link; the trail of events shows from where"
	case TokenIDMissing:
		return "give the token a jti, a new random text each time: JWT_PROFILE strict asks for it"
	case TokenSubjectMissing:
		return "give the token the claim that JWT_ATTRIBUTE_SUBJECT names, as a string"
	case TokenEmailMissing:
		return "give the token the claim that JWT_ATTRIBUTE_EMAIL names (email, unless it was changed)"
	case TokenEmailInvalid:
		return "send one plain address such as ada@example.com in the claim that JWT_ATTRIBUTE_EMAIL names"
	case ProvisioningOff:
		return "make an account for this person first, or set JWT_USER_PROVISIONING_ENABLED to true"
	case AccountDisabled:
		return "an administrator has deactivated this account; only an administrator can bring it back"
	case LinkRefused:
		return "the address belongs to an account that this sign-in may not take over: one with a password (LINK_PASSWORD_ACCOUNTS), " +
			"or one of another subject. Change the address at the identity provider or on the other account"
	case FlowMissing:
		return "send people to the bridge's /auth/sso first, in the same browser, and send the parameter state back as it came, " +
			"within ten minutes"
	case FlowMismatch:
		return "send back the state, nonce and code_challenge of this very sign-in, each once; do not keep them between sign-ins"
	case CodeExchangeFailed:
		return "look at the log of the token endpoint (JWT_TOKEN_URI): it must answer this code, client_id, redirect_uri and " +
			"code_verifier with a token in jwt, id_token or access_token"
	case ProviderRefused:
		return "the identity provider itself said no; its own log says why"
	case Throttled:
		return "wait for the time that Retry-After gives; if it comes back, look for a redirect that runs in circles"
	case StoreUnavailable:
		return "the bridge cannot read or write its database: look at its log, the disk and DATABASE_URL; then try again"
	case ProviderUnavailable:
		return "the identity provider did not answer the bridge: check its address, and that this machine can reach it"
	}
	return ""
}
