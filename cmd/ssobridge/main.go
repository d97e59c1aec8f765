// Command ssobridge puts a web app behind the sign-in that a product already has. Each verb stands in a file of its name;
// what they share is here, in flags.go and in config.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/nearest"
)

func main() {
	// net/http writes to the log of the standard library what an app behind the bridge sent unasked, word by word.
	log.SetOutput(io.Discard)
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), now: time.Now}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}

// program is the world that a command sees.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	now            func() time.Time
	providerFlags  []string // see the function of that name
}

// A command is one verb, such as "serve" or "users list".
type command struct {
	name  string
	args  string // what follows the flags, [in brackets] what may be left out
	about string
	// declare adds the command's own flags, and returns what runs when they are read.
	declare func(f *flags) runner
}

// A runner does what a command does, with as many arguments as it takes.
type runner func(ctx context.Context, args []string) error

func commands() []*command {
	return slices.Concat(
		[]*command{
			{"serve", "", "runs the bridge", serve},
			{"demo", "", "a complete sign-in on this machine, with nothing to set up", runDemo},
			{"check", "", "validates the settings and shows those in force", check},
			{"explain", "[TOKEN|URL|-]", "shows each check that a sign-in with this token meets", explain},
		},
		tokenCommands(), serviceCommands(), keyCommands(), userCommands(), groupCommands(), sessionCommands(), secretKeyCommands(),
		[]*command{
			{"migrate", "", "brings the tables of the database up to date", migrate},
			{"backup", "FILE", "writes a copy of the SQLite database", backup},
			{"restore", "FILE", "puts a backup in the place of the SQLite database", runRestore},
			{"copy", "FROM TO", "copies a database into an empty one: SQLite to PostgreSQL, or back", copyDatabase},
			{"completion", "bash|zsh|fish", "prints what completes commands and flags in a shell", completion},
			{"version", "", "prints the version", printVersion},
		})
}

// run runs one command and returns the exit status: 0 when it did what it should, 1 when it did not or the answer is no,
// 2 when it was called wrongly.
func (p *program) run(ctx context.Context, args []string) int {
	err := p.dispatch(ctx, args)
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	f, ok := errors.AsType[*hint.Error](err)
	if !ok {
		err = databaseError(err)
		f, ok = errors.AsType[*hint.Error](err)
	}
	if !ok {
		f = &hint.Error{Status: 1, Err: err}
	}
	fmt.Fprintln(p.stderr, oneLine(err.Error()))
	if f.Hint != "" {
		fmt.Fprintln(p.stderr, "hint: "+f.Hint)
	}
	return f.Status
}

func (p *program) dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 && (args[0] == "--version" || args[0] == "-v") {
		args = append([]string{"version"}, args[1:]...)
	}
	p.providerFlags = providerFlags(args)
	root := p.tree()
	root.SetArgs(append([]string{}, args...)) // nil would be those of the process
	return root.ExecuteContext(ctx)
}

// tree is what the library knows of the commands.
func (p *program) tree() *cobra.Command {
	root := p.group("ssobridge", "")
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.CompletionOptions.DisableDefaultCmd = true
	for _, c := range commands() {
		parent, name, nested := strings.Cut(c.name, " ")
		if !nested {
			root.AddCommand(p.leaf(c, c.name))
			continue
		}
		i := slices.IndexFunc(root.Commands(), func(g *cobra.Command) bool { return g.Name() == parent })
		if i < 0 {
			root.AddCommand(p.group(parent, parent+" "))
			i = slices.IndexFunc(root.Commands(), func(g *cobra.Command) bool { return g.Name() == parent })
		}
		root.Commands()[i].AddCommand(p.leaf(c, name))
	}
	return root
}

// group is the commands whose names begin with prefix.
func (p *program) group(name, prefix string) *cobra.Command {
	g := &cobra.Command{Use: name, Args: cobra.ArbitraryArgs, SilenceErrors: true, SilenceUsage: true}
	g.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			p.usage(p.stderr, prefix)
			return exitStatus(2)
		}
		return p.unknown(prefix + args[0])
	}
	g.SetFlagErrorFunc(func(*cobra.Command, error) error {
		p.usage(p.stderr, prefix)
		return exitStatus(2)
	})
	g.SetHelpFunc(func(*cobra.Command, []string) { p.usage(p.stdout, prefix) })
	return g
}

// leaf is one command.
func (p *program) leaf(c *command, name string) *cobra.Command {
	leaf := &cobra.Command{Use: strings.TrimSpace(name + " " + c.args), Short: c.about, SilenceErrors: true, SilenceUsage: true}
	f := &flags{FlagSet: leaf.Flags(), p: p, c: c}
	run := c.declare(f)
	if !f.bare {
		f.addSettings()
	}
	leaf.DisableFlagParsing = f.raw
	leaf.Args = func(_ *cobra.Command, args []string) error {
		if f.raw {
			return nil
		}
		return c.count(args)
	}
	leaf.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }
	leaf.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return f.wrong(err) })
	leaf.SetHelpFunc(func(*cobra.Command, []string) { f.help(p.stdout) })
	return leaf
}

func (p *program) unknown(words string) error {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	if near := nearest.Of(words, names); near != "" {
		return usageError(fmt.Sprintf("did you mean ssobridge %s?", near), "unknown command %q", words)
	}
	return usageError("ssobridge help lists the commands", "unknown command %q", words)
}

// completion prints a script that a shell sources.
func completion(f *flags) runner {
	f.bare = true
	return func(_ context.Context, args []string) error {
		root, out := f.p.tree(), f.p.stdout
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(out, true)
		case "zsh":
			return root.GenZshCompletion(out)
		case "fish":
			return root.GenFishCompletion(out, true)
		}
		return usageError("usage: ssobridge completion bash|zsh|fish", "%q is none of bash, zsh, fish", args[0])
	}
}

// usage lists the commands whose names begin with prefix.
func (p *program) usage(w io.Writer, prefix string) {
	fmt.Fprintf(w, "usage: ssobridge %sCOMMAND\n\n", prefix)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		if strings.HasPrefix(c.name, prefix) {
			fmt.Fprintf(t, "  %s\t%s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
		}
	}
	t.Flush()
	fmt.Fprint(w, "\nssobridge COMMAND --help shows a command's flags.\n")
}

// An exitStatus ends the program without a message: the command has said what there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func withHint(next string, err error) error { return hint.With(next, err) }

func databaseError(err error) error { return hint.Database(err) }

func usageError(next, format string, args ...any) error { return hint.Usage(next, format, args...) }

// oneLine keeps what quotes someone's input, or joins several errors, on one line, and away from the terminal's controls.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return sso.CleanText(strings.Join(lines, "; "))
}
