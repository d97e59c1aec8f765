// Package services is the area of callers that are no people: service accounts and their tokens.
package services

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/service"
)

// Store is what the area needs of the store.
type Store interface {
	admin.ServiceStore
	List(ctx context.Context, page sso.Page) ([]service.Account, string, error)
	Tokens(ctx context.Context, accountID int64, page sso.Page) ([]service.Token, string, error)
}

// A serviceArea shows and changes service accounts.
type serviceArea struct {
	area.Options
	admin.Services
	lists Store
}

// New makes the area. Without a store there is none.
func New(o area.Options, store Store, minter admin.Minter) area.Area {
	if store == nil {
		return area.Area{}
	}
	a := serviceArea{o, admin.Services{Store: store, Minter: minter}, store}
	return area.Area{Pages: a.pages(), Operations: a.operations(), Notices: notices()}
}

func (a serviceArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/service-accounts", "listServiceAccounts", "Service accounts in the order of their names", a.list),
		openapi.Op("POST", "/service-accounts", "createServiceAccount", "Make a service account, which has no token yet", a.create),
		openapi.Op("GET", "/service-accounts/{id}", "getServiceAccount", "One service account", a.get),
		openapi.Op("PATCH", "/service-accounts/{id}", "changeServiceAccount", "Give a service account another label, stop all its tokens, or let them work again", a.change),
		openapi.Op("DELETE", "/service-accounts/{id}", "deleteServiceAccount", "Delete a service account with its tokens, for ever", a.remove),
		openapi.Op("GET", "/service-accounts/{id}/tokens", "listServiceTokens", "The tokens of a service account, newest first; never the tokens themselves", a.tokens),
		openapi.Op("POST", "/service-accounts/{id}/tokens", "createServiceToken", "Make a token; the answer is the one place where it is shown", a.makeToken),
		openapi.Op("DELETE", "/service-accounts/{id}/tokens/{ref}", "revokeServiceToken", "End a token at once, on every replica", a.revoke),
		openapi.Op("POST", "/service-accounts/{id}/tokens/{ref}/regenerate", "regenerateServiceToken", "Make a token in the place of another one, which ends in the same moment", a.regenerate),
	}
}

type accountList struct {
	Accounts []account `json:"service_accounts"`
	Next     string    `json:"next" doc:"for after; empty at the end"`
}

type account struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name" doc:"the sub of its tokens; it never changes"`
	Label     string     `json:"label"`
	Active    bool       `json:"active"`
	Tokens    int        `json:"tokens" doc:"how many work now"`
	MadeBy    string     `json:"made_by" doc:"an e-mail, or cli for the shell"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used" doc:"up to two minutes behind"`
}

func accountOf(a service.Account) account {
	return account{a.ID, a.Name, a.Label, a.Active, a.Tokens, madeBy(a.MakerID, a.Maker), a.CreatedAt.UTC(), area.TimeOrNull(a.LastUsed)}
}

func madeBy(id int64, email string) string {
	if id == 0 {
		return admin.Shell
	}
	return email
}

func (a serviceArea) list(c *area.Call, in area.Part) (accountList, error) {
	found, next, err := a.lists.List(c.Request().Context(), in.Page())
	list := accountList{Accounts: []account{}, Next: next}
	for _, one := range found {
		list.Accounts = append(list.Accounts, accountOf(one))
	}
	return list, err
}

type newAccount struct {
	Name  string `json:"name" doc:"small letters and digits, with single dots, hyphens or underscores between them"`
	Label string `json:"label,omitempty" doc:"for people"`
}

func (a serviceArea) create(c *area.Call, in newAccount) (account, error) {
	made, err := a.Create(c.Request().Context(), c.Actor(), in.Name, in.Label)
	return accountOf(made), err
}

func (a serviceArea) get(c *area.Call, in area.ByID) (account, error) {
	found, err := a.Store.Account(c.Request().Context(), in.ID)
	return accountOf(found), err
}

type changedAccount struct {
	ID     int64   `path:"id"`
	Label  *string `json:"label,omitempty"`
	Active *bool   `json:"active,omitempty" doc:"false stops all its tokens at once, on every replica"`
}

func (a serviceArea) change(c *area.Call, in changedAccount) (account, error) {
	ctx := c.Request().Context()
	var err error
	if in.Label != nil {
		err = a.Relabel(ctx, c.Actor(), in.ID, *in.Label)
	}
	if err == nil && in.Active != nil {
		err = a.setActive(c, in.ID, *in.Active)
	}
	if err != nil {
		return account{}, err
	}
	return a.get(c, area.ByID{ID: in.ID})
}

