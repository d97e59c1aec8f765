package sso

import (
	"errors"
	"fmt"
)

// A Code says why something was refused. It is an error, so that a reason is given by wrapping it:
//
//	fmt.Errorf("kid %q: %w", kid, sso.KeyUnknown)
//
// The text around it goes to the log and to [Bridge.Explain]; a person outside sees only the sentence that the code's row
// in reason.go has for it. The names are part of the contract: other programs compare them.
type Code string

// The codes of a refused login.
const (
	Disabled             Code = "sso_disabled"
	ReturnToRefused      Code = "return_to_refused"
	RequestMalformed     Code = "request_malformed" // two jwt parameters, a body that is not what it says
	TokenMalformed       Code = "token_malformed"
	TokenSignature       Code = "token_signature"
	KeyUnknown           Code = "key_unknown"
	TokenExpired         Code = "token_expired"
	TokenNotYetValid     Code = "token_not_yet_valid"
	TokenTooOld          Code = "token_too_old"
	TokenFromFuture      Code = "token_from_future"
	TokenUnbounded       Code = "token_unbounded"
	TokenIssuer          Code = "token_issuer"
	TokenAudience        Code = "token_audience"
	TokenClaim           Code = "token_claim" // a claim that the configuration requires
	TokenType            Code = "token_type"
	TokenRevoked         Code = "token_revoked" // of a service account
	TokenReplayed        Code = "token_replayed"
	TokenIDMissing       Code = "token_id_missing" // strict: no jti
	TokenSubjectMissing  Code = "token_subject_missing"
	TokenSubjectMismatch Code = "token_subject_mismatch" // userinfo speaks of somebody else
	EmailUnverified      Code = "email_unverified"
	TokenEmailMissing    Code = "token_email_missing"
	TokenEmailInvalid    Code = "token_email_invalid"
	PersonNotAllowed     Code = "person_not_allowed" // by ALLOWED_DOMAINS or ALLOWED_GROUPS
	ProvisioningOff      Code = "provisioning_off"
	AccountDisabled      Code = "account_disabled"
	LinkRefused          Code = "link_refused"
	FlowMissing          Code = "flow_missing"
	FlowMismatch         Code = "flow_mismatch"
	CodeExchangeFailed   Code = "code_exchange_failed"
	ProviderRefused      Code = "provider_refused"   // the IdP came back with error=…
	SignInCircle         Code = "sign_in_circle"     // the IdP sends the browser back again and again, without a token
	GroupsUnavailable    Code = "groups_unavailable" // the directory or the endpoint that knows the groups
	SignedOut            Code = "signed_out"         // at the IdP, after the sign-in had begun
	Throttled            Code = "throttled"
	StoreUnavailable     Code = "store_unavailable"
	Busy                 Code = "busy" // more sign-ins wait than can be kept in time
	ProviderUnavailable  Code = "provider_unavailable"
)

// The codes of refused logout tokens, besides those of tokens above.
const (
	LogoutEvent   Code = "logout_event"   // no events with the back-channel logout
	LogoutNonce   Code = "logout_nonce"   // a nonce, which an ID token has
	LogoutSubject Code = "logout_subject" // neither sub nor sid
	LogoutSession Code = "logout_session" // the sid is that of another person than the sub
)

// The codes of other refusals.
const (
	NotSignedIn         Code = "not_signed_in"
	CredentialsConflict Code = "credentials_conflict" // one request, and two callers
	Forbidden           Code = "forbidden"
	NotFound            Code = "not_found"
	MethodNotAllowed    Code = "method_not_allowed"
	CrossOrigin         Code = "cross_origin"
	PasswordRefused     Code = "password_refused"
	PasskeyRefused      Code = "passkey_refused"
	ProofNeeded         Code = "proof_needed" // signed in, but this needs a fresh proof of who it is
	Conflict            Code = "conflict"
	Invalid             Code = "invalid" // a value that was typed in; the text around it says which, and is for its author
	UpstreamDown        Code = "upstream_unavailable"
	BridgeDown          Code = "bridge_unavailable" // no handler says it: the documented files of proxies do, while the bridge does not answer
	ProxyRefused        Code = "proxy_refused"      // what a proxy in front sent, or did not, cannot be relied on; the log says what to set
	Internal            Code = "internal"
)

// Error returns the code's name.
func (c Code) Error() string { return string(c) }

// About returns an error that wraps c and carries the one value that its public sentence names, such as the N of
// "Token is expired (N)". The value must be safe to show to anyone.
func (c Code) About(public any, format string, args ...any) error {
	return &refusal{code: c, public: fmt.Sprint(public), detail: fmt.Sprintf(format, args...)}
}

type refusal struct {
	code           Code
	public, detail string
}

func (r *refusal) Error() string { return r.detail + ": " + string(r.code) }
func (r *refusal) Unwrap() error { return r.code }

// CodeOf returns the code that err wraps. An error without one is [Internal]; nil is "".
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if code, ok := errors.AsType[Code](err); ok {
		return code
	}
	return Internal
}

// PublicValue returns the value that [Code.About] put into err, or "".
func PublicValue(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.public
	}
	return ""
}

// Reason returns what err says beyond its code: for logs and for administrators, never for the person who signs in.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	text, code := err.Error(), string(CodeOf(err))
	if text == code {
		return ""
	}
	if cut := len(text) - len(code) - 2; cut > 0 && text[cut:] == ": "+code {
		return text[:cut]
	}
	return text
}

// CauseOf is the word for why a database cannot be used, as the store says it, for /readyz and for alerts; "" when the error
// says none.
func CauseOf(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Cause() string
	}](err); ok {
		return e.Cause()
	}
	return ""
}
