package credential_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
)

// SECURITY D8, E3: what was right a moment ago is held against the account as it is.
func TestCredentialHolds(t *testing.T) {
	with := sso.Account{ID: 1, Active: true, HasPassword: true}
	without, off := with, with
	without.HasPassword, off.Active = false, false
	password := credential.Credential{AccountID: 1, PasswordHash: "h"}
	key := credential.Credential{AccountID: 1, Passkey: &credential.Passkey{}}
	for _, row := range []struct {
		name          string
		by            credential.Credential
		a             sso.Account
		hash          string
		administrator bool
		known         bool
		want          sso.Code
	}{
		{"the password", password, with, "h", false, false, ""},
		{"another password by now", password, with, "h2", false, false, sso.Conflict},
		{"no password by now", password, without, "", false, false, sso.Conflict},
		{"no password, and none was shown", credential.Credential{AccountID: 1}, without, "", true, true, sso.Conflict},
		{"deactivated", password, off, "h", false, false, sso.AccountDisabled},
		{"a passkey", key, with, "h", false, true, ""},
		{"a passkey of an administrator without a password", key, without, "", true, true, ""},
		{"a passkey of somebody who is no administrator any more", key, without, "", false, true, sso.Conflict},
		{"a passkey that is not there", key, with, "h", true, false, sso.Conflict},
		{"a passkey of a deactivated account", key, off, "h", true, true, sso.AccountDisabled},
	} {
		if got := sso.CodeOf(row.by.Holds(row.a, row.hash, row.administrator, row.known)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
