// Package admin is the administrator's place: pages under /admin, and the same operations as JSON under /api/v1.
//
// One guard (guard.go) stands before both and lets only members of Administrators pass; a page and an operation of the
// API are two presentations of one function. To add something: a page is a line in the pages of an area, such as
// groupArea, and a struct in package templates; an operation of the API is a line in its operations, from which its
// description in /api/openapi.json is made, too. Handlers return errors; package server/web answers them. What may be done, by
// which rule and with which event, package sso/admin says.
//
// Pages work without script: a form posts, the answer is a redirect to a page that says what was done, or the form again
// with what was typed and an error at each field that needs one.
package admin

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// Options are what the pages need. All fields are required, but for Recent and KeepForm, which come together.
type Options struct {
	Store    Store
	Settings admin.SettingStore
	Now      func() time.Time
	Host     Host
}

// Store keeps what administrators see and change. Each part of the package says what it needs of it; package store has
// the one implementation.
type Store interface {
	overviewStore
	tryStore
	mappingStore
	admin.SecretStore
	peopleStore
	groupStore
	memberStore
	sessionStore
	admin.ActivityStore
}

// Host is what the server that mounts the pages lends them.
type Host struct {
	Principal func(*http.Request) (*sso.Principal, error) // nil, nil: no one is signed in
	Render    func(w http.ResponseWriter, status int, page templates.Page) error
	Peer      func(*http.Request) string // the client's address
	Reference func(*http.Request) string // ties page, log line and event together
	Config    func() *setting.Config     // the settings in force
	Bridge    func() *sso.Bridge         // made of them
	// SameOrigin refuses what could change something and comes from a page of another site (SECURITY G1).
	SameOrigin func(*http.Request) error
	// Applied makes this replica act on what was just changed in the store. Call it before answering.
	Applied func(*http.Request)

	// Recent reports whether the person has proved who they are a short while ago (SECURITY G3); nil: always.
	Recent func(*http.Request) bool
	// KeepForm keeps a posted form until its person has proved it anew, and returns where to send the browser for that.
	KeepForm func(r *http.Request, form url.Values) (location string, err error)
}

// Admin is the administrator's place. Make one with [New] and mount it once.
type Admin struct {
	Options
}

// New makes the pages and the API.
func New(o Options) *Admin { return &Admin{Options: o} }

// path is where a path of the bridge stands for browsers.
func (a *Admin) path(p string) string { return a.Host.Config().Path(p) }

// The paths under which everything stands.
const (
	pagesPrefix = "/admin"
	apiPrefix   = "/api/v1"
	// OpenAPIPath is where the description of the API is served, to anyone.
	OpenAPIPath = "/api/openapi.json"
)

// Mount adds guard, pages and API to e.
func (a *Admin) Mount(e *echo.Echo) {
	e.Use(a.guard)
	for _, p := range a.pages() {
		e.Match(methods(p.method), pagesPrefix+p.path, a.handler(p.run))
	}
	for _, o := range a.operations() {
		e.Match(methods(o.Method), apiPrefix+o.EchoPath(), a.handler(o.Run))
	}
	document := sync.OnceValue(a.document) // few bridges are ever asked for it
	e.Match(methods(http.MethodGet), OpenAPIPath, func(c echo.Context) error {
		return c.JSONBlob(http.StatusOK, document())
	})
}

// document describes the API.
func (a *Admin) document() []byte {
	return openapi.Document(openapi.API{
		Title: "ssobridge", Base: a.path(""), Prefix: apiPrefix, Cookie: "__Host-ssobridge",
		Description: "What administrators see and change. Send the session of an administrator as cookie, or as Authorization: Bearer.",
	}, a.operations())
}

// methods are those under which something is found: HEAD answers as GET does (RFC 9110 §9.3.2).
func methods(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{method}
}

// A page is one action in the browser.
type page struct {
	method string
	path   string // below /admin
	run    func(*call) error
}

// pages lists every page and every form's target. One file for each group of them.
func (a *Admin) pages() []page {
	return slices.Concat(
		a.overviewPages(),
		settingArea{a.Options}.pages(),
		keyArea{a.Options}.pages(),
		providerArea{a.Options}.pages(),
		tryArea{a.Options}.pages(),
		mappingArea{a.Options}.pages(),
		peopleArea{a.Options}.pages(),
		groupArea{a.Options}.pages(),
		sessionArea{a.Options}.pages(),
		activityArea{a.Options}.pages(),
	)
}

// operations lists every operation of the API.
func (a *Admin) operations() []openapi.Operation[*call] {
	return slices.Concat(
		a.overviewOperations(),
		settingArea{a.Options}.operations(),
		keyArea{a.Options}.operations(),
		providerArea{a.Options}.operations(),
		tryArea{a.Options}.operations(),
		mappingArea{a.Options}.operations(),
		peopleArea{a.Options}.operations(),
		groupArea{a.Options}.operations(),
		sessionArea{a.Options}.operations(),
		activityArea{a.Options}.operations(),
	)
}
