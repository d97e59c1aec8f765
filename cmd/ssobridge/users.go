package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/person"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/prompt"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/password"
)

func userCommands() []*command {
	return []*command{
		{"users list", "", "lists accounts", usersList},
		{"users show", "EMAIL|ID", "shows one account: attributes, groups and why, sessions", usersShow},
		{"users create", "EMAIL", "makes an account that signs in through the identity provider", usersCreate},
		{"users create-admin", "EMAIL", "makes an administrator who signs in with a password", usersCreateAdmin},
		{"users deactivate", "EMAIL|ID", "keeps someone out, and ends the sessions", usersDeactivate},
		{"users reactivate", "EMAIL|ID", "lets someone in again", usersReactivate},
		{"users export", "EMAIL|ID", "prints as JSON what is kept of someone", usersExport},
		{"users purge", "EMAIL|ID", "deletes someone for good, with all that is kept of them", usersPurge},
		{"users set-password", "EMAIL|ID", "sets a password, and ends the sessions", usersSetPassword},
	}
}

// people are the operations on people.
func (o *opened) people() admin.People {
	return admin.People{Store: o.store, Hash: (&password.Hasher{}).Hash}
}

// account finds an account by its e-mail address or id.
func (o *opened) account(ctx context.Context, who string) (sso.Account, error) {
	var a sso.Account
	id, err := strconv.ParseInt(who, 10, 64)
	if err == nil {
		a, err = o.store.Account(ctx, id)
	} else {
		a, err = o.store.AccountByEmail(ctx, who)
	}
	if errors.Is(err, sso.NotFound) {
		return a, withHint("ssobridge users list shows all accounts", fmt.Errorf("no account %q", who))
	}
	return a, err
}

func usersList(f *flags) runner {
	p := f.p
	q := sso.AccountQuery{Page: sso.Page{Limit: sso.MaxLimit}}
	f.StringVar(&q.Search, "search", "", "beginnings of `words` of the names or of parts of the e-mail address; all must be found")
	group := f.String("group", "", "only members of this `group`")
	inactive := f.Bool("inactive", false, "only accounts that are deactivated")
	asJSON := f.Bool("json", false, "print JSON, one account a line")
	return func(ctx context.Context, args []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		if *inactive {
			q.Active = new(bool)
		}
		if *group != "" {
			g, err := o.group(ctx, *group)
			if err != nil {
				return err
			}
			q.GroupID = g.ID
		}
		t := p.table(*asJSON, "ID", "EMAIL", "NAME", "STATE", "LAST SIGN-IN")
		defer t.Flush()
		for {
			accounts, next, err := o.store.Accounts(ctx, q)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				t.row(person.AccountOf(a), a.ID, a.Email, strings.TrimSpace(a.FirstName+" "+a.LastName), state(a), when(a.LastLogin))
			}
			if q.After = next; next == "" {
				return nil
			}
		}
	}
}

func state(a sso.Account) string {
	s := "active"
	if !a.Active {
		s = "deactivated"
	}
	if a.HasPassword {
		s += ", password"
	}
	return s
}

func when(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

func usersShow(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON")
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		members, err := o.store.Memberships(ctx, a.ID)
		if err != nil {
			return err
		}
		sessions, err := o.sessions(ctx, a.ID)
		if err != nil {
			return err
		}
		if *asJSON {
			return p.printJSON(showJSON(a, members, sessions))
		}
		p.showAccount(a, members, sessions)
		return nil
	}
}

func showJSON(a sso.Account, members []sso.Membership, sessions []sso.Session) any {
	out := struct {
		person.Account
		Groups   []person.Group `json:"groups"`
		Sessions []sessionJSON  `json:"sessions"`
	}{person.AccountOf(a), person.GroupsOf(members), []sessionJSON{}}
	for _, s := range sessions {
		out.Sessions = append(out.Sessions, sessionOut(s))
	}
	return out
}

func (p *program) showAccount(a sso.Account, members []sso.Membership, sessions []sso.Session) {
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	defer t.Flush()
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	row("id", a.ID)
	row("e-mail", a.Email)
	row("name", a.CommonName())
	row("state", state(a))
	row("made", when(a.CreatedAt))
	row("last sign-in", when(a.LastLogin))
	if a.Source != "" {
		row("signs in through", a.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Attributes())) {
		from := "the last sign-in"
		if _, own := a.Own[name]; own {
			from = "an administrator"
		}
		row("attribute "+name, fmt.Sprintf("%s (from %s)", a.Attributes()[name], from))
	}
	why := map[sso.MembershipSource]string{sso.MemberBySync: "through the identity provider's groups", sso.MemberByAdmin: "by an administrator"}
	for _, m := range members {
		reason := why[m.Source]
		if reason == "" {
			reason = "as everyone"
		}
		row("group "+m.Name, reason)
	}
	for _, s := range sessions {
		row("session "+sessionName(s.Hash), fmt.Sprintf("since %s, last used %s, from %s", when(s.CreatedAt), when(s.LastUsed), s.Peer))
	}
}

