// Package sso is the domain of ssobridge: its words, its rules, and the [Bridge] that runs a login. It knows no HTTP, no
// SQL and no JWT library, so that what a login may and may not do can be read, and tested, in one place. It imports the
// standard library, and package address, which has the tables of Unicode and of domain names (a test holds this).
//
// # The words
//
//   - identity provider (IdP): who asserts; the product that people already sign in to.
//   - relying party: the bridge.
//   - issuer, subject, audience: the claims iss, sub and aud of RFC 7519.
//   - [Claims]: the verified payload of a token, before any mapping.
//   - [Identity]: after the mapping, what the IdP said about a person.
//   - [Account]: our own record of that person. An Identity is news; an Account is what we keep.
//   - [Session]: one signed-in browser.
//   - caller ([Principal]): whoever a request acts for: a person's session, a service account, or the holder of a token.
//   - [Passkey]: the public part of a key in someone's device, the second way in without an identity provider.
//   - [Proof]: the evidence that one token was verified; spent at most once.
//   - key set: the keys that an issuer may sign with (package token).
//   - [Flow]: a login that this browser began.
//   - [Callback]: what came to /auth/sso. [Attempt]: what the store is asked to make of it. [SignedIn]: what became of accounts
//     and groups. [Login]: what the browser gets.
//   - digest: one of settings, kept with an account to tell later which ones let it in.
//   - [Provider]: one configured IdP, made of parts; a part that is nil is off.
//   - [Mappings]: IdP group → groups of the bridge.
//   - setting: one configurable value with its source (package setting).
//   - [Code]: why a login was refused. Every refusal in the program wraps exactly one.
//
// # One login
//
// Read [Bridge.SignIn] and the table of steps in bridge.go: return path, provider, the flow that the browser began, a code
// for a token, verification (package token), the flow's verdict, and the one transaction (package store). [Bridge.Explain]
// runs the same steps over a store that undoes, with an [Exam] that goes on after a failure.
package sso
