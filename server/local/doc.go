// Package local is the ways in without an identity provider: password, passkey, the set-up of the first administrator. It
// also has the fresh proof of who somebody is (reauth.go), which what is dangerous needs.
//
// Passwords are looked at in one place, [Local.provePassword], which counts guesses; passkeys in [passkeys.provePasskey].
package local
