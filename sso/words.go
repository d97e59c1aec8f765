package sso

// EventKinds lists every kind of event, the ones that are looked for most often first.
func EventKinds() []EventKind {
	return []EventKind{
		EventSignIn, EventSignInRefused, EventSignOut, EventWarning, EventAccount, EventGroup, EventSession, EventSetting,
		EventProof,
	}
}

// Words says in a few words what happened, to an administrator. It is the kind itself for one that this program does not
// know, such as one that a newer program wrote.
func (k EventKind) Words() string {
	switch k {
	case EventSignIn:
		return "Signed in"
	case EventSignInRefused:
		return "Sign-in refused"
	case EventSignOut:
		return "Signed out"
	case EventWarning:
		return "Warning"
	case EventAccount:
		return "Account changed"
	case EventGroup:
		return "Group changed"
	case EventSession:
		return "Session ended"
	case EventSetting:
		return "Setting changed"
	case EventProof:
		return "Identity confirmed"
	}
	return string(k)
}

// Words says in a few words why a login was refused, to an administrator; [Code.Advice] says what to do about it. It is
// the code itself for codes that no login is refused with.
func (c Code) Words() string {
	switch c {
	case Disabled:
		return "Sign-in is not set up"
	case ReturnToRefused:
		return "The return path is not allowed"
	case RequestMalformed:
		return "The request is malformed"
	case TokenMalformed:
		return "The token is malformed"
	case TokenSignature:
		return "The signature is wrong"
	case KeyUnknown:
		return "The key is unknown"
	case TokenExpired:
		return "The token has expired"
	case TokenNotYetValid:
		return "The token is not yet valid"
	case TokenTooOld:
		return "The token is too old"
	case TokenFromFuture:
		return "The token is from the future"
	case TokenUnbounded:
		return "The token has no time limit"
	case TokenIssuer:
		return "Wrong issuer"
	case TokenAudience:
		return "Wrong audience"
	case TokenType:
		return "Wrong type of token"
	case TokenReplayed:
		return "The token was used before"
	case TokenIDMissing:
		return "The token has no jti"
	case TokenSubjectMissing:
		return "The token has no subject"
	case TokenEmailMissing:
		return "The token has no e-mail"
	case TokenEmailInvalid:
		return "The e-mail is invalid"
	case ProvisioningOff:
		return "No account, and none may be made"
	case AccountDisabled:
		return "The account is deactivated"
	case LinkRefused:
		return "The account belongs to another sign-in"
	case FlowMissing:
		return "The sign-in did not begin here"
	case FlowMismatch:
		return "The answer belongs to another sign-in"
	case CodeExchangeFailed:
		return "The code exchange failed"
	case ProviderRefused:
		return "The identity provider refused"
	case PasswordRefused:
		return "E-mail or password is wrong"
	case PasskeyRefused:
		return "The passkey was not accepted"
	case Throttled:
		return "Too many attempts"
	case StoreUnavailable:
		return "The database does not answer"
	case ProviderUnavailable:
		return "The identity provider does not answer"
	}
	return string(c)
}
