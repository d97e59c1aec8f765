package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/admin/services"
	"github.com/ssobridge/ssobridge/server/admin/signin"
	"github.com/ssobridge/ssobridge/server/gate"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	rules "github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// Administration is what the administrator's place works with.
type Administration struct {
	Store    admin.Store
	Settings rules.SettingStore
	Services services.Store // nil: there are no service accounts
	Minter   rules.Minter   // of their tokens
}

// mountAdmin adds /admin and /api/v1.
func (s *Server) mountAdmin(e *echo.Echo) {
	if s.options.Administration == nil {
		return
	}
	admin.New(admin.Options{
		Store: s.options.Administration.Store, Services: s.options.Administration.Services, Minter: s.options.Administration.Minter,
		Options: area.Options{Settings: s.options.Administration.Settings, Now: s.options.Now, Host: area.Host{
			Principal: func(r *http.Request) (*sso.Principal, error) { return gate.Sole(s.gate, r) },
			Render: func(w http.ResponseWriter, status int, p templates.Page) error {
				s.web.Site().Secure(w.Header())
				return s.web.Page(w, status, p)
			},
			Peer:       func(r *http.Request) string { return s.web.Site().Peer(r) },
			Reference:  web.Reference,
			Version:    s.options.Version,
			Config:     func() *setting.Config { return s.web.Site().Config },
			Bridge:     func() *sso.Bridge { return s.web.Site().Bridge },
			SameOrigin: func(r *http.Request) error { return s.web.Site().CheckSource(r) },
			Applied:    s.gate.SeeChanges,
			While:      s.gate.WhileAdministrator,
			Ending:     s.web.Drain.Begun,
			Recent:     s.local.Recent,
			KeepForm:   s.local.KeepForm,

			OfferPasskey: s.local.OfferPasskey,
		}},
	}).Mount(e)
	e.POST(signin.TrialPath, s.relyingParty.handleTrial)
}
