// Package gate decides who may pass, and as whom: /auth/verify and /auth/forward for the proxies that ask, the reverse proxy
// in front of UPSTREAM, and the middleware for handlers of a Go program. It fails closed: while it cannot be told who
// somebody is, nobody passes.
//
// principals.go is the cache of sessions, which follows the store's feed of changes; session.go reads which session a
// request presents, and ends sessions; verify.go and forward.go answer proxies; proxy.go hands requests to the app,
// target.go refuses those that it must not get, headers.go knows which headers a client may not set, answers.go changes the
// app's answers, watch.go ends what outlives its session; refuse.go answers whoever may not pass.
//
// All of it is plain net/http, in front of echo: this is the hot path.
package gate
