// Package credential has what people show who sign in without an identity provider, or prove anew who they are.
package credential

import (
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
)

// A Credential is what somebody has shown who signs in without an identity provider, or proves anew who they are: a
// password or a passkey. It was found right a moment ago; whoever acts on it holds it, with [Credential.Holds], against
// the account as it is in that very transaction (SECURITY D8).
type Credential struct {
	AccountID int64

	// PasswordHash is the hash that the password fitted; "" for a passkey.
	PasswordHash string
	// Rehashed is a hash of the same password at today's costs, to keep instead; "" keeps the one there is.
	Rehashed string

	// Passkey is the passkey that signed, as it is after this use; nil for a password.
	Passkey *Passkey
	// CountBefore was its counter when the signature was judged.
	CountBefore int64

	// Settings is the version of the saved settings by which all this was judged; see [sso.SettingsChanged].
	Settings int64
}

// Holds reports whether a credential still is one of its account: of a, with the hash of its password ("" for none), and
// with knowsPasskey when the passkey is still there and was not used meanwhile. It returns [sso.AccountDisabled], or
// [sso.Conflict] when the credential is another one by now.
func (c Credential) Holds(a sso.Account, passwordHash string, administrator, knowsPasskey bool) error {
	switch {
	case !a.Active:
		return fmt.Errorf("account %d is deactivated: %w", a.ID, sso.AccountDisabled)
	case c.Passkey != nil && !knowsPasskey:
		return fmt.Errorf("the passkey of account %d was removed, or used at the same time: %w", a.ID, sso.Conflict)
	case c.Passkey != nil && !MayUsePasskeys(a, administrator):
		return fmt.Errorf("account %d has no password and is no administrator any more: %w", a.ID, sso.Conflict)
	case c.Passkey == nil && (c.PasswordHash == "" || c.PasswordHash != passwordHash):
		return fmt.Errorf("the password of account %d was changed meanwhile: %w", a.ID, sso.Conflict)
	}
	return nil
}

// MayUsePasskeys: people who have a password, and administrators. Others sign in through their provider, which alone says
// when they may not any more (SECURITY E3).
func MayUsePasskeys(a sso.Account, administrator bool) bool { return a.HasPassword || administrator }
