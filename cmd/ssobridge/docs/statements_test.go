package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statements are the rows of SECURITY.md under a heading: what must hold for each release, and can be tried from outside. A
// test that proves one names it in a comment, "// SECURITY C1"; so does code that exists because of one.
func statements(t *testing.T, heading string) map[string]string {
	t.Helper()
	row := regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+) \| (.+) \|$`)
	for _, d := range documents(t) {
		if d.name != "SECURITY.md" {
			continue
		}
		_, section, _ := strings.Cut(d.text, "\n## "+heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		all := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			if all[m[1]] != "" {
				t.Errorf("SECURITY.md has %s twice", m[1])
			}
			all[m[1]] = m[2]
		}
		if len(all) == 0 {
			t.Fatalf("SECURITY.md has no statements under %q", heading)
		}
		return all
	}
	t.Fatal("there is no SECURITY.md")
	return nil
}

// Each statement that SECURITY.md makes has a test that names it, and no comment names one that it does not make.
func TestSecurityStatements(t *testing.T) {
	holds, planned := statements(t, "Statements"), statements(t, "Not promised yet")
	tests := namedStatements(t, func(name string) bool { // the suite that holds each store to its word is one, too
		return strings.HasSuffix(name, "_test.go") || strings.Contains(filepath.ToSlash(name), "sso/ssotest/conformance/")
	})
	for id, says := range holds {
		if len(tests[id]) == 0 {
			t.Errorf("no test names SECURITY %s: %s", id, says)
		}
	}
	for id := range planned {
		if len(tests[id]) > 0 {
			t.Logf("could be promised: %s is named in %s", id, strings.Join(tests[id], ", "))
		}
	}
	for id, files := range namedStatements(t, func(name string) bool { return strings.HasSuffix(name, ".go") }) {
		if holds[id] == "" && planned[id] == "" {
			t.Errorf("%s: SECURITY %s is no statement of SECURITY.md", strings.Join(files, ", "), id)
		}
	}
}

// namedStatements are the statements that comments name, with those files that count.
func namedStatements(t *testing.T, counts func(name string) bool) map[string][]string {
	t.Helper()
	list := regexp.MustCompile(`SECURITY ((?:[A-Z][0-9]+(?:, (?:and )?| and )?)+)`)
	one := regexp.MustCompile(`[A-Z][0-9]+`)
	named := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "docs"):
			return filepath.SkipDir
		case !counts(path):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			_, comment, isComment := strings.Cut(line, "//")
			if !isComment {
				continue
			}
			for _, m := range list.FindAllStringSubmatch(comment, -1) {
				for _, id := range one.FindAllString(m[1], -1) {
					if name, _ := filepath.Rel(root, path); !slices.Contains(named[id], name) {
						named[id] = append(named[id], name)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}
