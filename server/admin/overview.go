package admin

import (
	"context"
	"net/http"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// overviewArea shows how the bridge is doing.
type overviewArea struct {
	area.Options
	Store overviewStore
}

type overviewStore interface {
	MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error)
}

func newOverview(o area.Options, store overviewStore) area.Area {
	a := overviewArea{o, store}
	return area.Area{
		Pages:      []area.Page{area.Get("", a.overviewPage)},
		Operations: []area.Operation{openapi.Op("GET", "/overview", "getOverview", "How the bridge is doing", a.overview)},
	}
}

// overview is what one look should tell.
type overview struct {
	SignIn         bool     `json:"sign_in" doc:"sign-in through the identity provider is on"`
	PasswordLogin  bool     `json:"password_login" doc:"people who have a password may sign in with it"`
	People         int      `json:"people"`
	Administrators int      `json:"administrators"`
	Callback       string   `json:"callback" doc:"where the identity provider redirects to"`
	Warnings       []string `json:"warnings" doc:"what works, but hardly as it was meant"`
}

func (a overviewArea) overview(c *area.Call, _ openapi.Nothing) (overview, error) {
	sizes, err := a.Store.MemberCounts(c.Request().Context(), []int64{sso.AllUsers, sso.Administrators})
	if err != nil {
		return overview{}, err
	}
	cfg := a.Host.Config()
	return overview{
		SignIn: len(cfg.LoginProviders()) > 0, PasswordLogin: cfg.EnablePasswordLogin, People: sizes[sso.AllUsers],
		Administrators: sizes[sso.Administrators], Callback: cfg.URL("/auth/sso"),
		Warnings: append(append([]string{}, cfg.Warnings...), a.Host.Bridge().Providers.KeyFaults()...),
	}, nil
}

func (a overviewArea) overviewPage(c *area.Call) error {
	o, err := a.overview(c, openapi.Nothing{})
	if err != nil {
		return err
	}
	cfg := a.Host.Config()
	return c.Show(http.StatusOK, templates.AdminOverview{
		AdminLayout: c.Layout(templates.AdminSectionOverview), SignIn: o.SignIn,
		KeyMissing: cfg.JWT.IdentityProviderURI != nil && !cfg.JWT.HasKeys(), PasswordLogin: o.PasswordLogin, People: o.People,
		Administrators: o.Administrators, Callback: o.Callback, Warnings: o.Warnings,
	})
}
