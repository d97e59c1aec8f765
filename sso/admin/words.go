package admin

import "github.com/ssobridge/ssobridge/sso"

// EventKinds lists every kind of event, the ones that are looked for most often first.
func EventKinds() []sso.EventKind {
	return []sso.EventKind{
		sso.EventSignIn, sso.EventSignInRefused, sso.EventSignOut, sso.EventLogoutRefused, sso.EventWarning, sso.EventAccount, sso.EventGroup, sso.EventSession,
		sso.EventNotRefreshed, sso.EventSetting, sso.EventService, sso.EventProof,
	}
}

// EventWords says in a few words what happened, to an administrator. It is the kind itself for one that this program does not
// know, such as one that a newer program wrote.
func EventWords(k sso.EventKind) string {
	switch k {
	case sso.EventSignIn:
		return "Signed in"
	case sso.EventSignInRefused:
		return "Sign-in refused"
	case sso.EventSignOut:
		return "Signed out"
	case sso.EventLogoutRefused:
		return "Sign-out refused"
	case sso.EventWarning:
		return "Warning"
	case sso.EventAccount:
		return "Account changed"
	case sso.EventGroup:
		return "Group changed"
	case sso.EventSession:
		return "Session ended"
	case sso.EventNotRefreshed:
		return "Session ended by its provider"
	case sso.EventSetting:
		return "Setting changed"
	case sso.EventService:
		return "Service account changed"
	case sso.EventProof:
		return "Identity confirmed"
	}
	return string(k)
}
