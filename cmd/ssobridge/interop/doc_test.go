// Package interop holds ssobridge against what other people wrote: JWT libraries in six languages, an identity provider's
// page as Metabase's documentation has it, a real browser, and the URL standard that browsers follow. It tests the real
// binary from outside, configured as for Metabase, and has no code that a program uses.
package interop
