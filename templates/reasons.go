package templates

import "github.com/ssobridge/ssobridge/sso"

// An Action is what the page of a refusal lets a person do: the one thing that helps.
type Action uint8

// The actions. The zero one is right where nothing else is known to help.
const (
	AskAdministrator Action = iota // with a text to copy that has all that an administrator needs
	SignInAgain                    // with the provider that refused, and then on to the page that was wanted
	SignInOtherwise                // on the page with all ways to sign in
	UseAnother                     // another account, or else the administrator
	AskAgain                       // for the page that was wanted
	GoToStart
	ProveAgain // who one is, and then the step once more
)

// A Reason is what the page of a refusal says to the person in front of it, who learns nothing of claims and internals
// (SECURITY K3).
type Reason struct {
	Title  string // a heading
	Help   string // what the person can do, in sentences
	Action Action // what the page lets them do of that
}

const (
	helpAgain = "Start again from the app you wanted. If it happens again, tell your administrator."
	helpAdmin = "Tell your administrator. The text below says what they need to know."
	helpClock = "Start again: you will get a fresh sign-in. If it happens again, the clock of a server may be wrong; tell your administrator."
	helpOther = "If you have another account, use that one. Else tell your administrator."
	moment503 = "Please try again in a moment"
)

// ReasonOf is the row of a code.
func ReasonOf(code sso.Code) Reason {
	if r := reasonOfToken(code); r.Title != "" {
		return r
	}
	if r := reasonOfSignIn(code); r.Title != "" {
		return r
	}
	if r := reasonOfPage(code); r.Title != "" {
		return r
	}
	return Reason{"Something went wrong", helpAdmin, AskAdministrator} // sso.Internal, and what another program may have written
}

// reasonOfToken is the row of a code about what an identity provider sent.
func reasonOfToken(code sso.Code) Reason {
	switch code {
	case sso.TokenMalformed, sso.TokenSignature, sso.KeyUnknown:
		return Reason{"This sign-in could not be checked", helpAgain, SignInAgain}
	case sso.TokenExpired, sso.TokenTooOld:
		return Reason{"This sign-in is too old", helpClock, SignInAgain}
	case sso.TokenNotYetValid, sso.TokenFromFuture:
		return Reason{"This sign-in is not valid yet", helpClock, SignInAgain}
	case sso.TokenUnbounded, sso.TokenType, sso.TokenIDMissing:
		return Reason{"This sign-in could not be accepted", helpAdmin, AskAdministrator}
	case sso.TokenIssuer:
		return Reason{"This sign-in came from somewhere else", helpAdmin, AskAdministrator}
	case sso.TokenAudience:
		return Reason{"This sign-in is for another site", helpAdmin, AskAdministrator}
	case sso.TokenClaim:
		return Reason{"This sign-in is not meant for this site", helpOther, UseAnother}
	case sso.TokenRevoked:
		return Reason{"This token is not accepted any more", helpAdmin, AskAdministrator}
	case sso.TokenReplayed:
		return Reason{"This sign-in has been used already", "A sign-in works once. Start again from the app you wanted.", SignInAgain}
	case sso.TokenSubjectMissing, sso.TokenEmailMissing, sso.TokenEmailInvalid:
		return Reason{"This sign-in does not say who you are", helpAdmin, AskAdministrator}
	case sso.TokenSubjectMismatch:
		return Reason{"This sign-in could not be checked", helpAdmin, AskAdministrator}
	case sso.LogoutEvent, sso.LogoutNonce, sso.LogoutSubject, sso.LogoutSession:
		return Reason{"This sign-out was not accepted", helpAdmin, AskAdministrator}
	}
	return Reason{}
}

