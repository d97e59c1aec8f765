package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// A report is what a run of bridgebench found: one table for each part, and the targets.
type report struct {
	Tables  []table  `json:"tables"`
	Targets []target `json:"targets"`
}

// A table compares contenders. Figures are medians over the rounds.
type table struct {
	Name  string   `json:"name"`
	Notes []string `json:"notes,omitempty"`
	Ratio string   `json:"ratio,omitempty"` // what the ratio of each row is
	Rows  []row    `json:"rows,omitempty"`
	Grid  *grid    `json:"grid,omitempty"` // in the place of rows
}

// A grid has figures that are not of contenders.
type grid struct {
	Columns []string   `json:"columns"`
	Lines   []gridLine `json:"lines"`
}

type gridLine struct {
	Name    string    `json:"name"`
	Figures []float64 `json:"figures"` // one for each column
}

// A row is one contender. A figure that is not known is 0 in JSON and "-" in print.
type row struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"requests_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	CPU       float64 `json:"cpu_us_per_request"`
	Resident  float64 `json:"resident_mb"` // 1 MB is 1,000,000 bytes
	Own       float64 `json:"own_mb"`      // of what is resident: no pages of files
	Ratio     float64 `json:"ratio"`
}

// A target is a figure that was promised.
type target struct {
	Name   string  `json:"name"`
	Got    float64 `json:"got"`
	Bound  float64 `json:"bound"`
	AtMost bool    `json:"at_most"` // else Bound is the least
	Unit   string  `json:"unit,omitempty"`
	Met    bool    `json:"met"`
}

func atMost(name string, got, bound float64, unit string) target {
	return target{Name: name, Got: got, Bound: bound, AtMost: true, Unit: unit, Met: got > 0 && got <= bound}
}

// none is a target for what must not happen.
func none(name string, got int) target {
	return target{Name: name, Got: float64(got), AtMost: true, Met: got == 0}
}

func atLeast(name string, got, bound float64) target {
	return target{Name: name, Got: got, Bound: bound, Met: got >= bound}
}

// rowOf sums a contender up.
func rowOf(c *contender, ratio float64) row {
	inMs := func(of func(round) time.Duration) float64 {
		return c.figure(func(r round) float64 { return ms(of(r)) })
	}
	return row{
		Name:      c.name,
		PerSecond: c.figure(perSecond),
		P50:       inMs(func(r round) time.Duration { return r.p50 }),
		P99:       inMs(func(r round) time.Duration { return r.p99 }),
		CPU:       c.figure(cpu),
		Resident:  megabytes(c.memory.Resident),
		Own:       megabytes(c.memory.Own),
		Ratio:     ratio,
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// print writes the report for people.
func (r report) print(w io.Writer) error {
	for _, t := range r.Tables {
		if err := t.print(w); err != nil {
			return err
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "target\tgot\twanted\t")
	for _, t := range r.Targets {
		sign, verdict := "≥", "missed"
		if t.AtMost {
			sign = "≤"
		}
		if t.Met {
			verdict = "met"
		}
		fmt.Fprintf(tw, "%s\t%.2f%s\t%s %g%s\t%s\n", t.Name, t.Got, t.Unit, sign, t.Bound, t.Unit, verdict)
	}
	return tw.Flush()
}

func (t table) print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n", t.Name)
	if len(t.Rows) > 0 {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		width := 0 // the names stand to the left, the figures to the right
		for _, row := range t.Rows {
			width = max(width, utf8.RuneCountInString(row.Name))
		}
		fmt.Fprintf(tw, "\tper second\tp50 ms\tp99 ms\tCPU µs each\tresident MB\tof it own\t%s\t\n", t.Ratio)
		for _, row := range t.Rows {
			fmt.Fprintf(tw, "%-*s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", width, row.Name, known("%.0f", row.PerSecond), known("%.2f", row.P50),
				known("%.2f", row.P99), known("%.1f", row.CPU), known("%.1f", row.Resident), known("%.1f", row.Own), known("%.2f", row.Ratio))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if err := t.Grid.print(w); err != nil {
		return err
	}
	for _, note := range t.Notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// print writes whole numbers as such, and others with as many digits as mean something.
func (g *grid) print(w io.Writer) error {
	if g == nil {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	width := 0
	for _, line := range g.Lines {
		width = max(width, utf8.RuneCountInString(line.Name))
	}
	fmt.Fprintf(tw, "%-*s\t%s\t\n", width, "", strings.Join(g.Columns, "\t"))
	for _, line := range g.Lines {
		fmt.Fprintf(tw, "%-*s\t", width, line.Name)
		for _, figure := range line.Figures {
			digits := 1
			if figure == math.Trunc(figure) || figure >= 1000 {
				digits = 0
			}
			fmt.Fprintf(tw, "%.*f\t", digits, figure)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// known prints a figure, or "-" for one that could not be had.
func known(format string, value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

func (r report) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
