package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/service"
)

func serviceCommands() []*command {
	return []*command{
		{"services list", "", "lists service accounts", servicesList},
		{"services show", "NAME", "lists the tokens of a service account", servicesShow},
		{"services create", "NAME [LABEL]", "makes a service account; tokens create makes its tokens", servicesCreate},
		{"services rename", "NAME LABEL", "gives a service account another label", servicesRename},
		{"services deactivate", "NAME", "stops all tokens of a service account", servicesDeactivate},
		{"services reactivate", "NAME", "lets the tokens of a service account work again", servicesReactivate},
		{"services delete", "NAME", "deletes a service account with its tokens", servicesDelete},
		{"services revoke", "NAME TOKEN", "ends one token, by the id that services show prints", servicesRevoke},
		{"services keys", "", "lists the keys that sign the tokens of service accounts, and did", servicesKeys},
		{"services rotate-key", "", "makes the key that signs from now on; tokens by the keys of before are accepted as before", servicesRotateKey},
	}
}

type serviceJSON struct {
	Name      string     `json:"name"`
	Label     string     `json:"label"`
	Active    bool       `json:"is_active"`
	Tokens    int        `json:"tokens"`
	Maker     string     `json:"made_by"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used"`
}

// orNull is a time in JSON that may be missing.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// madeBy is who made something.
func madeBy(id int64, email string) string {
	if id == 0 {
		return admin.Shell
	}
	return email
}

func servicesList(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON, one account a line")
	return func(ctx context.Context, _ []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		t := p.table(*asJSON, "NAME", "LABEL", "STATE", "TOKENS", "MADE BY", "LAST USE")
		defer t.Flush()
		for page := (sso.Page{Limit: sso.MaxLimit}); ; {
			all, next, err := o.store.Services().List(ctx, page)
			if err != nil {
				return err
			}
			for _, a := range all {
				state := "active"
				if !a.Active {
					state = "deactivated"
				}
				by := madeBy(a.MakerID, a.Maker)
				t.row(serviceJSON{a.Name, a.Label, a.Active, a.Tokens, by, a.CreatedAt, orNull(a.LastUsed)}, a.Name, a.Label, state, a.Tokens, by, when(a.LastUsed))
			}
			if page.After = next; next == "" {
				return nil
			}
		}
	}
}

type serviceTokenJSON struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Groups    []string   `json:"groups"`
	Maker     string     `json:"made_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	LastUsed  *time.Time `json:"last_used"`
}

func servicesShow(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON, one token a line")
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithService(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		t := p.table(*asJSON, "TOKEN", "NAME", "STATE", "GROUPS", "MADE BY", "MADE", "ENDS", "LAST USE")
		defer t.Flush()
		for page := (sso.Page{Limit: sso.MaxLimit}); ; {
			all, next, err := o.store.Services().Tokens(ctx, a.ID, page)
			if err != nil {
				return err
			}
			for _, token := range all {
				p.tokenRow(t, token)
			}
			if page.After = next; next == "" {
				return nil
			}
		}
	}
}

func (p *program) tokenRow(t *table, token service.Token) {
	groups := []string{sso.AllUsersName}
	for _, g := range token.Groups {
		groups = append(groups, g.Name)
	}
	state, by := string(token.State(p.now())), madeBy(token.MakerID, token.Maker)
	ends, never := orNull(token.ExpiresAt), "never"
	if token.Endless() {
		ends = nil
	} else {
		never = when(token.ExpiresAt)
	}
	t.row(serviceTokenJSON{token.ID, token.Name, state, groups, by, token.CreatedAt, ends, orNull(token.LastUsed)},
		token.ID, token.Name, state, strings.Join(groups, ", "), by, when(token.CreatedAt), never, when(token.LastUsed))
}

// openWithService opens the database, which must exist, and finds a service account. The caller closes the store.
func (f *flags) openWithService(ctx context.Context, name string) (*opened, service.Account, error) {
	o, err := f.openExisting(ctx)
	if err != nil {
		return nil, service.Account{}, err
	}
	a, err := o.store.Services().Named(ctx, name)
	if errors.Is(err, sso.NotFound) {
		err = withHint("ssobridge services list shows all of them", fmt.Errorf("no service account %q", sso.Truncate(name, 80)))
	}
	if err != nil {
		o.store.Close()
	}
	return o, a, err
}

// onService runs do with a service account that is there.
func (f *flags) onService(do func(ctx context.Context, s admin.Services, a service.Account, args []string) error) runner {
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithService(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		return plain(do(ctx, admin.Services{Store: o.store.Services()}, a, args[1:]))
	}
}

func servicesCreate(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		label := ""
		if len(args) > 1 {
			label = args[1]
		}
		a, err := admin.Services{Store: o.store.Services()}.Create(ctx, p.actor(), args[0], label)
		if err != nil {
			return plain(err)
		}
		fmt.Fprintf(p.stdout, "made service account %s\n", a.Name)
		return nil
	}
}

func servicesRename(f *flags) runner {
	return f.onService(func(ctx context.Context, s admin.Services, a service.Account, args []string) error {
		return s.Relabel(ctx, f.p.actor(), a.ID, args[0])
	})
}

func servicesDeactivate(f *flags) runner {
	return f.onService(func(ctx context.Context, s admin.Services, a service.Account, _ []string) error {
		return s.Deactivate(ctx, f.p.actor(), a.ID)
	})
}

func servicesReactivate(f *flags) runner {
	return f.onService(func(ctx context.Context, s admin.Services, a service.Account, _ []string) error {
		return s.Reactivate(ctx, f.p.actor(), a.ID)
	})
}

func servicesDelete(f *flags) runner {
	return f.onService(func(ctx context.Context, s admin.Services, a service.Account, _ []string) error {
		return s.Delete(ctx, f.p.actor(), a.ID)
	})
}

func servicesRevoke(f *flags) runner {
	return f.onService(func(ctx context.Context, s admin.Services, a service.Account, args []string) error {
		err := s.Revoke(ctx, f.p.actor(), a.ID, args[0])
		if errors.Is(err, sso.NotFound) {
			err = withHint("ssobridge services show "+a.Name+" lists them", fmt.Errorf("%s has no such token", a.Name))
		}
		return err
	})
}