func (a serviceArea) setActive(c *area.Call, id int64, active bool) error {
	if active {
		return a.Reactivate(c.Request().Context(), c.Actor(), id)
	}
	return a.Deactivate(c.Request().Context(), c.Actor(), id)
}

func (a serviceArea) remove(c *area.Call, in area.ByID) (openapi.Nothing, error) {
	return openapi.Nothing{}, a.Delete(c.Request().Context(), c.Actor(), in.ID)
}

type tokenQuery struct {
	ID int64 `path:"id"`
	area.Part
}

type tokenList struct {
	Tokens []serviceToken `json:"tokens"`
	Next   string         `json:"next" doc:"for after; empty at the end"`
}

type serviceToken struct {
	ID        string      `json:"id" doc:"its jti"`
	Name      string      `json:"name"`
	State     string      `json:"state" enum:"works,revoked,expired,stopped" doc:"stopped: its maker is deactivated"`
	Groups    []groupName `json:"groups" doc:"besides All Users; those that it was given and in which its maker is now"`
	Lost      []groupName `json:"lost_groups" doc:"those that it was given and in which its maker is no more"`
	MadeBy    string      `json:"made_by" doc:"an e-mail, or cli for the shell"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at" doc:"null: it has no end"`
	LastUsed  *time.Time  `json:"last_used" doc:"up to two minutes behind"`
}

type groupName struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func namesOf(groups []sso.Group) []groupName {
	names := []groupName{}
	for _, g := range groups {
		names = append(names, groupName{g.ID, g.Name})
	}
	return names
}

func (a serviceArea) tokenOf(t service.Token) serviceToken {
	out := serviceToken{ID: t.ID, Name: t.Name, State: string(t.State(a.Now())), Groups: namesOf(t.Groups), Lost: namesOf(t.Lost),
		MadeBy: madeBy(t.MakerID, t.Maker), CreatedAt: t.CreatedAt.UTC(), LastUsed: area.TimeOrNull(t.LastUsed)}
	if !t.Endless() {
		out.ExpiresAt = area.TimeOrNull(t.ExpiresAt)
	}
	return out
}

func (a serviceArea) tokens(c *area.Call, in tokenQuery) (tokenList, error) {
	ctx := c.Request().Context()
	if _, err := a.Store.Account(ctx, in.ID); err != nil {
		return tokenList{}, err
	}
	found, next, err := a.lists.Tokens(ctx, in.ID, in.Page())
	list := tokenList{Tokens: []serviceToken{}, Next: next}
	for _, t := range found {
		list.Tokens = append(list.Tokens, a.tokenOf(t))
	}
	return list, err
}

type newToken struct {
	ID     int64   `path:"id"`
	Name   string  `json:"name,omitempty" doc:"what it is called in lists"`
	TTL    string  `json:"ttl" doc:"OneHour, a number of days such as 1, 7, 30, 60, 90, Unlimited, or a time such as 36h"`
	Groups []int64 `json:"groups,omitempty" doc:"ids of groups in which you are yourself; All Users is always among them, Administrators never"`
}

type madeToken struct {
	Token   string       `json:"token" doc:"the token; it is kept nowhere"`
	Details serviceToken `json:"details"`
}

func (a serviceArea) makeToken(c *area.Call, in newToken) (madeToken, error) {
	t, text, err := a.Token(c.Request().Context(), c.Actor(), in.ID, admin.NewToken{Name: in.Name, TTL: in.TTL, Groups: in.Groups})
	return madeToken{text, a.tokenOf(t)}, err
}

type tokenRef struct {
	ID  int64  `path:"id"`
	Ref string `path:"ref"`
}

func (a serviceArea) revoke(c *area.Call, in tokenRef) (openapi.Nothing, error) {
	return openapi.Nothing{}, a.Revoke(c.Request().Context(), c.Actor(), in.ID, in.Ref)
}

type replacement struct {
	ID  int64  `path:"id"`
	Ref string `path:"ref"`
	TTL string `json:"ttl,omitempty" doc:"as of a new token; left out: a life as long as that of the other one"`
}

func (a serviceArea) regenerate(c *area.Call, in replacement) (madeToken, error) {
	t, text, err := a.Regenerate(c.Request().Context(), c.Actor(), in.ID, in.Ref, in.TTL)
	return madeToken{text, a.tokenOf(t)}, err
}