// reasonOfSignIn is the row of a code about a person who signs in.
func reasonOfSignIn(code sso.Code) Reason {
	switch code {
	case sso.Disabled:
		return Reason{"Sign-in is not set up yet", helpAdmin, AskAdministrator}
	case sso.EmailUnverified:
		return Reason{"Your e-mail address is not verified", "Verify your e-mail address where you signed in, then start again.", SignInAgain}
	case sso.PersonNotAllowed:
		return Reason{"Your account may not be used here", helpOther, UseAnother}
	case sso.ProvisioningOff:
		return Reason{"You have no account here yet", helpOther, UseAnother}
	case sso.AccountDisabled:
		return Reason{"Your account is switched off", "If you have another account, use that one. Else ask your administrator to switch this one on again.", UseAnother}
	case sso.LinkRefused:
		return Reason{"Your account signs in another way", "There is an account with your e-mail that this sign-in may not use. If you have a password or a passkey for it, sign in with that. Else tell your administrator.", SignInOtherwise}
	case sso.FlowMissing:
		return Reason{"Please start again", "A sign-in must be finished in the browser that began it, within ten minutes, with cookies allowed.", SignInAgain}
	case sso.FlowMismatch, sso.CodeExchangeFailed:
		return Reason{"Please start again", helpAgain, SignInAgain}
	case sso.ProviderRefused:
		return Reason{"You were not signed in", helpAgain, SignInAgain}
	case sso.SignInCircle:
		return Reason{"Your product sent you back without a token", helpAdmin, AskAdministrator}
	case sso.SignedOut:
		return Reason{"You were signed out meanwhile", helpAgain, SignInAgain}
	case sso.PasswordRefused:
		return Reason{"You were not signed in", "Check the e-mail and the password. Most people sign in through their product instead.", SignInOtherwise}
	case sso.PasskeyRefused:
		return Reason{"You were not signed in", "Try another passkey, or sign in another way.", SignInOtherwise}
	case sso.Throttled:
		return Reason{"Too many attempts", "Wait a little, then try again.", SignInAgain}
	case sso.Busy:
		return Reason{moment503, "Nothing is lost. Many people are signing in at the same time. Wait some seconds, then start again.", SignInAgain}
	case sso.ProviderUnavailable:
		return Reason{moment503, "The sign-in service did not answer. Start again; if it goes on, tell your administrator.", SignInAgain}
	case sso.GroupsUnavailable:
		return Reason{moment503, "The service that knows your groups did not answer. Start again; if it goes on, tell your administrator.", SignInAgain}
	}
	return Reason{}
}

// reasonOfPage is the row of a code about a page that somebody asked for.
func reasonOfPage(code sso.Code) Reason {
	switch code {
	case sso.ReturnToRefused:
		return Reason{"That link cannot be followed", "The link that brought you here points to a place this site does not know. Open the app you wanted directly.", GoToStart}
	case sso.RequestMalformed:
		return Reason{"That link is not complete", helpAgain, SignInAgain}
	case sso.StoreUnavailable:
		return Reason{moment503, "Nothing is lost. Reload this page; if it goes on, tell your administrator.", AskAgain}
	case sso.NotSignedIn:
		return Reason{"Please sign in", "You are not signed in, or your session is over.", SignInAgain}
	case sso.CredentialsConflict:
		return Reason{"That request came from two callers", "Your request carries two credentials, and they are not of one caller. Send one of them.", AskAgain}
	case sso.Forbidden:
		return Reason{"You may not see this", "Your account is not in a group that may, or the address is written in an odd way, such as with two slashes. Ask your administrator.", AskAdministrator}
	case sso.NotFound:
		return Reason{"There is nothing here", "Check the address, or begin at the start page.", GoToStart}
	case sso.MethodNotAllowed:
		return Reason{"That is not possible here", "Begin at the start page.", GoToStart}
	case sso.CrossOrigin:
		return Reason{"That came from another site", "For your safety this can only be done from this site's own pages.", GoToStart}
	case sso.ProofNeeded:
		return Reason{"Please confirm that it is you", "This step needs a fresh proof of who you are. Give it, then do the step again.", ProveAgain}
	case sso.Conflict:
		return Reason{"That was not saved", "Somebody changed it meanwhile. Load the page again and look.", AskAgain}
	case sso.Invalid:
		return Reason{"That was not saved", "Check what you entered.", AskAgain}
	case sso.UpstreamDown:
		return Reason{"The app is not answering", "You are signed in; only the app does not answer at the moment. Try again soon; if it goes on, tell your administrator.", AskAgain}
	case sso.BridgeDown:
		return Reason{moment503, "A part of this site does not answer just now. Wait a minute, then try again. If it goes on, tell your administrator.", AskAgain}
	case sso.ProxyRefused:
		return Reason{"This address is not set up for sign-in yet", helpAdmin, AskAdministrator}
	case sso.Internal:
		return Reason{"Something went wrong", helpAdmin, AskAdministrator}
	}
	return Reason{}
}
