package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
)

// groupsLookup asks the sources of groups about a name, as a sign-in does. It needs no database.
func groupsLookup(f *flags) runner {
	p, asJSON := f.p, f.Bool("json", false, "print JSON")
	name := f.String("provider", "", "whose `provider`'s sources are asked; needed when several have some")
	return func(ctx context.Context, args []string) error {
		cfg, err := f.sound(ctx)
		if err != nil {
			return err
		}
		b, _, err := ssobridge.Bridge(ctx, cfg, noStore{}, p.now, slog.New(slog.DiscardHandler)) // the answer says it all
		if err != nil {
			return joinError(err)
		}
		of, err := withSources(b.Providers, *name)
		if err != nil {
			return err
		}
		answer, err := of.LookUpGroups(ctx, args[0])
		if *asJSON {
			if printed := p.printJSON(answer); printed != nil {
				return printed
			}
		} else {
			for _, asked := range answer.Asked {
				fmt.Fprintln(p.stdout, asked)
			}
			fmt.Fprint(p.stdout, strings.Join(append(answer.Groups, ""), "\n"))
		}
		switch {
		case sso.CodeOf(err) == sso.PersonNotAllowed:
			return withHint("a sign-in is refused with "+string(sso.PersonNotAllowed), errors.New("the person is switched off"))
		case err != nil:
			return withHint(of.Settings+"GROUPS_ON_FAILURE says what a sign-in does then", errors.New("a source did not answer as it should"))
		case answer.Source == "":
			return withHint("look at LDAP_USER_BASE and LDAP_USER_FILTER, and whether it is the name by which they look", errors.New("no source knows this person"))
		}
		return nil
	}
}

func withSources(all sso.Providers, name string) (*sso.Provider, error) {
	asking := all.WithGroupSources()
	p := asking.Sole()
	if name != "" {
		p = asking.Named(name)
	}
	switch {
	case len(asking) == 0:
		return nil, withHint("set JWT_GROUPS_ORDER to token,ldap or token,endpoint", errors.New("all groups come from the token: no provider that is on has another source"))
	case p == nil:
		return nil, usageError("ssobridge check shows whose GROUPS_ORDER has ldap or endpoint", "name with --provider one of those that have sources of groups")
	}
	return p, nil
}
