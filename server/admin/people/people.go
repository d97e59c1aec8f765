// Package people is the area of who there is: people, groups, and the sessions that run.
package people

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

type peopleStore interface {
	admin.PersonStore
	AccountByEmail(ctx context.Context, email string) (sso.Account, error)
	Accounts(ctx context.Context, q sso.AccountQuery) ([]sso.Account, string, error)
	CountAccounts(ctx context.Context, q sso.AccountQuery, most int) (int, error)
	AccountSentGroups(ctx context.Context, accountID int64) (groups []string, sent bool, err error)
}

// Store is what the area needs of the store.
type Store interface {
	peopleStore
	groupStore
	memberStore
	sessionStore
	admin.ActivityStore
	admin.DataStore
	MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error)
}

// New makes the area.
func New(o area.Options, store Store) area.Area {
	people, groups, sessions := peopleArea{o, store}, groupArea{o, store}, sessionArea{o, store}
	return area.Area{
		Pages:      slices.Concat(people.pages(), groups.pages(), sessions.pages()),
		Operations: slices.Concat(people.operations(), groups.operations(), sessions.operations()),
		Notices: map[string]string{
			"person-made":       "The account is made. The person can sign in.",
			"purged":            "Deleted for good: the account, and what was kept of the person.",
			"deactivated":       "The account is deactivated, and its sessions are over.",
			"reactivated":       "The account is active again.",
			"attribute-saved":   "The attribute is set. It is in force now.",
			"attribute-removed": "The attribute is removed.",
			"admin-made":        "This person is an administrator now. It is in force at once.",
			"admin-taken":       "This person is no administrator any more. It is in force at once.",
			"member-added":      "Added to the group. It is in force now.",
			"member-removed":    "Removed from the group. It is in force now.",
			"session-ended":     "Signed out there.",
			"sessions-ended":    "Signed out everywhere.",
			"group-made":        "The group is made.",
			"group-renamed":     "The group has its new name.",
			"group-deleted":     "The group is deleted. For a week it can be brought back, with everybody who was in it.",
			"group-restored":    "The group is back, with everybody who was in it. People who were in it through a sign-in and have signed in since get it by their next one.",
		},
	}
}

// peopleArea shows and changes people.
type peopleArea struct {
	area.Options
	Store Store
}

func (a peopleArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/people", "listPeople", "Accounts in the order of their e-mails", a.people),
		openapi.Op("POST", "/people", "createPerson", "Make an account without a password", a.createPerson),
		openapi.Op("POST", "/people/selected", "changePeople", "Deactivate, reactivate or sign out several people, or put them into a group", a.changeSeveral),
		openapi.Op("GET", "/people/{id}", "getPerson", "One account, its attributes and groups, and where each came from", a.person),
		openapi.Op("DELETE", "/people/{id}", "purgePerson", "Delete a person for good, with all that is kept of them; the events stay, without what names them", a.purgePerson),
		openapi.Op("GET", "/people/{id}/kept", "getKept", "How much is kept of a person, and would be deleted", a.kept),
		openapi.Op("GET", "/people/{id}/data", "exportPerson", "What is kept of a person, without secrets, as a file", a.exportPerson),
		openapi.Op("PATCH", "/people/{id}", "changePerson", "Deactivate an account, which ends its sessions, or reactivate it", a.changePerson),
		openapi.Op("PATCH", "/people/{id}/attributes", "changeAttributes", "Set and remove attributes; they win over those of sign-ins", a.changeAttributes),
		openapi.Op("PUT", "/people/{id}/groups/{group}", "addMember", "Put a person into a group", a.addMember),
		openapi.Op("DELETE", "/people/{id}/groups/{group}", "removeMember", "Take a person out of a group", a.removeMember),
	}
}

type peopleQuery struct {
	Search string `query:"search" doc:"beginnings of words of the names or of parts of the e-mail, without case and accents: finds who has all of them"`
	Group  int64  `query:"group" doc:"only members of the group of this id"`
	Active *bool  `query:"active"`

	Provider string    `query:"provider" doc:"only those whom this provider signed in last"`
	Never    bool      `query:"never" doc:"only those who have never signed in"`
	Before   time.Time `query:"before" doc:"only those who signed in last before this; those who have been away longest come first, by weeks"`
	Newest   bool      `query:"newest" doc:"the newest accounts first; a search keeps its order"`
	area.Part
}

// accounts is the query as stores take it.
func (q peopleQuery) accounts() sso.AccountQuery {
	return sso.AccountQuery{Page: q.Page(), Search: sso.CleanText(q.Search), GroupID: q.Group, Active: q.Active,
		Provider: q.Provider, Never: q.Never, Before: q.Before, Newest: q.Newest}
}

type peopleList struct {
	People []person `json:"people"`
	Next   string   `json:"next" doc:"for after; empty at the end. With a search and a filter, a part may have few people or none, though there is a next one"`
}

type person struct {
	ID          int64      `json:"id"`
	Email       string     `json:"email"`
	FirstName   string     `json:"first_name"`
	LastName    string     `json:"last_name"`
	Active      bool       `json:"active"`
	HasPassword bool       `json:"has_password"`
	Source      string     `json:"source" doc:"the provider that signed the person in last; empty for none"`
	CreatedAt   time.Time  `json:"created_at"`
	LastLogin   *time.Time `json:"last_login"`
}

