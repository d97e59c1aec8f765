package activity

import (
	"bytes"
	"encoding/csv"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// No text makes a cell that a spreadsheet takes for a formula, and each cell is read back as the text.
func FuzzNoCellIsAFormula(f *testing.F) {
	for _, text := range []string{"", "=1+1", " =1", "\t@x", "-", "＝1", "a,\"b\"\r\nc", "'=1", "fine", "\xff=", "\u00a0=1", "\ufeff=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := csvCell(text)
		if strings.TrimPrefix(cell, "'") != strings.TrimPrefix(text, "'") {
			t.Fatalf("csvCell(%q): got %q, want the text, if need be after an apostrophe", text, cell)
		}
		if bare := strings.TrimLeft(cell, " \t\r\n"); bare != "" && strings.ContainsAny(bare[:1], "=+-@") {
			t.Errorf("csvCell(%q): got %q, which is a formula", text, cell)
		}
		var b bytes.Buffer
		if err := csvRows(&b, [][]string{{cell, "next"}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][1] != "next" {
			t.Errorf("%q: got %q, %v, want one row of two cells", text, rows, err)
		}
	})
}

// What is typed as a filter is either understood, or wrong at a field that the page has; and the links of the page keep it.
func FuzzTypedFilter(f *testing.F) {
	f.Add("from=2026-01-31&until=2026-02-30&person=a%40b")
	f.Add("from=0000-01-01&until=9999-12-31&reference=a-b")
	f.Add("from=x&kind=%00&code=%ff")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		filter, wrong := typedFilter(q)
		for field := range wrong {
			if field != "from" && field != "until" {
				t.Errorf("%q: got %q wrong, which is no field", query, field)
			}
		}
		kept := typedQuery(q)
		again, wrongAgain := typedFilter(kept)
		if again != filter || len(wrong) != len(wrongAgain) {
			t.Errorf("%q: got %+v from the page's own link %q, want %+v", query, again, kept.Encode(), filter)
		}
	})
}

func TestKindsAndCodesCanBeChosen(t *testing.T) {
	if got, want := len(kindOptions("")), len(admin.EventKinds())+1; got != want {
		t.Errorf("got %d kinds, want %d", got, want)
	}
	chosen := 0
	for _, o := range codeOptions(string(sso.TokenExpired)) {
		if o.Chosen {
			chosen++
		}
	}
	if chosen != 1 {
		t.Errorf("got %d codes chosen, want one", chosen)
	}
}
