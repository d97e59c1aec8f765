// Package server is ssobridge over HTTP. A handler reads the request, makes one call into package sso, and answers; decisions
// stand there, not here.
//
// Its parts are objects, with a package each: [web.Web] is what all answers share, [gate.Gate] decides who may pass and as
// whom, [local.Local] has the ways in without an identity provider, package server/admin the administrator's pages and API.
// Here stand the routes with their guards (routes.go), the sign-in at the identity provider (login.go, with flow.go,
// handoff.go, begun.go and trial.go), sign-out and home page (person.go), and the lifecycle (server.go).
//
// The hot path, /auth/verify, /auth/forward and the reverse proxy, is plain net/http in front of echo.
package server
