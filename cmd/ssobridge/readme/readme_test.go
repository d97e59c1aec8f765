package readme

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

var update = flag.Bool("update", false, "write the tables and files that the README shows into it")

const (
	root = "../../.."
	path = root + "/README.md"
)

func text(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A block is one fenced piece of code.
type block struct {
	mark string // what the comment above it says, such as "file: LICENSE"; "" without one
	lang string
	code string
	line int // of its first line of code, from 1
}

var (
	fence = regexp.MustCompile("^(`{3,})([a-z]*)$")
	mark  = regexp.MustCompile(`^<!-- ([a-z]+: .*) -->$`)
)

func blocks(t testing.TB) (all []block) {
	t.Helper()
	lines := strings.Split(text(t), "\n")
	for i := 0; i < len(lines); i++ {
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		b := block{lang: open[2], line: i + 2}
		if i > 0 {
			if m := mark.FindStringSubmatch(lines[i-1]); m != nil {
				b.mark = m[1]
			}
		}
		end := slices.Index(lines[i+1:], open[1])
		if end < 0 {
			t.Fatalf("README.md:%d: the block has no end", i+1)
		}
		b.code = strings.Join(lines[i+1:i+1+end], "\n") + "\n"
		all = append(all, b)
		i += 1 + end
	}
	return all
}

// marked returns the one block with that mark.
func marked(t testing.TB, mark string) block {
	t.Helper()
	for _, b := range blocks(t) {
		if b.mark == mark {
			return b
		}
	}
	t.Fatalf("README.md has no block under <!-- %s -->", mark)
	return block{}
}

// prose is the README without code blocks.
func prose(t testing.TB) string {
	t.Helper()
	doc := text(t)
	for _, b := range blocks(t) {
		doc = strings.Replace(doc, b.code, "", 1)
	}
	return doc
}

func TestTables(t *testing.T) {
	for name, want := range map[string]string{"settings": setting.Markdown(), "refusals": sso.ReasonsMarkdown()} {
		begin, end := "<!-- begin: "+name+" -->\n", "<!-- end: "+name+" -->\n"
		before, rest, found := strings.Cut(text(t), begin)
		got, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Errorf("README.md has no place %q to %q", begin, end)
			continue
		}
		if strings.TrimSpace(got) == strings.TrimSpace(want) {
			continue
		}
		if !*update {
			t.Errorf("the table of %s is not what the code says (-got +want); run go test ./cmd/ssobridge/readme -update\n%s",
				name, lineDiff(got, want))
			continue
		}
		if err := os.WriteFile(path, []byte(before+begin+"\n"+strings.TrimSpace(want)+"\n\n"+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func lineDiff(got, want string) string {
	return cmp.Diff(strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n"))
}

func TestFiles(t *testing.T) {
	for _, b := range blocks(t) {
		name, ok := strings.CutPrefix(b.mark, "file: ")
		if !ok {
			continue
		}
		want, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case err != nil:
			t.Errorf("README.md:%d: %v", b.line, err)
		case b.code == string(want):
		case *update:
			if err := os.WriteFile(path, []byte(strings.Replace(text(t), b.code, string(want), 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("README.md:%d: the block is not what %s says (-got +want); run go test ./cmd/ssobridge/readme -update\n%s",
				b.line, name, lineDiff(b.code, string(want)))
		}
	}
}

// What is shown from a file stands there, indented as it may be.
func TestExcerpts(t *testing.T) {
	for _, b := range blocks(t) {
		name, ok := strings.CutPrefix(b.mark, "from: ")
		if !ok {
			continue
		}
		file, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("README.md:%d: %v", b.line, err)
		} else if !strings.Contains(unindented(string(file)), unindented(b.code)) {
			t.Errorf("README.md:%d: %s does not have these lines any more", b.line, name)
		}
	}
}

func unindented(text string) string { return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(text, "") }

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// Links to headings and to files of the repository lead somewhere. Links to other sites are not followed.
func TestLinks(t *testing.T) {
	doc := prose(t)
	anchors := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(doc, -1) {
		anchors["#"+anchor(h[1])] = true
	}
	for _, m := range link.FindAllStringSubmatch(doc, -1) {
		switch to := m[1]; {
		case strings.HasPrefix(to, "https://"), strings.HasPrefix(to, "http://"):
		case strings.HasPrefix(to, "#"):
			if !anchors[to] {
				t.Errorf("the README links to %s, and has no such heading", to)
			}
		default:
			to, _, _ = strings.Cut(to, "#")
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("the README links to %s: %v", to, err)
			}
		}
	}
}

// anchor is how GitHub names a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var quoted = regexp.MustCompile("`([^`\n]+)`")

// What the README calls a setting or a code is one.
func TestNames(t *testing.T) {
	settingName := regexp.MustCompile(`^(SSOBRIDGE_|MB_)?[A-Z]+(_[A-Z]+)+$`)
	codeName := regexp.MustCompile(`^(token|flow|account|link|provisioning|return_to|key|sso|code_exchange)_(malformed|signature|[a-z]*missing|mismatch|expired|` +
		`not_yet_valid|too_old|from_future|unbounded|issuer|audience|type|replayed|email_invalid|disabled|refused|off|unknown|failed)$`)
	known := map[string]bool{
		setting.ConfigEnv: true, "SSOBRIDGE_TEST_REQUIRE": true, "SSOBRIDGE_TEST_NODE_MODULES": true, "SSO_SECRET": true, "BRIDGE_URL": true,
	}
	for _, s := range setting.Table() {
		known[s.Name], known[s.Env()], known[s.Alias] = true, true, true
		if s.Secret {
			known[s.Name+"_FILE"], known[s.Env()+"_FILE"] = true, true
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(prose(t), -1) {
		name, _, _ := strings.Cut(m[1], "=")
		if settingName.MatchString(name) && !known[name] {
			t.Errorf("the README speaks of %s, which is no setting", name)
		}
		if codeName.MatchString(name) && !slices.Contains(sso.Codes(), sso.Code(name)) {
			t.Errorf("the README speaks of %s, which is no code", name)
		}
	}
}