func usersCreate(f *flags) runner {
	n := newPerson(f)
	var groups repeated
	f.Var(&groups, "group", "a `group` of the bridge, by name or id; once for each")
	return func(ctx context.Context, args []string) error {
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		for _, name := range groups {
			g, err := o.group(ctx, name)
			if err != nil {
				return err
			}
			n.Groups = append(n.Groups, g.ID)
		}
		n.Email = args[0]
		return f.p.create(ctx, o, *n)
	}
}

// newPerson has the flags of a person's names.
func newPerson(f *flags) *admin.NewPerson {
	n := &admin.NewPerson{}
	f.StringVar(&n.FirstName, "first-name", "", "the person's first `name`")
	f.StringVar(&n.LastName, "last-name", "", "the person's last `name`")
	return n
}

// create makes an account and says so.
func (p *program) create(ctx context.Context, o *opened, n admin.NewPerson) error {
	made, err := o.people().Create(ctx, p.actor(), n)
	if errors.Is(err, sso.Conflict) {
		return withHint("ssobridge users show "+n.Email+" shows it", fmt.Errorf("there is an account %s already", n.Email))
	}
	if err != nil {
		return aboutPassword(err)
	}
	fmt.Fprintf(p.stdout, "made account %d, %s\n", made.ID, made.Email)
	return nil
}

// aboutPassword adds what to do about a password that will not do.
func aboutPassword(err error) error {
	if r, ok := errors.AsType[*admin.Refusal](err); ok && r.Fields["password"] != "" {
		return withHint("take several words that have nothing to do with one another, or what a password manager makes", plain(err))
	}
	return plain(err)
}

// plain drops the code behind a reason that was written for whoever typed the command.
func plain(err error) error {
	if code := sso.CodeOf(err); code == sso.Invalid || code == sso.Conflict || code == sso.NotFound || code == sso.Forbidden || code == sso.PasswordRefused {
		if reason := sso.Reason(err); reason != "" {
			return errors.New(reason)
		}
	}
	return err
}

func usersCreateAdmin(f *flags) runner {
	p, n := f.p, newPerson(f)
	file := passwordFlag(f)
	return func(ctx context.Context, args []string) error {
		n.Email, n.Groups = args[0], []int64{sso.Administrators}
		if err := address.Check(n.Email); err != nil { // before a password is asked for
			return usageError("ssobridge users create-admin ada@example.com", "%s", err)
		}
		chosen, err := prompt.Password(p.stdin, p.stderr, *file)
		if err != nil {
			return err
		}
		n.Password = &chosen
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		if !o.cfg.EnablePasswordLogin {
			fmt.Fprintln(p.stderr, "hint: ENABLE_PASSWORD_LOGIN is off, so the password cannot be used")
		}
		return p.create(ctx, o, *n)
	}
}

func usersSetPassword(f *flags) runner {
	p := f.p
	file := passwordFlag(f)
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		chosen, err := prompt.Password(p.stdin, p.stderr, *file)
		if err != nil {
			return err
		}
		err = o.people().SetPassword(ctx, p.actor(), a.ID, chosen)
		if errors.Is(err, admin.ErrNoPassword) {
			return withHint("the identity provider is the only way into this account; make another with ssobridge users create-admin", plain(err))
		}
		if err != nil {
			return aboutPassword(err)
		}
		fmt.Fprintf(p.stdout, "set the password of %s, and ended the sessions\n", a.Email)
		return nil
	}
}

func passwordFlag(f *flags) *string {
	return f.String("password-file", "", "the `file` with the password, - for stdin; without it the password is asked for")
}

func usersDeactivate(f *flags) runner { return f.setActive(false, "deactivated") }

func usersReactivate(f *flags) runner { return f.setActive(true, "reactivated") }

func (f *flags) setActive(active bool, done string) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		err = o.people().SetActive(ctx, p.actor(), a.ID, active)
		if err != nil {
			return orAnotherAdministrator(err)
		}
		fmt.Fprintf(p.stdout, "%s %s\n", done, a.Email)
		return nil
	}
}

func usersExport(f *flags) runner {
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		return person.Export(ctx, o.store, a, f.p.stdout)
	}
}

func usersPurge(f *flags) runner {
	sure := f.Bool("yes", false, "delete; without it, say what would be deleted")
	return func(ctx context.Context, args []string) error {
		o, a, err := f.openWithAccount(ctx, args[0])
		if err != nil {
			return err
		}
		defer o.store.Close()
		return orAnotherAdministrator(person.Purge(ctx, o.people(), f.p.actor(), a, *sure, f.p.stdout))
	}
}

// orAnotherAdministrator says how another administrator is made when the only one would be lost.
func orAnotherAdministrator(err error) error {
	if errors.Is(err, sso.Conflict) {
		return withHint("ssobridge groups add-member Administrators EMAIL makes one", plain(err))
	}
	return plain(err)
}
