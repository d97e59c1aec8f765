// Package server is ssobridge over HTTP: sign-in, the answer to "who is this?", the reverse proxy, and the pages people
// see. A handler reads the request, makes one call into package sso, and answers; decisions stand there, not here.
//
// Where to find what: routes.go has every route and its guard; login.go the sign-in; principals.go how a request
// becomes a principal (a cache that follows the store's feed of changes); password.go and passkey.go the ways in
// without an identity provider, setup.go the first administrator, reauth.go the fresh proof of who someone is;
// verify.go the answer to a proxy's question, forward.go the one that knows what was asked for; proxy.go the reverse
// proxy, target.go which requests it takes, answers.go what becomes of the app's answers, watch.go what runs behind it;
// middleware.go the same for handlers of one's own; errors.go turns a refusal into status, words, page and log line, and nothing
// else does. The pages' structs are in package templates; the admin pages in server/admin.
//
// The hot path, /auth/verify, /auth/forward and the reverse proxy, is plain net/http in front of echo.
package server
