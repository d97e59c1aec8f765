package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// TestMain lets the test program be the children that bridgebench makes of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "child-") {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	ssotest.TempInMemory()
	os.Exit(m.Run())
}

// The whole benchmark against the real program, too short to mean anything: what counts is that each figure is there.
func TestEveryPartGivesItsFigures(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ssobridge")
	if err := bridgetest.Compile("../ssobridge", program); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	args := []string{"all", "--json", "--quiet", "--ssobridge", program, "--rounds", "1", "--seconds", "0.1", "--sessions", "20",
		"--starts", "1", "--connections", "4"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("got exit status %d, want 0\n%s", code, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("--json: %v\n%s", err, stdout.String())
	}
	if got, want := len(r.Tables), 5; got != want {
		t.Fatalf("got %d tables, want %d", got, want)
	}
	for i, want := range []int{6, 4, 6, 7} {
		table := r.Tables[i]
		if got := len(table.Rows); got != want {
			t.Errorf("%s: got %d rows, want %d", table.Name, got, want)
		}
		for _, row := range table.Rows {
			if row.PerSecond <= 0 || row.P50 <= 0 || row.P99 < row.P50 || row.Resident <= 0 || row.Own <= 0 {
				t.Errorf("%s: a figure is missing: %+v", table.Name, row)
			}
		}
	}
	if got, want := len(r.Targets), 15; got != want {
		t.Errorf("got %d targets, want %d", got, want)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The same for the pages of administrators, each of which answers 200.
func TestAdminGivesItsFigures(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ssobridge")
	if err := bridgetest.Compile("../ssobridge", program); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	args := []string{"admin", "--json", "--quiet", "--ssobridge", program, "--rounds", "1", "--seconds", "0.01", "--sessions", "100",
		"--people", "100", "--groups", "100", "--events", "1000"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("got exit status %d, want 0\n%s", code, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("--json: %v\n%s", err, stdout.String())
	}
	if len(r.Tables) != 1 || len(r.Tables[0].Rows) < 30 || len(r.Targets) != 1 {
		t.Fatalf("got %d tables and %d targets, want one of each with 30 pages at least", len(r.Tables), len(r.Targets))
	}
	for _, row := range r.Tables[0].Rows {
		if row.P50 <= 0 {
			t.Errorf("a figure is missing: %+v", row)
		}
	}
}

// What was answered is kept, whatever happens a moment later, and what was not answered has happened wholly or not at all. How long
// it takes until the next sign-in is answered depends on the machine.
//
// SECURITY C3, L4.
func TestFaults(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ssobridge")
	if err := bridgetest.Compile("../ssobridge", program); err != nil {
		t.Fatal(err)
	}
	ssotest.Need(t, "initdb", "apt-get install postgresql")
	var stdout, stderr bytes.Buffer
	args := []string{"faults", "--json", "--quiet", "--ssobridge", program, "--kills", "6", "--others", "1"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("got exit status %d, want 0\n%s", code, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("--json: %v\n%s", err, stdout.String())
	}
	if lines := len(r.Tables[0].Grid.Lines); lines != 10 && (lines != 9 || os.Getuid() == 0) { // a small disk needs the right to mount
		t.Errorf("got %d kinds of faults: %s", lines, stdout.String())
	}
	for _, line := range r.Tables[0].Grid.Lines {
		if len(line.Figures) < 6 || line.Figures[1] < 5 || line.Figures[5] <= 0 {
			t.Errorf("%s: got %v, want sign-ins and a recovery", line.Name, line.Figures)
		}
	}
	for _, target := range r.Targets[:3] {
		if !target.Met {
			t.Errorf("%s: got %v", target.Name, target.Got)
		}
	}
}

// The same for a database that is not large at all.
func TestSizesGivesItsFigures(t *testing.T) {
	r := runPart(t, "sizes", "--rounds", "1", "--seconds", "0.1", "--connections", "4", "--sessions", "100",
		"--people", "1000", "--groups", "100", "--events", "1000", "--expired", "1000")
	if len(r.Tables[0].Rows) != 3 || len(r.Targets) != 16 {
		t.Fatalf("got %d rows and %d targets, want 3 and 16", len(r.Tables[0].Rows), len(r.Targets))
	}
	for _, target := range r.Targets {
		if target.Got <= 0 {
			t.Errorf("%s: got %v", target.Name, target.Got)
		}
	}
}

// The short forms of what takes minutes: what counts is that a change has an effect, and that each figure is there.
func TestEffectAndSoakGiveTheirFigures(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ssobridge")
	if err := bridgetest.Compile("../ssobridge", program); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"effect", "--changes", "6"}, {"soak", "--soak", "1s"}} {
		var stdout, stderr bytes.Buffer
		args = append(args, "--json", "--quiet", "--ssobridge", program)
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != 0 {
			t.Fatalf("%v: got exit status %d, want 0\n%s", args, code, stderr.String())
		}
		var r report
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("--json: %v\n%s", err, stdout.String())
		}
		for _, line := range r.Tables[0].Grid.Lines {
			for i, figure := range line.Figures {
				if figure <= 0 {
					t.Errorf("%v: %s, %s: got %v", args, line.Name, r.Tables[0].Grid.Columns[i], figure)
				}
			}
		}
	}
}

// Behind nginx, which checks nobody's health, replicas are restarted while people come: nobody may notice.
func TestRolling(t *testing.T) {
	ssotest.InCI(t, "two replicas behind a proxy, as cmd/ssobridge/interop has them on SQLite")
	ssotest.Need(t, "nginx", "apt-get install nginx")
	ssotest.Need(t, "initdb", "apt-get install postgresql")
	r := runPart(t, "rolling", "--requests", "500")
	for _, line := range r.Tables[0].Grid.Lines {
		if line.Figures[0] < 10 {
			t.Errorf("%s: got %v requests", line.Name, line.Figures[0])
		}
	}
	for _, target := range r.Targets {
		if !target.Met {
			t.Errorf("%s: got %v: %v", target.Name, target.Got, r.Tables[0].Notes)
		}
	}
}

// In a storm everyone who has a session passes, and who signs in is let in or told to come back. How much slower checks get depends on
// the machine.
func TestStorm(t *testing.T) {
	ssotest.InCI(t, "many sign-ins at once, which store has without HTTP")
	ssotest.Need(t, "initdb", "apt-get install postgresql")
	r := runPart(t, "storm", "--storm", "40", "--rounds", "1", "--seconds", "0.5", "--connections", "4")
	if lines := len(r.Tables[0].Grid.Lines); lines != 3 || len(r.Targets) != 12 {
		t.Fatalf("got %d databases and %d targets, want 3 and 12", lines, len(r.Targets))
	}
	for i, line := range r.Tables[0].Grid.Lines {
		if line.Figures[0] <= 0 || line.Figures[1] <= 0 || line.Figures[4] < 10 {
			t.Errorf("%s: a figure is missing: %v", line.Name, line.Figures)
		}
		for _, target := range r.Targets[4*i+1 : 4*i+3] {
			if !target.Met {
				t.Errorf("%s: got %v: %v", target.Name, target.Got, r.Tables[0].Notes)
			}
		}
	}
}

// runPart runs one part of the benchmark against the real program.
func runPart(t *testing.T, args ...string) (r report) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ssobridge")
	if err := bridgetest.Compile("../ssobridge", program); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args = append(args, "--json", "--quiet", "--ssobridge", program)
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("%v: got exit status %d, want 0\n%s", args, code, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("--json: %v\n%s", err, stdout.String())
	}
	return r
}

// A program that does not start must not leave the reader guessing.
func TestAFailureSaysWhatTheProgramSaid(t *testing.T) {
	program := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no such luck >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"start", "--quiet", "--ssobridge", program}, strings.NewReader(""), io.Discard, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "no such luck") {
		t.Errorf("got exit status %d and %q, want 1 and the program's own words", code, stderr.String())
	}
}
