package people

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/activity"
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// What the page shows at most, and how old.
const (
	whyPeople = 5
	whyEvents = 10
	whySince  = 30 * 24 * time.Hour
)

// whyPage answers why somebody cannot sign in, from what an administrator knows of them: a name, an e-mail address, or the
// reference on the page that refused.
func (a peopleArea) whyPage(c *area.Call) error {
	q := strings.TrimSpace(sso.CleanText(c.QueryParam("q")))
	p := templates.AdminWhy{AdminLayout: c.Layout(templates.AdminSectionOverview), Q: q, Now: a.Now(),
		All: area.WithQuery(c.Link("/admin/activity"), area.Filter("kind", string(sso.EventSignInRefused)))}
	if q == "" {
		return c.Show(http.StatusOK, p)
	}
	found, next, err := a.Store.Accounts(c.Request().Context(), sso.AccountQuery{Page: sso.Page{Limit: whyPeople}, Search: q})
	if err != nil {
		return err
	}
	p.Many = next != ""
	for _, account := range found {
		one, err := a.whyPerson(c, account)
		if err != nil {
			return err
		}
		p.People = append(p.People, one)
	}
	p.Events, err = a.whyOthers(c.Request().Context(), q, found)
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, p)
}

func (a peopleArea) whyPerson(c *area.Call, account sso.Account) (templates.AdminWhyPerson, error) {
	refused, _, err := a.Store.Events(c.Request().Context(), sso.EventQuery{Page: sso.Page{Limit: whyEvents}, Kinds: []sso.EventKind{sso.EventSignInRefused, sso.EventNotRefreshed},
		AccountID: account.ID, Email: account.Email, Since: a.Now().Add(-whySince)})
	row := personRow(a.Host.Config(), personOf(account))
	return templates.AdminWhyPerson{
		ID: row.ID, Person: row.Person, Inactive: row.Inactive, Source: row.Source, LastLogin: row.LastLogin, Events: activity.Shown(a.Host.Config(), refused), Now: a.Now(),
		Activity: area.WithQuery(c.Link("/admin/activity"), area.Filter("person", strconv.FormatInt(account.ID, 10))),
	}, err
}

// whyOthers are refusals that belong to none of the accounts that were found: of an address that has none yet, or by
// their reference.
func (a peopleArea) whyOthers(ctx context.Context, q string, found []sso.Account) ([]templates.AdminEvent, error) {
	query := admin.ActivityFilter{Since: a.Now().Add(-whySince), Kind: string(sso.EventSignInRefused)}
	switch tidy := strings.NewReplacer(" ", "", "-", "").Replace(q); {
	case sso.IsReference(tidy):
		query = admin.ActivityFilter{Reference: tidy} // whatever it was about, and however old
	case address.Check(q) == nil && !slices.ContainsFunc(found, func(a sso.Account) bool { return address.Key(a.Email) == address.Key(q) }):
		query.Person = q
	default:
		return nil, nil
	}
	events, _, err := admin.Activity{Store: a.Store}.Events(ctx, query, sso.Page{Limit: whyEvents})
	return activity.Shown(a.Host.Config(), events), err
}
