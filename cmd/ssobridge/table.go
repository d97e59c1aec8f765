package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/ssobridge/ssobridge/sso"
)

// A table prints a list: columns for people, or one JSON object a line for programs.
type table struct {
	*tabwriter.Writer
	json *json.Encoder // nil: columns
}

func (p *program) table(asJSON bool, headings ...string) *table {
	t := &table{Writer: tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)}
	if asJSON {
		t.json = json.NewEncoder(p.stdout)
		t.json.SetEscapeHTML(false)
		return t
	}
	fmt.Fprintln(t, strings.Join(headings, "\t"))
	return t
}

// row prints one line. What people or identity providers chose cannot move the cursor or break the line.
func (t *table) row(object any, cells ...any) {
	if t.json != nil {
		_ = t.json.Encode(object) // plain structs always encode; a closed stdout ends the program
		return
	}
	texts := make([]string, len(cells))
	for i, c := range cells {
		if texts[i] = sso.CleanText(fmt.Sprint(c)); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(t, strings.Join(texts, "\t"))
}
