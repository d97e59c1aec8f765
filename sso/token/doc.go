// Package token verifies the signed tokens of redirect-style JWT login.
//
// Two things are meant for use. A [Verifier] judges a login token: form, signature, times, issuer, audience, and the
// mapping to an identity (it is the [sso.Verifier] of a provider). [VerifySignature] judges form and signature only, for
// tools. The zero Verifier refuses every token, and a forgotten field makes it stricter, never more lenient.
//
// The cryptography is golang-jwt's; everything around it is a gate of our own, since that library alone accepts much
// that RFC 7515, RFC 7519 and RFC 8725 forbid: "crit", duplicate names, line ends inside a token, one RSA key under
// several algorithms, a PSS salt of any length.
//
//   - A token is a compact JWS of at most [MaxSize] bytes: three non-empty parts of base64url and nothing else. So each
//     accepted token has exactly one spelling, but for the signature (ES256 has two for each, see [sso.Proof]).
//   - Header and payload are one JSON object each: UTF-8, no duplicate names, at most 8 deep.
//   - Keys come from the configured [keyset.Set] alone. jku, jwk, x5u and x5c in a header are never looked at, and kid only
//     chooses among the configured keys.
//   - A key has exactly one algorithm. A token whose header says another is refused before any cryptography.
package token
