package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/nearest"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// flags are the flags of one command: its own, and unless it is bare one for each setting.
type flags struct {
	*pflag.FlagSet
	p        *program
	c        *command
	bare     bool              // the command needs no settings
	raw      bool              // it reads its flags itself
	settings map[string]string // as given
	config   string
}

// addSettings adds the flags of the settings.
func (f *flags) addSettings() {
	f.settings = map[string]string{}
	f.StringVar(&f.config, "config", "", "the YAML `file` with settings; also "+setting.ConfigEnv)
	for _, s := range setting.Table() {
		fl := f.VarPF(&settingFlag{s.Flag(), f.settings}, s.Flag(), "", s.Help)
		if s.Boolean() {
			fl.NoOptDefVal = "true"
		}
		if s.Secret {
			f.Var(&settingFlag{s.Flag() + "-file", f.settings}, s.Flag()+"-file", "the file that holds "+s.Name)
		}
	}
	for _, name := range f.p.providerFlags {
		f.Var(&settingFlag{name, f.settings}, name, "")
	}
}

// providerFlags are the flags of providers among the arguments, such as provider-dex-issuer, without the dashes. Which providers
// there are is found out when the settings are resolved, and so is what is wrong with a flag.
func providerFlags(args []string) (names []string) {
	for _, arg := range args {
		name, ok := strings.CutPrefix(arg, "--provider-")
		name, _, _ = strings.Cut(name, "=")
		if name = "provider-" + name; ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

type settingFlag struct {
	name string
	into map[string]string
}

func (f *settingFlag) String() string        { return "" }
func (f *settingFlag) Type() string          { return "value" }
func (f *settingFlag) Set(text string) error { f.into[f.name] = text; return nil }

// count refuses too few arguments and too many: the command says which it takes, those in brackets may be left out, and of
// those with … there may be several.
func (c *command) count(args []string) error {
	words := strings.Fields(c.args)
	least := len(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "[") }))
	any := strings.HasSuffix(c.args, "…]")
	usage := "usage: " + strings.TrimSpace("ssobridge "+c.name+" "+c.args)
	switch {
	case len(args) < least:
		return usageError(usage, "too few arguments")
	case len(args) > len(words) && !any:
		return usageError(usage, "too many arguments") // one may be a password (SECURITY K1)
	}
	return nil
}

// openWithAccount opens the database, which must exist, and finds an account by its e-mail address or id. The caller closes
// the store.
func (f *flags) openWithAccount(ctx context.Context, who string) (*opened, sso.Account, error) {
	o, err := f.openExisting(ctx)
	if err != nil {
		return nil, sso.Account{}, err
	}
	a, err := o.account(ctx, who)
	if err != nil {
		o.store.Close()
	}
	return o, a, err
}

// wrong turns the library's errors into ours.
func (f *flags) wrong(err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usageError(f.helpCommand(), "%s", err.Error())
	}
	name := unknown.GetSpecifiedName()
	var known []string
	f.VisitAll(func(fl *pflag.Flag) { known = append(known, fl.Name) })
	if near := nearest.Of(name, known); near != "" {
		return usageError("did you mean --"+near+"?", "unknown flag --%s", name)
	}
	return usageError(f.helpCommand(), "unknown flag --%s", name)
}

func (f *flags) helpCommand() string { return "ssobridge " + f.c.name + " --help shows the flags" }

// help shows the command's own flags, and where settings matter most, those too.
func (f *flags) help(w io.Writer) {
	fmt.Fprintf(w, "usage: ssobridge %s\n\n%s\n", strings.Join(strings.Fields(f.c.name+" [flags] "+f.c.args), " "), f.c.about)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	heading := "\nflags:\n"
	f.VisitAll(func(fl *pflag.Flag) {
		if _, isSetting := fl.Value.(*settingFlag); isSetting || fl.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(fl)
		if value != "" {
			value = " " + strings.ToUpper(value)
		}
		fmt.Fprintf(t, "%s  --%s%s\t%s\n", heading, fl.Name, value, usage)
		heading = ""
	})
	if f.settings == nil {
		return
	}
	if !slices.Contains([]string{"serve", "check"}, f.c.name) {
		fmt.Fprint(t, "\nEvery setting is a flag as well; ssobridge serve --help lists them.\n")
		return
	}
	fmt.Fprint(t, "\nsettings (each also as SSOBRIDGE_… in the environment; the README says more):\n")
	for _, s := range setting.Table() {
		fmt.Fprintf(t, "  --%s\t%s\n", s.Flag(), strings.ReplaceAll(s.Help, "`", ""))
	}
}

// repeated is a flag that may be given several times.
type repeated []string

func (r *repeated) String() string { return strings.Join(*r, ",") }
func (r *repeated) Type() string   { return "value" }

func (r *repeated) Set(text string) error {
	*r = append(*r, text)
	return nil
}
