package sso

// EventKinds lists every kind of event, the ones that are looked for most often first.
func EventKinds() []EventKind {
	return []EventKind{
		EventSignIn, EventSignInRefused, EventSignOut, EventLogoutRefused, EventWarning, EventAccount, EventGroup, EventSession, EventSetting, EventService, EventProof,
	}
}
