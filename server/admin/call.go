package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// A call is one request of an administrator.
type call struct {
	echo.Context
	a   *Admin
	who *sso.Principal
}

func (a *Admin) handler(run func(*call) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, ok := c.Get(principalKey).(*sso.Principal)
		if !ok { // a path that the guard did not take for ours
			return sso.NotSignedIn
		}
		return run(&call{Context: c, a: a, who: who})
	}
}

// actor is this administrator, as the operations of package sso/admin know them.
func (c *call) actor() admin.Actor {
	r := c.Request()
	return admin.Actor{
		Name: c.who.Account.Email, Peer: c.a.Host.Peer(r), Reference: c.a.Host.Reference(r), At: c.a.Now(),
		Proved: c.a.Host.Recent == nil || c.a.Host.Recent(r),
	}
}

// Applied makes this replica act on what was just changed, before it is answered.
func (c *call) Applied() { c.a.Host.Applied(c.Request()) }

// form reads a posted form.
func (c *call) form() (url.Values, error) {
	raw, err := c.body()
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, fmt.Errorf("form: %w: %w", err, sso.RequestMalformed)
	}
	return values, nil
}

func (c *call) body() ([]byte, error) {
	return web.ReadBody(c.Request(), openapi.MaxBody)
}

// render answers with a page.
func (c *call) render(status int, page templates.Page) error {
	return c.a.Host.Render(c.Response(), status, page)
}

// done answers a form that did what it should: the browser goes to a page of ours (path with its query, below /admin),
// which says so. notice is one of the texts of [notices].
func (c *call) done(path, notice string) error {
	c.Applied()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return c.Redirect(http.StatusSeeOther, c.a.path(pagesPrefix+path+separator+"done="+notice))
}

// notices are what a page may say about what was just done. They are ours, so that no link can put words into our mouth.
func notices() map[string]string {
	return map[string]string{
		"saved":       "Saved. It is in force now.",
		"key-added":   "The new shared secret is in force. The one before still works until you remove it.",
		"key-first":   "The shared secret is in force. Your product must sign with the same one. To see whether it does, try it.",
		"key-removed": "That shared secret is accepted no more.",
		"key-gone":    "Only the current shared secret works now.",

		"mapping-undone": "Taken back: the mapping is as it was before, and so are the groups that were cleared. People who have signed in since get their groups at their next sign-in.",

		"person-made":       "The account is made. The person can sign in.",
		"deactivated":       "The account is deactivated, and its sessions are over.",
		"reactivated":       "The account is active again.",
		"attribute-saved":   "The attribute is set. It is in force now.",
		"attribute-removed": "The attribute is removed.",
		"member-added":      "Added to the group. It is in force now.",
		"member-removed":    "Removed from the group. It is in force now.",
		"session-ended":     "Signed out there.",
		"sessions-ended":    "Signed out everywhere.",
		"group-made":        "The group is made.",
		"group-renamed":     "The group has its new name.",
		"group-deleted":     "The group is deleted. For a week it can be brought back, with everybody who was in it.",
		"group-restored":    "The group is back, with everybody who was in it. People who were in it through a sign-in and have signed in since get it by their next one.",
	}
}

// layout is what surrounds every page; section is the entry of the navigation that the page belongs to.
func (c *call) layout(section templates.AdminSection) templates.AdminLayout {
	return templates.AdminLayout{
		Layout: templates.Layout{
			Site: c.a.Host.Config().SiteName,
			User: &templates.UserMenu{Name: c.who.Account.CommonName(), AdminURL: c.a.path(pagesPrefix)},
		},
		Section: section,
		Notice:  notices()[c.QueryParam("done")],
	}
}
