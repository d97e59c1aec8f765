package token

import "net/netip"

// IsInner is for the test of it.
func IsInner(a netip.Addr) bool { return isInner(a) }

// Verifies is for vectors whose messages are no tokens.
func Verifies(k Key, message, signature []byte) bool {
	return k.verify(compact{signingInput: string(message), signature: signature})
}
