package sso

// EventKinds lists every kind of event, the ones that are looked for most often first.
func EventKinds() []EventKind {
	return []EventKind{
		EventSignIn, EventSignInRefused, EventSignOut, EventWarning, EventAccount, EventGroup, EventSession, EventSetting, EventService, EventProof,
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
	case EventService:
		return "Service account changed"
	case EventProof:
		return "Identity confirmed"
	}
	return string(k)
}
