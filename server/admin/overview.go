package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/server/admin/activity"
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/advice"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// overviewArea shows how the bridge is doing.
type overviewArea struct {
	area.Options
	Store overviewStore
}

type overviewStore interface {
	admin.ActivityStore
	Passkeys(ctx context.Context, accountID int64) ([]credential.Passkey, error)
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
	h, err := admin.Activity{Store: a.Store}.Health(c.Request().Context(), a.Now())
	if err != nil {
		return err
	}
	keys, err := a.Store.Passkeys(c.Request().Context(), c.Who.Account.ID)
	if err != nil {
		return err
	}
	steps, err := a.steps(c, len(keys))
	if err != nil {
		return err
	}
	p := templates.AdminOverview{
		AdminLayout: c.Layout(templates.AdminSectionOverview), Warnings: o.Warnings, Steps: steps, AtLeast: h.More, Changed: activity.Shown(a.Host.Config(), h.Changed), Now: a.Now(),
		People: o.People, Administrators: o.Administrators, PasswordLogin: o.PasswordLogin, Callback: o.Callback, Version: a.Host.Version,
	}
	if p.Needed() { // the steps say what is missing, and come before a second way in
		p.Warnings = slices.DeleteFunc(p.Warnings, func(w string) bool { return strings.Contains(w, setting.SignInOff) })
	}
	p.Offer, p.Here = len(keys) == 0 && !p.Needed() && a.Host.OfferPasskey != nil && a.Host.OfferPasskey(c.Request()), c.Link(area.PagesPrefix)
	p.State, p.Look = a.state(c, o, h, p.Needed())
	for _, d := range h.Days {
		on := d.Day.Format(time.DateOnly)
		p.Days = append(p.Days, templates.OverviewDay{Day: d.Day, SignIns: d.SignIns, Refusals: d.Refusals,
			URL: area.WithQuery(c.Link("/admin/activity"), area.Filter("from", on, "until", on))})
	}
	for _, r := range h.Refused {
		p.Refused = append(p.Refused, templates.AdminRefused{Why: r.Code.Label(), Code: string(r.Code), Count: r.Count, Last: r.Last.At,
			Reference: r.Last.Reference, URL: a.refusals(c, r.Code)})
	}
	return c.Show(http.StatusOK, p)
}

// refusals is where Activity lists those of a code.
func (a overviewArea) refusals(c *area.Call, code sso.Code) string {
	return area.WithQuery(c.Link("/admin/activity"), area.Filter("kind", string(sso.EventSignInRefused), "code", string(code)))
}

// state says in one sentence whether sign-in works, and where to look if that is in doubt.
func (a overviewArea) state(c *area.Call, o overview, h admin.Health, needed bool) (s templates.AdminState, look string) {
	today := h.Today()
	switch {
	case !o.SignIn:
		return templates.AdminState{Word: "Not set up.", Text: "Nobody can sign in through a product yet.", Attention: true}, ""
	case h.Trouble != nil:
		return templates.AdminState{Word: "Most sign-ins are refused.", Attention: true, Text: fmt.Sprintf("%d were refused in the last hour, and %d went well. The reason most often: %s. %s.",
			h.Recent.Refusals, h.Recent.SignIns, lower(h.Trouble.Code.Label()), cmp.Or(advice.For(a.Host.Config(), sso.UseLogin, h.Trouble.Code, h.Trouble.Last.Provider), "Look at Activity"))}, a.refusals(c, h.Trouble.Code)
	case len(o.Warnings) > 0:
		return templates.AdminState{Word: "Something needs a look.", Text: "Sign-in is on. " + counted(today), Attention: true}, ""
	case needed:
		return templates.AdminState{Word: "Ready.", Text: "Nobody has signed in through your product yet. The steps below lead there."}, ""
	case fortnight(h).SignIns == 0:
		return templates.AdminState{Word: "Ready.", Text: "Sign-in is set up, and nobody has signed in for two weeks."}, ""
	}
	return templates.AdminState{Word: "Sign-in works.", Text: counted(today)}, ""
}

func fortnight(h admin.Health) (all admin.Day) {
	for _, d := range h.Days {
		all.SignIns += d.SignIns
		all.Refusals += d.Refusals
	}
	return all
}

func counted(d admin.Day) string {
	return fmt.Sprintf("Today (UTC): %s, %d refused.", admin.Count(d.SignIns, "sign-in", "sign-ins"), d.Refusals)
}

// lower begins a label as a word within a sentence.
func lower(label string) string {
	first, size := utf8.DecodeRuneInString(label)
	return string(unicode.ToLower(first)) + label[size:]
}
