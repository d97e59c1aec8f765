package area

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// A Call is one request of an administrator.
type Call struct {
	echo.Context
	Who     *sso.Principal
	Options Options
	Notices map[string]string // of all areas
}

// Actor is this administrator, as the operations of package sso/admin know them.
func (c *Call) Actor() admin.Actor {
	r, host := c.Request(), c.Options.Host
	return admin.Actor{
		Name: c.Who.Account.Email, AccountID: c.Who.Account.ID, Peer: host.Peer(r), Reference: host.Reference(r), At: c.Options.Now(),
		Proved: host.Recent == nil || host.Recent(r),
	}
}

// Applied makes this replica act on what was just changed, before it is answered.
func (c *Call) Applied() { c.Options.Host.Applied(c.Request()) }

// Link is where a path of the bridge stands for browsers.
func (c *Call) Link(path string) string { return c.Options.Host.Config().Path(path) }

// PathID is the id in the path of a page.
func (c *Call) PathID() (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no id: %w", c.Param("id"), sso.NotFound)
	}
	return id, nil
}

// Form reads a posted form.
func (c *Call) Form() (url.Values, error) {
	raw, err := web.ReadBody(c.Request(), openapi.MaxBody)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, fmt.Errorf("form: %w: %w", err, sso.RequestMalformed)
	}
	return values, nil
}

// VersionOf is the version of the settings that a form was made of.
func VersionOf(form url.Values) (int64, error) {
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the form has no version: %w", sso.RequestMalformed)
	}
	return version, nil
}

// VersionedForm reads a posted form that changes settings, and the version of those that it was made of.
func (c *Call) VersionedForm() (form url.Values, version int64, err error) {
	if form, err = c.Form(); err != nil {
		return nil, 0, err
	}
	version, err = VersionOf(form)
	return form, version, err
}

// Show answers with a page.
func (c *Call) Show(status int, page templates.Page) error {
	return c.Options.Host.Render(c.Response(), status, page)
}

// Layout is what surrounds every page; section is the entry of the navigation that the page belongs to.
func (c *Call) Layout(section templates.AdminSection) templates.AdminLayout {
	return templates.AdminLayout{
		Layout: templates.Layout{
			Site: c.Options.Host.Config().SiteName,
			User: &templates.UserMenu{Name: c.Who.Account.CommonName(), AdminURL: c.Link(PagesPrefix)},
		},
		Section: section,
		Notice:  c.Notices[c.QueryParam("done")],
	}
}

// Done answers a form that did what it should: the browser goes to a page of ours (path with its query, below /admin),
// which says so. notice names one of the Notices of an area: the texts are ours, so that no link can put words into our mouth.
func (c *Call) Done(path, notice string) error {
	c.Applied()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return c.Redirect(http.StatusSeeOther, c.Link(PagesPrefix+path+separator+"done="+notice))
}

// ProveFirst answers a form that needs a recent proof: the form waits until the person has given one.
func (c *Call) ProveFirst(form url.Values) error {
	location, err := c.Options.Host.KeepForm(c.Request(), form)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, location)
}

// Again answers a form that did not do what it should: it waits for a proof, or is shown once more with what is wrong at
// which field, and besides. An error of the bridge's own is returned.
func (c *Call) Again(form url.Values, err error, show func(fields map[string]string, alert string, status int) error) error {
	if sso.CodeOf(err) == sso.ProofNeeded {
		return c.ProveFirst(form)
	}
	fields, alert, status, ok := ReadableParts(err)
	if !ok {
		return err
	}
	return show(fields, alert, status)
}

// RowForm carries out what a form asks for on the page of one thing, whose id is in the path, and goes on to a path with a
// notice. What an administrator may read of a failure is shown on the page again.
func (c *Call) RowForm(do func(id int64, form url.Values) (path, notice string, err error),
	show func(id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error)) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	form, err := c.Form()
	if err != nil {
		return err
	}
	path, notice, err := do(id, form)
	if err == nil {
		return c.Done(path, notice)
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		page, err := show(id, form, fields, alert)
		if err != nil {
			return err
		}
		return c.Show(status, page)
	})
}
