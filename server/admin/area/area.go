// Package area is what the areas of the administrator's place have in common: a request of an administrator ([Call]), how it
// is answered, and what package server/admin mounts of each ([Area]).
//
// An area is a package beside this one, such as server/admin/people, with one function that makes its [Area]. It knows
// its own part of the store. To add something to an area: a page is one of its Pages and a struct in package templates;
// an operation of the API is one of its Operations, of which its description in /api/openapi.json is made, too; what a page
// says about something that was done is one of its Notices. What may be done, by which rule and with which event, package
// sso/admin says.
//
// Pages work without script: a form posts, the answer is a redirect to a page that says what was done ([Call.Done]), or the
// form again with what was typed and an error at each field that needs one ([Call.Again]).
package area

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// An Area is pages and operations of the API that belong together.
type Area struct {
	Pages      []Page
	Operations []Operation
	Notices    map[string]string // what its pages say about what was just done; see [Call.Done]
}

// A Page is one action in the browser.
type Page struct {
	Method string
	Path   string // below [PagesPrefix], as echo takes it
	Run    func(*Call) error
}

// Get is a page that shows something.
func Get(path string, run func(*Call) error) Page { return Page{http.MethodGet, path, run} }

// Post is what a form is sent to.
func Post(path string, run func(*Call) error) Page { return Page{http.MethodPost, path, run} }

// An Operation is one entry of the API.
type Operation = openapi.Operation[*Call]

// PagesPrefix is the path under which the pages stand.
const PagesPrefix = "/admin"

// Saved is a notice that every area may use.
const Saved = "saved"

// Options are what every area works with, besides its own part of the store.
type Options struct {
	Settings admin.SettingStore
	Now      func() time.Time
	Host     Host
}

// Host is what the server that mounts the pages lends them. All fields are required, but for Recent and KeepForm, which come
// together.
type Host struct {
	Principal func(*http.Request) (*sso.Principal, error) // nil, nil: no one is signed in
	Render    func(w http.ResponseWriter, status int, page templates.Page) error
	Peer      func(*http.Request) string // the client's address
	Reference func(*http.Request) string // ties page, log line and event together
	Config    func() *setting.Config     // the settings in force
	Bridge    func() *sso.Bridge         // made of them
	Version   string                     // of the program
	// SameOrigin refuses what could change something and comes from a page of another site (SECURITY G1).
	SameOrigin func(*http.Request) error
	// Applied makes this replica act on what was just changed in the store. Call it before answering.
	Applied func(*http.Request)

	// While returns a context that lasts for as long as a request is that of an administrator, for an answer that goes on; call done
	// after it.
	While func(*http.Request) (ctx context.Context, done func(), err error)
	// Ending reports whether the server is about to end, so that an answer which goes on must not.
	Ending func() bool
	// OfferPasskey reports whether this browser may offer its administrator a passkey; nil: never.
	OfferPasskey func(*http.Request) bool

	// Recent reports whether the person has proved who they are a short while ago (SECURITY G3); nil: always.
	Recent func(*http.Request) bool
	// KeepForm keeps a posted form until its person has proved it anew, and returns where to send the browser for that.
	KeepForm func(r *http.Request, form url.Values) (location string, err error)
}

// ByID names one thing by the id in the path.
type ByID struct {
	ID int64 `path:"id"`
}

// LabelOf is what pages call a provider; "" when it has no label.
func LabelOf(p *setting.Provider) string {
	if p.Label == "" && p.Name == setting.DefaultProvider {
		return "Your product"
	}
	return p.Label
}

// ShownProvider is what pages call the provider of that name, or another way in. One that is gone has its name.
func ShownProvider(cfg *setting.Config, name string) string {
	for _, p := range cfg.Providers {
		if p.Name == name {
			return cmp.Or(LabelOf(p), name)
		}
	}
	return name
}
