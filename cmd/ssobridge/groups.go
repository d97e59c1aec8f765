package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

func groupCommands() []*command {
	return []*command{
		{"groups list", "", "lists groups", groupsList},
		{"groups create", "NAME", "makes a group", groupsCreate},
		{"groups rename", "GROUP NAME", "gives a group another name", groupsRename},
		{"groups delete", "GROUP", "deletes a group", groupsDelete},
		{"groups add-member", "GROUP EMAIL|ID", "puts someone into a group", groupsAddMember},
		{"groups lookup", "NAME", "asks the directory or the endpoint for the groups of a name", groupsLookup},
		{"groups remove-member", "GROUP EMAIL|ID", "takes someone out of a group", groupsRemoveMember},
	}
}

// group finds a group by its exact name, or by id.
func (o *opened) group(ctx context.Context, which string) (sso.Group, error) {
	g, err := o.store.GroupByName(ctx, which)
	if id, notID := strconv.ParseInt(which, 10, 64); errors.Is(err, sso.NotFound) && notID == nil {
		g, err = o.store.Group(ctx, id)
	}
	if errors.Is(err, sso.NotFound) {
		return g, withHint("ssobridge groups list shows all groups, and ssobridge groups create makes one", fmt.Errorf("no group %q", which))
	}
	return g, err
}

// groups are the operations on groups.
func (o *opened) groups() admin.Groups {
	return admin.NewGroups(o.store, o.cfg)
}

// actor is whoever has this shell.
func (p *program) actor() admin.Actor {
	return admin.Actor{Name: "cli", At: p.now(), Proved: true}
}

// onGroups runs do with an open database.
func (f *flags) onGroups(do func(ctx context.Context, o *opened, args []string) error) runner {
	return func(ctx context.Context, args []string) error {
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		return plain(do(ctx, o, args))
	}
}

func groupsList(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON, one group a line")
	return func(ctx context.Context, args []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		groups, err := o.store.Groups(ctx)
		if err != nil {
			return err
		}
		sizes, err := o.store.GroupSizes(ctx)
		if err != nil {
			return err
		}
		t := p.table(*asJSON, "ID", "NAME", "MEMBERS")
		defer t.Flush()
		for _, g := range groups {
			t.row(struct {
				sso.Group
				Members int `json:"members"`
			}{g, sizes[g.ID]}, g.ID, g.Name, sizes[g.ID])
		}
		return nil
	}
}

func groupsCreate(f *flags) runner {
	p := f.p
	return f.onGroups(func(ctx context.Context, o *opened, args []string) error {
		g, err := o.groups().Create(ctx, p.actor(), args[0])
		if err == nil {
			fmt.Fprintf(p.stdout, "made group %d, %s\n", g.ID, g.Name)
		}
		return err
	})
}

func groupsRename(f *flags) runner {
	p := f.p
	return f.onGroups(func(ctx context.Context, o *opened, args []string) error {
		g, err := o.group(ctx, args[0])
		if err != nil {
			return err
		}
		if err := o.groups().Rename(ctx, p.actor(), g.ID, args[1]); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "group %d renamed from %q to %q\n", g.ID, g.Name, args[1])
		return nil
	})
}

func groupsDelete(f *flags) runner {
	p := f.p
	members := f.Int("members", -1, "how many `people` are in the group, as you know: needed when anybody is")
	return func(ctx context.Context, args []string) error {
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		g, err := o.group(ctx, args[0])
		if err != nil {
			return err
		}
		known := members
		if *members < 0 {
			known = nil
		}
		_, err = o.groups().Delete(ctx, p.actor(), g.ID, known)
		if errors.Is(err, admin.ErrNotConfirmed) {
			return withHint("ssobridge groups list shows how many; for a week an administrator can bring the group back at /admin/groups",
				fmt.Errorf("people are in the group %q: say how many with --members", g.Name))
		}
		if err != nil {
			return plain(err)
		}
		fmt.Fprintf(p.stdout, "deleted group %d, %s\n", g.ID, g.Name)
		return nil
	}
}

func groupsAddMember(f *flags) runner {
	return f.member("put into", func(ctx context.Context, m admin.Members, by admin.Actor, a sso.Account, g sso.Group) error {
		return m.Add(ctx, by, a.ID, g.ID)
	})
}

func groupsRemoveMember(f *flags) runner {
	return f.member("taken out of", func(ctx context.Context, m admin.Members, by admin.Actor, a sso.Account, g sso.Group) error {
		return m.Remove(ctx, by, a.ID, g.ID)
	})
}

func (f *flags) member(done string, change func(context.Context, admin.Members, admin.Actor, sso.Account, sso.Group) error) runner {
	p := f.p
	return f.onGroups(func(ctx context.Context, o *opened, args []string) error {
		g, err := o.group(ctx, args[0])
		if err != nil {
			return err
		}
		a, err := o.account(ctx, args[1])
		if err != nil {
			return err
		}
		if err := change(ctx, admin.Members{Store: o.store}, p.actor(), a, g); err != nil {
			return orAnotherAdministrator(err)
		}
		fmt.Fprintf(p.stdout, "%s %s %s\n", a.Email, done, g.Name)
		if by := admin.SyncedBy(o.cfg, a.Source); by != "" {
			fmt.Fprintf(p.stderr, "hint: %s is on, so the next sign-in may change this again\n", by)
		}
		return nil
	})
}
