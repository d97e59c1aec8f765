package activity

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// The forms in which the audit trail is exported.
const (
	formatCSV   = "csv"
	formatLines = "jsonl"
)

type exportQuery struct {
	Format    string    `query:"format" enum:"csv,jsonl" doc:"csv, or JSON lines when it is left out"`
	Person    string    `query:"person" doc:"e-mail, or id of an account"`
	Kind      string    `query:"kind" doc:"what happened, such as sign_in_refused"`
	Code      string    `query:"code" doc:"why something was refused, such as token_expired"`
	Actor     string    `query:"actor" doc:"who did it: an administrator's e-mail, or cli for the shell"`
	Reference string    `query:"reference" doc:"what a person saw on the page that refused"`
	Since     time.Time `query:"since" doc:"inclusive"`
	Until     time.Time `query:"until" doc:"exclusive"`
}

func (a activityArea) export(c *area.Call, in exportQuery) (openapi.File, error) {
	return a.exportAs(c, in.Format, admin.ActivityFilter{
		Person: in.Person, Kind: in.Kind, Code: in.Code, Actor: in.Actor, Reference: in.Reference, Since: in.Since, Until: in.Until,
	})
}

func (a activityArea) exportAs(c *area.Call, format string, f admin.ActivityFilter) (openapi.File, error) {
	each, err := a.domain().Export(c.Request().Context(), f)
	if err != nil {
		return openapi.File{}, err
	}
	switch format {
	case formatCSV:
		return openapi.File{Kind: "text/csv; charset=utf-8", Name: "activity.csv", Write: func(w io.Writer) error {
			if err := csvRows(w, [][]string{csvHead}); err != nil {
				return err
			}
			return each(func(events []sso.Event) error { return writeCSV(w, a.Host.Config(), events) })
		}}, nil
	case formatLines, "":
		return openapi.File{Kind: "application/jsonl", Name: "activity.jsonl", Write: func(w io.Writer) error {
			return each(func(events []sso.Event) error { return writeLines(w, a.Host.Config(), events) })
		}}, nil
	}
	return openapi.File{}, admin.Invalid("format", "is neither csv nor jsonl")
}

func writeLines(w io.Writer, cfg *setting.Config, events []sso.Event) error {
	lines := json.NewEncoder(w)
	for _, e := range events {
		if err := lines.Encode(eventOf(cfg, e)); err != nil {
			return err
		}
	}
	return nil
}

var csvHead = []string{
	"id", "at", "kind", "code", "reference", "person", "email", "actor", "provider", "peer", "detail", "advice", "key_id",
}

func writeCSV(w io.Writer, cfg *setting.Config, events []sso.Event) error {
	rows := make([][]string, 0, len(events))
	for _, e := range events {
		o := eventOf(cfg, e)
		row := []string{
			strconv.FormatInt(o.ID, 10), o.At.Format(time.RFC3339Nano), o.Kind, o.Code, o.Reference, strconv.FormatInt(o.Person, 10), o.Email,
			o.Actor, o.Provider, o.Peer, o.Detail, o.Advice, o.KeyID,
		}
		for i := range row {
			row[i] = csvCell(row[i])
		}
		rows = append(rows, row)
	}
	return csvRows(w, rows)
}

func csvRows(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w) // RFC 4180
	out.UseCRLF = true
	return out.WriteAll(rows)
}

// csvCell keeps spreadsheets from taking text for a formula: what begins like one gets an apostrophe in front, which they
// read as "this is text" (OWASP, CSV Injection).
func csvCell(text string) string {
	if first := strings.TrimLeft(text, " \t\r\n"); first != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(first)[0]) ||
		text != "" && strings.ContainsRune("\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
