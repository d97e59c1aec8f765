package token

import "net/netip"

// IsInner is for the test of it.
func IsInner(a netip.Addr) bool { return isInner(a) }
