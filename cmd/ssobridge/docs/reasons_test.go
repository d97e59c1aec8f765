package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The reasons that the documents explain are those that the program gives.
func TestReasons(t *testing.T) {
	source := sources(t)
	table := regexp.MustCompile(`(?m)^\| (?:the reason begins with|the log says) \|.*\n\|.*\n((?:\|.*\n)+)`)
	row := regexp.MustCompile("(?m)^\\| `([^`]+)`")
	seen := 0
	for _, rows := range table.FindAllStringSubmatch(prose(t), -1) {
		for _, m := range row.FindAllStringSubmatch(rows[1], -1) {
			seen++
			for part := range strings.SplitSeq(m[1], "…") {
				if part = strings.TrimSpace(part); part != "" && !strings.Contains(source, part) {
					t.Errorf("no reason has the words %q", part)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d reasons were found", seen)
	}
}

// sources is all code of the program, texts that were broken between two lines joined.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`" \+\n\s*"`).ReplaceAllString(all.String(), "")
}
