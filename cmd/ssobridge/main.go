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

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
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
}

// A command is one verb, such as "serve" or "users list".
type command struct {
	name  string
	args  string // what follows the flags
	about string
	run   func(ctx context.Context, p *program, c *command, args []string) error
}

func commands() []*command {
	return slices.Concat(
		[]*command{
			{"serve", "", "runs the bridge", serve},
			{"demo", "", "a complete sign-in on this machine, with nothing to set up", runDemo},
			{"check", "", "validates the settings and shows those in force", check},
			{"explain", "[TOKEN|URL|-]", "shows each check that a sign-in with this token meets", explain},
		},
		tokenCommands(), keyCommands(), userCommands(), groupCommands(), sessionCommands(),
		[]*command{
			{"migrate", "", "brings the tables of the database up to date", migrate},
			{"backup", "FILE", "writes a copy of the SQLite database", backup},
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
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: 1, err: err}
	}
	fmt.Fprintln(p.stderr, oneLine(err.Error()))
	if f.hint != "" {
		fmt.Fprintln(p.stderr, "hint: "+f.hint)
	}
	return f.status
}

func (p *program) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		p.usage(p.stderr, "")
		return exitStatus(2)
	}
	all := commands()
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		for _, c := range all {
			if c.name == name {
				return c.run(ctx, p, c, args[words:])
			}
		}
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		p.usage(p.stdout, "")
		return nil
	case "--version", "-v":
		return printVersion(ctx, p, &command{name: "version"}, args[1:])
	}
	return p.unknown(all, args)
}

func (p *program) unknown(all []*command, args []string) error {
	group := slices.ContainsFunc(all, func(c *command) bool { return strings.HasPrefix(c.name, args[0]+" ") })
	if group && (len(args) == 1 || strings.HasPrefix(args[1], "-")) {
		out := p.stderr
		if len(args) > 1 && isHelp(args[1]) {
			p.usage(p.stdout, args[0]+" ")
			return nil
		}
		p.usage(out, args[0]+" ")
		return exitStatus(2)
	}
	words := args[0]
	if group {
		words += " " + args[1]
	}
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	if near := setting.Nearest(words, names); near != "" {
		return usageError(fmt.Sprintf("did you mean ssobridge %s?", near), "unknown command %q", words)
	}
	return usageError("ssobridge help lists the commands", "unknown command %q", words)
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

// A failure is an error with a next step for the person who typed the command.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func withHint(hint string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{1, err, hint}
}

func usageError(hint, format string, args ...any) error {
	return &failure{2, fmt.Errorf(format, args...), hint}
}

// oneLine keeps what quotes someone's input, or joins several errors, on one line, and away from the terminal's controls.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return sso.CleanText(strings.Join(lines, "; "))
}
