package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
)

// noStore is for a bridge that is made and not used.
type noStore struct{ ssobridge.Store }

func (noStore) EnsureGroups(context.Context, []string, sso.Event) ([]sso.Group, error) {
	return nil, nil
}

// explainStore lets a bridge be made without creating the groups that mappings name: an explanation changes nothing.
type explainStore struct{ *store.Store }

func (explainStore) EnsureGroups(context.Context, []string, sso.Event) ([]sso.Group, error) {
	return nil, nil
}

// explain runs the very code of a sign-in, and undoes it.
func explain(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON")
	return func(ctx context.Context, args []string) error {
		text, err := p.argument(args)
		if err != nil {
			return err
		}
		switch text = strings.TrimSpace(text); {
		case text == "":
			return withHint("give it the token, or the whole URL that the identity provider sent the browser to, in quotes", errors.New("there is nothing to explain"))
		case sso.IsReference(text):
			return usageError("search for it in the log, or under Activity in /admin: there is why it was refused",
				"%s is the reference of a refusal, and no token", strings.ToUpper(text))
		}
		o, st, remove, err := f.openToExplain(ctx)
		if err != nil {
			return err
		}
		defer remove()
		b, _, err := ssobridge.Bridge(ctx, o.cfg, st, p.now, slog.New(slog.DiscardHandler)) // the explanation says it all
		if err != nil {
			return joinError(err)
		}
		e, err := b.ExplainPasted(ctx, text, "")
		if err != nil {
			return withHint("the sign-in's event, in the log and the trail, says how it went", errors.New("the text "+sso.Reason(err)))
		}
		if e.Code == sso.StoreUnavailable || e.Code == sso.Internal {
			return databaseError(fmt.Errorf("%s: %w", firstFailure(e), e.Code))
		}
		if *asJSON {
			err = p.printJSON(explanationJSON(e))
		} else {
			p.printExplanation(e)
		}
		if err == nil && !e.Accepted {
			err = exitStatus(1)
		}
		return err
	}
}

// firstFailure is the detail of the check that failed first.
func firstFailure(e sso.Explanation) string {
	for _, c := range e.Checks {
		if !c.OK {
			return c.Detail
		}
	}
	return "the sign-in could not be judged" // the database failed between two checks
}

// openToExplain opens the database, or an empty one that is removed afterwards when there is none yet.
func (f *flags) openToExplain(ctx context.Context) (*opened, ssobridge.Store, func(), error) {
	cfg, err := f.sound(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if !isFresh(cfg) {
		o, err := f.open(ctx, false)
		if err != nil {
			return nil, nil, nil, err
		}
		return o, explainStore{o.store}, func() { o.store.Close() }, nil
	}
	path, _ := cfg.SQLitePath()
	fmt.Fprintf(f.p.stderr, "there is no database %s yet: judged as if nobody had ever signed in\n", path)
	dir, err := os.MkdirTemp("", "ssobridge-explain-")
	if err != nil {
		return nil, nil, nil, err
	}
	o := &opened{cfg: cfg, log: f.p.logger(cfg)}
	o.store, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "explain.db"), store.Options{Now: f.p.now, Secret: []byte(rand.Text() + rand.Text()), Log: o.log})
	if err == nil {
		_, err = o.store.Migrate(ctx)
	}
	remove := func() {
		if o.store != nil {
			o.store.Close()
		}
		os.RemoveAll(dir)
	}
	if err != nil {
		remove()
		return nil, nil, nil, err
	}
	return o, o.store, remove, nil
}

type identityJSON struct {
	Email      string            `json:"email,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	FirstName  string            `json:"first_name,omitempty"`
	LastName   string            `json:"last_name,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Groups     []string          `json:"groups,omitempty"` // as the identity provider named them
}

func explanationJSON(e sso.Explanation) any {
	groups, warnings := []sso.Group{}, []string{}
	if e.SignedIn != nil {
		groups, warnings = append(groups, e.SignedIn.Groups...), append(warnings, e.SignedIn.Warnings...)
	}
	return struct {
		Accepted bool         `json:"accepted"`
		Code     sso.Code     `json:"code"`
		Checks   []sso.Check  `json:"checks"`
		Identity identityJSON `json:"identity"`
		Groups   []sso.Group  `json:"groups"`
		Warnings []string     `json:"warnings"`
	}{e.Accepted, e.Code, e.Checks, identityOf(e.Identity), groups, warnings}
}

func identityOf(id sso.Identity) identityJSON {
	return identityJSON{Email: id.Email, Subject: id.Subject.Value, FirstName: text(id.FirstName), LastName: text(id.LastName),
		Attributes: id.Attributes, Groups: id.Groups}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (p *program) printExplanation(e sso.Explanation) {
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		fmt.Fprintf(t, "%s %s\t%s\n", map[bool]string{true: "✓", false: "✗"}[c.OK], c.Name, oneLine(c.Detail))
	}
	t.Flush()
	if e.Identity.Email != "" || e.Caller != nil {
		fmt.Fprintln(p.stdout)
		p.printIdentity(e)
	}
	fmt.Fprintln(p.stdout)
	if e.Accepted {
		fmt.Fprintln(p.stdout, "accepted; nothing was changed, and the token can still be used")
		return
	}
	fmt.Fprintf(p.stdout, "refused: %s\n", e.Code)
	if advice := setting.Advice(e.Code, e.Provider); advice != "" {
		fmt.Fprintf(p.stdout, "what to change: %s\n", advice)
	}
}

func (p *program) printIdentity(e sso.Explanation) {
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	defer t.Flush()
	id := e.Identity
	row := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, oneLine(cmp.Or(sso.CleanText(value), "-"))) }
	row("e-mail", id.Email)
	if id.Subject.Kind == sso.SubjectClaim {
		row("subject", id.Subject.Value)
	}
	row("first name", text(id.FirstName))
	row("last name", text(id.LastName))
	for _, name := range slices.Sorted(maps.Keys(id.Attributes)) {
		row("attribute "+name, id.Attributes[name])
	}
	switch {
	case id.GroupsFault != "":
		row("groups in the token", strings.Join(append(slices.Clone(id.Groups), id.GroupsFault), "; "))
	case !id.GroupsSent:
		row("groups in the token", map[bool]string{true: "none sent", false: "none sent: groups stay as they are"}[e.Caller != nil])
	default:
		row("groups in the token", strings.Join(id.Groups, ", "))
	}
	if e.SignedIn == nil {
		return
	}
	account := map[sso.Admitted]string{sso.AdmittedKnown: "known", sso.AdmittedNew: "would be made", sso.AdmittedReactivated: "would be reactivated"}[e.SignedIn.Admitted]
	if e.Caller != nil && e.Caller.Account.ID == 0 {
		account = "none is needed"
	}
	row("account", account)
	row("groups afterwards", groupNames(e.SignedIn.Groups))
	for _, w := range e.SignedIn.Warnings {
		row("warning", w)
	}
}

func groupNames(groups []sso.Group) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return strings.Join(names, ", ")
}
