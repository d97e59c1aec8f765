// Package explanation writes what "ssobridge explain" found out, for people and for programs.
package explanation

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/advice"
	"github.com/ssobridge/ssobridge/sso/setting"
)

type identityJSON struct {
	Email      string            `json:"email,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	FirstName  string            `json:"first_name,omitempty"`
	LastName   string            `json:"last_name,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Groups     []string          `json:"groups,omitempty"` // as the identity provider named them
}

// JSON is an explanation as programs read it.
func JSON(e sso.Explanation) any {
	groups, warnings := []sso.Group{}, []string{}
	if e.SignedIn != nil {
		groups, warnings = append(groups, e.SignedIn.Groups...), append(warnings, e.SignedIn.Warnings...)
	}
	return struct {
		Accepted bool         `json:"accepted"`
		Code     sso.Code     `json:"code"`
		Use      sso.TokenUse `json:"use"`
		Provider string       `json:"provider"`
		Key      string       `json:"key"`
		Until    *time.Time   `json:"until"` // of API clients; null: not known, or for ever
		Checks   []sso.Check  `json:"checks"`
		Identity identityJSON `json:"identity"`
		Caller   string       `json:"caller"`
		Groups   []sso.Group  `json:"groups"`
		Warnings []string     `json:"warnings"`
	}{e.Accepted, e.Code, e.Use, e.Provider, e.KeyID, until(e), e.Checks, identityOf(e.Identity), caller(e), groups, warnings}
}

func until(e sso.Explanation) *time.Time {
	if e.Until.IsZero() || e.Endless() {
		return nil
	}
	at := e.Until.UTC()
	return &at
}

// caller is how the app behind the bridge would know who sent the token.
func caller(e sso.Explanation) string {
	if e.Caller == nil {
		return ""
	}
	return e.Caller.Name()
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

// Print writes an explanation as people read it.
func Print(w io.Writer, cfg *setting.Config, e sso.Explanation) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range e.Checks {
		fmt.Fprintf(t, "%s %s\t%s\n", map[bool]string{true: "✓", false: "✗"}[c.OK], c.Name, oneLine(c.Detail))
	}
	t.Flush()
	if e.Identity.Email != "" || e.Caller != nil || !e.Until.IsZero() {
		fmt.Fprintln(w)
		rows := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
		rows.write(e)
		rows.Flush()
	}
	fmt.Fprintln(w)
	if e.Accepted {
		fmt.Fprintln(w, "accepted; nothing was changed, and the token can still be used")
		return
	}
	fmt.Fprintf(w, "refused: %s\n", e.Code)
	if change := advice.For(cfg, e.Use, e.Code, e.Provider); change != "" {
		fmt.Fprintf(w, "what to change: %s\n", change)
	}
}

// A table has a name and a value in each row.
type table struct{ *tabwriter.Writer }

func (t *table) row(name, value string) {
	fmt.Fprintf(t, "%s\t%s\n", name, oneLine(cmp.Or(sso.CleanText(value), "-")))
}

func (t *table) write(e sso.Explanation) {
	if e.Use != sso.UseLogin {
		t.token(e)
	}
	if e.Use != sso.UseService {
		t.identity(e)
	}
	if e.SignedIn == nil {
		return
	}
	account := map[sso.Admitted]string{sso.AdmittedKnown: "known", sso.AdmittedNew: "would be made", sso.AdmittedReactivated: "would be reactivated"}[e.SignedIn.Admitted]
	if e.Caller != nil && e.Caller.Account.ID == 0 {
		account = "none is needed"
	}
	t.row("account", account)
	t.row("groups afterwards", groupNames(e.SignedIn.Groups))
	for _, w := range e.SignedIn.Warnings {
		t.row("warning", w)
	}
}

// token says of the token of an API client what the person who has it asks.
func (t *table) token(e sso.Explanation) {
	t.row("provider", e.Provider)
	t.row("key", e.KeyID)
	if e.Caller != nil {
		t.row("acts as", caller(e))
	}
	switch {
	case e.Endless():
		t.row("ends", "never")
	case !e.Until.IsZero():
		t.row("ends", e.Until.UTC().Format(time.RFC3339))
	}
}

func (t *table) identity(e sso.Explanation) {
	id := e.Identity
	t.row("e-mail", id.Email)
	if id.Subject.Kind == sso.SubjectClaim {
		t.row("subject", id.Subject.Value)
	}
	t.row("first name", text(id.FirstName))
	t.row("last name", text(id.LastName))
	for _, name := range slices.Sorted(maps.Keys(id.Attributes)) {
		t.row("attribute "+name, id.Attributes[name])
	}
	switch {
	case id.GroupsFault != "":
		t.row("groups in the token", strings.Join(append(slices.Clone(id.Groups), id.GroupsFault), "; "))
	case !id.GroupsSent:
		t.row("groups in the token", map[bool]string{true: "none sent", false: "none sent: groups stay as they are"}[e.Caller != nil])
	default:
		t.row("groups in the token", strings.Join(id.Groups, ", "))
	}
}

func groupNames(groups []sso.Group) string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return strings.Join(names, ", ")
}

// oneLine leaves nothing that a terminal would not show as one line.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return sso.CleanText(strings.Join(lines, "; "))
}
