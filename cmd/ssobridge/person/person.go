// Package person hands out what is kept of a person, and deletes it.
package person

import (
	"context"
	"fmt"
	"io"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/store"
)

// An Account is one as commands print it as JSON.
type Account = admin.AccountData

// AccountOf is an account as JSON.
func AccountOf(a sso.Account) Account { return admin.AccountDataOf(a) }

// A Group is one that a person is in, as commands print it as JSON.
type Group = admin.GroupData

// GroupsOf are memberships as JSON.
func GroupsOf(members []sso.Membership) []Group { return admin.GroupsDataOf(members) }

// Export writes as JSON what is kept of a person.
func Export(ctx context.Context, st *store.Store, a sso.Account, out io.Writer) error {
	d, err := admin.DataOf(ctx, st, a)
	if err != nil {
		return err
	}
	return d.Write(out)
}

// Purge deletes a person for good, when sure, and says what it did or would do.
func Purge(ctx context.Context, people admin.People, by admin.Actor, a sso.Account, sure bool, out io.Writer) error {
	if !sure {
		fmt.Fprintf(out, "%s would be deleted: account %d, with its sessions, names at providers, groups and passkeys. The trail would keep what happened and when, "+
			"without e-mail, address and detail.\n", a.Email, a.ID)
		return hint.With("ssobridge users export keeps a copy; users purge with --yes deletes, and nothing brings it back", fmt.Errorf("nothing was deleted"))
	}
	events, err := people.Purge(ctx, by, a.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "deleted account %d and what was kept of it; %d events are anonymous now\n", a.ID, events)
	return nil
}
