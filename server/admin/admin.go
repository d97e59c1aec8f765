// Package admin is the administrator's place: pages under /admin, and the same operations as JSON under /api/v1.
//
// One guard (guard.go) stands before both and lets only members of Administrators pass. What is behind it comes from areas:
// a package each beside this one, which package area says how to make, and a line in [Admin.areas]. Handlers return errors;
// package server/web answers them.
package admin

import (
	"maps"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin/activity"
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/admin/mapping"
	"github.com/ssobridge/ssobridge/server/admin/people"
	"github.com/ssobridge/ssobridge/server/admin/services"
	"github.com/ssobridge/ssobridge/server/admin/signin"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// Options are what the pages need. All fields but the last two are required.
type Options struct {
	area.Options
	Store    Store
	Services services.Store // nil: there are no service accounts
	Minter   admin.Minter   // of their tokens
}

// Store keeps what administrators see and change. Each area says what it needs of it; package store has the one
// implementation.
type Store interface {
	overviewStore
	signin.Store
	admin.MappingStore
	people.Store
	admin.ActivityStore
}

// Admin is the administrator's place. Make one with [New] and mount it once.
type Admin struct {
	Options
}

// New makes the pages and the API.
func New(o Options) *Admin { return &Admin{Options: o} }

// areas lists what there is, in the order in which the API describes it.
func (a *Admin) areas() []area.Area {
	return []area.Area{
		newOverview(a.Options.Options, a.Store),
		signin.New(a.Options.Options, a.Store),
		mapping.New(a.Options.Options, a.Store),
		people.New(a.Options.Options, a.Store),
		services.New(a.Options.Options, a.Services, a.Minter),
		activity.New(a.Options.Options, a.Store),
	}
}

// link is where a path of the bridge stands for browsers.
func (a *Admin) link(path string) string { return a.Host.Config().Path(path) }

// The paths under which everything stands.
const (
	apiPrefix = "/api/v1"
	// OpenAPIPath is where the description of the API is served, to anyone.
	OpenAPIPath = "/api/openapi.json"
)

// Mount adds guard, pages and API to e.
func (a *Admin) Mount(e *echo.Echo) {
	e.Use(a.guard)
	var operations []area.Operation
	notices := map[string]string{area.Saved: "Saved. It is in force now."}
	for _, part := range a.areas() {
		maps.Copy(notices, part.Notices)
		operations = append(operations, part.Operations...)
		for _, p := range part.Pages {
			e.Match(methods(p.Method), area.PagesPrefix+p.Path, a.handler(notices, p.Run))
		}
		for _, o := range part.Operations {
			e.Match(methods(o.Method), apiPrefix+o.EchoPath(), a.handler(notices, o.Run))
		}
	}
	document := sync.OnceValue(func() []byte { return a.document(operations) }) // few bridges are ever asked for it
	e.Match(methods(http.MethodGet), OpenAPIPath, func(c echo.Context) error {
		return c.JSONBlob(http.StatusOK, document())
	})
}

// handler answers a request that the guard let through. notices are those of all areas, once Mount is done.
func (a *Admin) handler(notices map[string]string, run func(*area.Call) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, ok := c.Get(principalKey).(*sso.Principal)
		if !ok { // a path that the guard did not take for ours
			return sso.NotSignedIn
		}
		return run(&area.Call{Context: c, Who: who, Options: a.Options.Options, Notices: notices})
	}
}

// document describes the API.
func (a *Admin) document(operations []area.Operation) []byte {
	return openapi.Document(openapi.API{
		Title: "ssobridge", Base: a.link(""), Prefix: apiPrefix, Cookie: "__Host-ssobridge",
		Description: "What administrators see and change. Send the session of an administrator as cookie, or as Authorization: Bearer.",
	}, operations)
}

// methods are those under which something is found: HEAD answers as GET does (RFC 9110 §9.3.2).
func methods(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{method}
}