func personOf(a sso.Account) person {
	return person{
		ID: a.ID, Email: a.Email, FirstName: a.FirstName, LastName: a.LastName, Active: a.Active, HasPassword: a.HasPassword,
		Source: a.Source, CreatedAt: a.CreatedAt.UTC(), LastLogin: area.TimeOrNull(a.LastLogin),
	}
}

func (a peopleArea) people(c *area.Call, in peopleQuery) (peopleList, error) {
	accounts, next, err := a.Store.Accounts(c.Request().Context(), in.accounts())
	list := peopleList{People: []person{}, Next: next}
	for _, account := range accounts {
		list.People = append(list.People, personOf(account))
	}
	return list, err
}

type newPerson struct {
	Email     string  `json:"email"`
	FirstName string  `json:"first_name,omitempty"`
	LastName  string  `json:"last_name,omitempty"`
	Groups    []int64 `json:"groups,omitempty" doc:"ids"`
}

func (a peopleArea) createPerson(c *area.Call, in newPerson) (person, error) {
	made, err := admin.People{Store: a.Store}.Create(c.Request().Context(), c.Actor(), admin.NewPerson{
		Email: in.Email, FirstName: in.FirstName, LastName: in.LastName, Groups: in.Groups,
	})
	return personOf(made), err
}

type personDetail struct {
	person
	Attributes []attribute  `json:"attributes" doc:"the ones in force"`
	Groups     []membership `json:"groups"`
	IDPGroups  *[]string    `json:"idp_groups" doc:"groups of the identity provider that the last sign-in named; null: none has named any"`
}

type attribute struct {
	Name   string  `json:"name"`
	Value  string  `json:"value"`
	Source string  `json:"source" enum:"sign_in,administrator"`
	SignIn *string `json:"sign_in" doc:"what the last sign-in said; the value of an administrator wins"`
}

// Where an attribute comes from.
const (
	fromSignIn        = "sign_in"
	fromAdministrator = "administrator"
)

type membership struct {
	ID     int64     `json:"id"`
	Name   string    `json:"name"`
	Source string    `json:"source" enum:"everyone,sync,admin" doc:"why: everyone is in All Users; a sign-in named the group; an administrator"`
	Since  time.Time `json:"since"`
}

// fromEveryone is the source of the membership in All Users.
const fromEveryone = "everyone"

func (a peopleArea) person(c *area.Call, in area.ByID) (personDetail, error) {
	ctx := c.Request().Context()
	account, err := a.Store.Account(ctx, in.ID)
	if err != nil {
		return personDetail{}, err
	}
	members, err := a.Store.Memberships(ctx, in.ID)
	if err != nil {
		return personDetail{}, err
	}
	d := personDetail{person: personOf(account), Attributes: attributes(account), Groups: []membership{}}
	for _, m := range members {
		source := string(m.Source)
		if m.ID == sso.AllUsers {
			source = fromEveryone
		}
		d.Groups = append(d.Groups, membership{m.ID, m.Name, source, m.AddedAt.UTC()})
	}
	sent, named, err := a.Store.AccountSentGroups(ctx, in.ID)
	if named {
		d.IDPGroups = &sent
	}
	return d, err
}

// attributes are those in force, by name.
func attributes(account sso.Account) []attribute {
	list := []attribute{}
	all := account.Attributes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		at := attribute{Name: name, Value: all[name], Source: fromSignIn}
		if _, own := account.Own[name]; own {
			at.Source = fromAdministrator
		}
		if synced, ok := account.Synced[name]; ok {
			at.SignIn = &synced
		}
		list = append(list, at)
	}
	return list
}

type activeChange struct {
	ID     int64 `path:"id" json:"-"`
	Active bool  `json:"active"`
}

func (a peopleArea) changePerson(c *area.Call, in activeChange) (openapi.Nothing, error) {
	return openapi.Nothing{}, admin.People{Store: a.Store}.SetActive(c.Request().Context(), c.Actor(), in.ID, in.Active)
}

type attributeChanges struct {
	ID  int64              `path:"id" json:"-"`
	Set map[string]*string `json:"set" doc:"by name; null removes what an administrator set"`
	Was map[string]string  `json:"was,omitempty" doc:"what administrators had set for these names when you looked, without those that had nothing; if that has changed meanwhile, the request is refused"`
}

func (a peopleArea) changeAttributes(c *area.Call, in attributeChanges) (openapi.Nothing, error) {
	return openapi.Nothing{}, admin.People{Store: a.Store}.ChangeAttributes(c.Request().Context(), c.Actor(), in.ID, in.Set, in.Was)
}

type member struct {
	ID    int64 `path:"id"`
	Group int64 `path:"group"`
}

func (a peopleArea) addMember(c *area.Call, in member) (openapi.Nothing, error) {
	return openapi.Nothing{}, admin.Members{Store: a.Store}.Add(c.Request().Context(), c.Actor(), in.ID, in.Group)
}

func (a peopleArea) removeMember(c *area.Call, in member) (openapi.Nothing, error) {
	return openapi.Nothing{}, admin.Members{Store: a.Store}.Remove(c.Request().Context(), c.Actor(), in.ID, in.Group)
}

// accountOf finds a person by what was typed: an e-mail. The refusal is about the field.
func accountOf(ctx context.Context, store Store, field, email string) (sso.Account, error) {
	account, err := store.AccountByEmail(ctx, strings.TrimSpace(email))
	if errors.Is(err, sso.NotFound) {
		return account, admin.Invalid(field, "there is no account with this e-mail")
	}
	return account, err
}
