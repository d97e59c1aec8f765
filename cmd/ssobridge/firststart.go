package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// firstStart sees to it that someone can administer the bridge: the administrator of ADMIN_EMAIL, else whoever follows the
// set-up link. There is no default account (SECURITY F7).
func (o *opened) firstStart(ctx context.Context, s *server.Server) error {
	if o.cfg.AdminEmail != "" {
		if err := o.makeAdministrator(ctx); err != nil {
			return err
		}
	}
	link, err := s.SetupLink(ctx)
	if err != nil {
		return fmt.Errorf("set-up link: %w", err)
	}
	if link == "" {
		return o.warnWithoutAdministrator(ctx)
	}
	// The one secret that is logged on purpose: there is nobody yet to whom it could be given another way. It is worth
	// nothing once it was used, or there is an administrator.
	o.log.WarnContext(ctx, "there is no administrator yet: open the link to become it; it works once", "link", link)
	return nil
}

// warnWithoutAdministrator says how to get the first administrator where no link can make it.
func (o *opened) warnWithoutAdministrator(ctx context.Context) error {
	err := o.store.CheckSetup(ctx, "")
	switch {
	case errors.Is(err, sso.NotFound): // there is one
		return nil
	case err != nil && !errors.Is(err, sso.Forbidden):
		return databaseError(err)
	}
	o.log.WarnContext(ctx, "there is no administrator, ENABLE_PASSWORD_LOGIN is off, and passkeys do not work at SITE_URL (they need https and a host name): make one who signs in through the identity provider with "+
		`"ssobridge users create EMAIL --group Administrators", or map a group of it to Administrators in JWT_GROUP_MAPPINGS and turn JWT_GROUP_SYNC on`)
	return nil
}

// makeAdministrator makes the account of ADMIN_EMAIL. One that is there is left alone: its password may have been changed
// since, and who signs in through an identity provider gets none (SECURITY E3).
func (o *opened) makeAdministrator(ctx context.Context) error {
	a, err := o.store.AccountByEmail(ctx, o.cfg.AdminEmail)
	if err == nil {
		return o.warnUnlessAdministrator(ctx, a)
	}
	if !errors.Is(err, sso.NotFound) {
		return databaseError(err)
	}
	a, err = o.people().Create(ctx, admin.Actor{Name: "ADMIN_EMAIL", Proved: true}, admin.NewPerson{
		Email: o.cfg.AdminEmail, Password: &o.cfg.AdminPassword, Groups: []int64{sso.Administrators},
	})
	switch {
	case errors.Is(err, sso.Conflict): // another replica was quicker
		return nil
	case err != nil:
		return databaseError(plain(err))
	}
	o.log.InfoContext(ctx, "administrator made, since ADMIN_EMAIL names it", "account", a.ID)
	return nil
}

func (o *opened) warnUnlessAdministrator(ctx context.Context, a sso.Account) error {
	groups, err := o.store.Memberships(ctx, a.ID)
	if err != nil {
		return databaseError(err)
	}
	for _, g := range groups {
		if g.ID == sso.Administrators && a.Active {
			return nil
		}
	}
	o.log.WarnContext(ctx, "the account of ADMIN_EMAIL is there, but is no active administrator: it is left as it is", "account", a.ID)
	return nil
}
