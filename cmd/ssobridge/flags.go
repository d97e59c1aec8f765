package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// flags are the flags of one command: its own, and one for each setting.
type flags struct {
	*flag.FlagSet
	p        *program
	c        *command
	settings map[string]string // as given
	config   string
}

// newFlags makes the flags of a command that needs no settings.
func (p *program) newFlags(c *command) *flags {
	f := &flags{FlagSet: flag.NewFlagSet(c.name, flag.ContinueOnError), p: p, c: c}
	f.SetOutput(io.Discard) // errors are returned and printed once
	f.FlagSet.Usage = func() {}
	return f
}

// newSettingFlags makes the flags of a command that needs settings.
func (p *program) newSettingFlags(c *command) *flags {
	f := p.newFlags(c)
	f.settings = map[string]string{}
	f.StringVar(&f.config, "config", "", "the YAML `file` with settings; also "+setting.ConfigEnv)
	for _, s := range setting.Table() {
		f.Var(&settingFlag{name: s.Flag(), into: f.settings, boolean: s.Boolean()}, s.Flag(), s.Help)
		if s.Secret {
			f.Var(&settingFlag{name: s.Flag() + "-file", into: f.settings}, s.Flag()+"-file", "the file that holds "+s.Name)
		}
	}
	return f
}

type settingFlag struct {
	name    string
	into    map[string]string
	boolean bool
}

func (f *settingFlag) String() string        { return "" }
func (f *settingFlag) Set(text string) error { f.into[f.name] = text; return nil }
func (f *settingFlag) IsBoolFlag() bool      { return f.boolean }

// parse reads flags and arguments in any order, and returns the arguments; there must be least to most of them.
func (f *flags) parse(args []string, least, most int) ([]string, error) {
	var positional []string
	for {
		if err := f.Parse(args); err != nil {
			return nil, f.wrong(err)
		}
		rest := f.Args()
		if len(rest) == 0 {
			break
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			positional = append(positional, rest...)
			break
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
	what := strings.TrimSpace("ssobridge " + f.c.name + " " + f.c.args)
	switch {
	case len(positional) < least:
		return nil, usageError("usage: "+what, "too few arguments")
	case len(positional) > most:
		return nil, usageError("usage: "+what, "unexpected argument %q", positional[most])
	}
	return positional, nil
}

// openWithArgs parses the arguments, of which there must be n, and opens the database, which must exist. The caller closes
// its store.
func (f *flags) openWithArgs(ctx context.Context, args []string, n int) (*opened, []string, error) {
	rest, err := f.parse(args, n, n)
	if err != nil {
		return nil, nil, err
	}
	o, err := f.openExisting(ctx)
	return o, rest, err
}

// openWithAccount is openWithArgs for a command whose one argument is an account's e-mail address or id.
func (f *flags) openWithAccount(ctx context.Context, args []string) (*opened, sso.Account, error) {
	o, rest, err := f.openWithArgs(ctx, args, 1)
	if err != nil {
		return nil, sso.Account{}, err
	}
	a, err := o.account(ctx, rest[0])
	if err != nil {
		o.store.Close()
	}
	return o, a, err
}

// wrong turns package flag's errors into ours.
func (f *flags) wrong(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		f.help(f.p.stdout)
		return exitStatus(0)
	}
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usageError(f.helpCommand(), "%s", err.Error())
	}
	name = strings.TrimPrefix(name, "-")
	var known []string
	f.VisitAll(func(fl *flag.Flag) { known = append(known, fl.Name) })
	if near := setting.Nearest(name, known); near != "" {
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
	f.VisitAll(func(fl *flag.Flag) {
		if _, isSetting := fl.Value.(*settingFlag); isSetting {
			return
		}
		value, usage := flag.UnquoteUsage(fl)
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

func isHelp(arg string) bool { return slices.Contains([]string{"-h", "-help", "--help"}, arg) }

// repeated is a flag that may be given several times.
type repeated []string

func (r *repeated) String() string { return strings.Join(*r, ",") }

func (r *repeated) Set(text string) error {
	*r = append(*r, text)
	return nil
}
