package docs

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path"
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

var update = flag.Bool("update", false, "write the tables and files that the documents show into them")

const root = "../../.."

// A document is one page for readers.
type document struct {
	name string // from the root, with slashes
	text string
}

func (d document) path() string { return filepath.Join(root, filepath.FromSlash(d.name)) }

// documents are all pages of the repository, in order.
func documents(t testing.TB) (all []document) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all = append(all, document{filepath.ToSlash(name), string(data)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A block is one fenced piece of code.
type block struct {
	doc  string // the document it is in
	mark string // what the comment above it says, such as "file: LICENSE"; "" without one
	lang string
	code string
	line int // of its first line of code, from 1
}

var (
	fence = regexp.MustCompile("^(`{3,})([a-z]*)$")
	mark  = regexp.MustCompile(`^<!-- ([a-z]+: .*) -->$`)
)

func (d document) blocks(t testing.TB) (all []block) {
	t.Helper()
	lines := strings.Split(d.text, "\n")
	for i := 0; i < len(lines); i++ {
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		b := block{doc: d.name, lang: open[2], line: i + 2}
		if i > 0 {
			if m := mark.FindStringSubmatch(lines[i-1]); m != nil {
				b.mark = m[1]
			}
		}
		end := slices.Index(lines[i+1:], open[1])
		if end < 0 {
			t.Fatalf("%s:%d: the block has no end", d.name, i+1)
		}
		b.code = strings.Join(lines[i+1:i+1+end], "\n") + "\n"
		all = append(all, b)
		i += 1 + end
	}
	return all
}

// prose is the document without code blocks.
func (d document) prose(t testing.TB) string {
	t.Helper()
	text := d.text
	for _, b := range d.blocks(t) {
		text = strings.Replace(text, b.code, "", 1)
	}
	return text
}

func blocks(t testing.TB) (all []block) {
	t.Helper()
	for _, d := range documents(t) {
		all = append(all, d.blocks(t)...)
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
	t.Fatalf("no document has a block under <!-- %s -->", mark)
	return block{}
}

// prose is what all documents say, without code blocks.
func prose(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, d := range documents(t) {
		all.WriteString(d.prose(t) + "\n")
	}
	return all.String()
}

// The front page stays short: everything else stands beside the room that it is about.
func TestFrontPage(t *testing.T) {
	const most = 10 << 10
	for _, d := range documents(t) {
		if d.name == "README.md" && len(d.text) > most {
			t.Errorf("README.md has %d bytes of at most %d", len(d.text), most)
		}
	}
}

// Each picture of a document is there, small, and says in words what it shows.
func TestPictures(t *testing.T) {
	const most = 100_000
	picture := regexp.MustCompile(`!\[([^\]]*)\]\(([^)]+\.png)\)`)
	shown := map[string]bool{}
	for _, d := range documents(t) {
		for _, m := range picture.FindAllStringSubmatch(d.text, -1) {
			name := path.Join(path.Dir(d.name), m[2])
			shown[name] = true
			file, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
				continue
			}
			if _, err := png.DecodeConfig(bytes.NewReader(file)); err != nil || len(file) > most || len(m[1]) < 20 {
				t.Errorf("%s in %s: %d bytes of at most %d, said as %q, %v", m[2], d.name, len(file), most, m[1], err)
			}
		}
	}
	for _, name := range []string{"server/admin/overview.png", "server/admin/rules.png", "server/admin/why.png"} {
		if !shown[name] {
			t.Errorf("no document shows %s", name)
		}
	}
}

// refusals is a table for people who read: each code with the status and the words that programs get, and what to change. "…"
// stands for the one public value of an error.
func refusals() string {
	var signIn, other strings.Builder
	signIn.WriteString("| code | status | message | what to change |\n| --- | --- | --- | --- |\n")
	other.WriteString("| code | status | message |\n| --- | --- | --- |\n")
	for _, c := range sso.Codes() {
		row := fmt.Sprintf("| `%s` | %d | %s |", c, c.Status(), sso.Message(c.About("…", "")))
		if advice := c.Advice(); advice != "" {
			fmt.Fprintf(&signIn, "%s %s |\n", row, advice)
		} else {
			fmt.Fprintf(&other, "%s\n", row)
		}
	}
	return signIn.String() + "\nThese are not about a token:\n\n" + other.String()
}

func TestTables(t *testing.T) {
	for name, want := range map[string]string{"settings": setting.Markdown(), "refusals": refusals()} {
		begin, end := "<!-- begin: "+name+" -->\n", "<!-- end: "+name+" -->\n"
		places := 0
		for _, d := range documents(t) {
			before, rest, found := strings.Cut(d.text, begin)
			got, after, ended := strings.Cut(rest, end)
			if !found || !ended {
				continue
			}
			places++
			if strings.TrimSpace(got) == strings.TrimSpace(want) {
				continue
			}
			if !*update {
				t.Errorf("%s: the table of %s is not what the code says (-got +want); run go test ./cmd/ssobridge/docs -update\n%s",
					d.name, name, lineDiff(got, want))
				continue
			}
			if err := os.WriteFile(d.path(), []byte(before+begin+"\n"+strings.TrimSpace(want)+"\n\n"+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if places != 1 {
			t.Errorf("%d documents have a place %q to %q, want 1", places, begin, end)
		}
	}
}

func lineDiff(got, want string) string {
	return cmp.Diff(strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n"))
}

func TestFiles(t *testing.T) {
	for _, d := range documents(t) {
		for _, b := range d.blocks(t) {
			name, ok := strings.CutPrefix(b.mark, "file: ")
			if !ok {
				continue
			}
			want, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			switch {
			case err != nil:
				t.Errorf("%s:%d: %v", b.doc, b.line, err)
			case b.code == string(want):
			case *update:
				d.text = strings.Replace(d.text, b.code, string(want), 1)
				if err := os.WriteFile(d.path(), []byte(d.text), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s:%d: the block is not what %s says (-got +want); run go test ./cmd/ssobridge/docs -update\n%s",
					b.doc, b.line, name, lineDiff(b.code, string(want)))
			}
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
			t.Errorf("%s:%d: %v", b.doc, b.line, err)
		} else if !strings.Contains(unindented(string(file)), unindented(b.code)) {
			t.Errorf("%s:%d: %s does not have these lines any more", b.doc, b.line, name)
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
	all := documents(t)
	anchors := map[string]bool{}
	for _, d := range all {
		for _, h := range heading.FindAllStringSubmatch(d.prose(t), -1) {
			anchors[d.name+"#"+anchor(h[1])] = true
		}
	}
	for _, d := range all {
		for _, m := range link.FindAllStringSubmatch(d.prose(t), -1) {
			if strings.HasPrefix(m[1], "https://") || strings.HasPrefix(m[1], "http://") {
				continue
			}
			to, fragment, toHeading := strings.Cut(m[1], "#")
			file := d.name
			if to != "" {
				file = path.Join(path.Dir(d.name), to)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s links to %s: %v", d.name, m[1], err)
			} else if toHeading && !anchors[file+"#"+fragment] {
				t.Errorf("%s links to %s, and there is no such heading", d.name, m[1])
			}
		}
	}
}

// Each document can be reached from the front page.
func TestReachable(t *testing.T) {
	links := map[string][]string{}
	for _, d := range documents(t) {
		links[d.name] = []string{}
		for _, m := range link.FindAllStringSubmatch(d.prose(t), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			links[d.name] = append(links[d.name], path.Join(path.Dir(d.name), to))
		}
	}
	seen, next := map[string]bool{}, []string{"README.md"}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if !seen[name] {
			seen[name] = true
			next = append(next, links[name]...)
		}
	}
	for name := range links {
		if !seen[name] {
			t.Errorf("no link leads from README.md to %s", name)
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

// What a document calls a setting or a code is one.
func TestNames(t *testing.T) {
	settingName := regexp.MustCompile(`^(SSOBRIDGE_|MB_)?[A-Z]+(_[A-Z]+)+$`)
	codeName := regexp.MustCompile(`^(token|flow|account|link|provisioning|return_to|key|sso|code_exchange)_(malformed|signature|[a-z]*missing|mismatch|expired|` +
		`not_yet_valid|too_old|from_future|unbounded|issuer|audience|type|replayed|email_invalid|disabled|refused|off|unknown|failed)$`)
	known := map[string]bool{
		setting.ConfigEnv: true, "SSOBRIDGE_TEST_REQUIRE": true, "SSOBRIDGE_TEST_NODE_MODULES": true, "SSOBRIDGE_TEST_SHOTS": true, "SSOBRIDGE_TEST_TRAEFIK": true, "SSOBRIDGE_TEST_PROMTOOL": true, "SSOBRIDGE_TEST_DEX": true, "SSO_SECRET": true, "SSOBRIDGE_NEW_SECRET_KEY": true, "BRIDGE_URL": true,
		"RSA_PRIVATE_KEY_FILE_PATH": true, "RSA_PUBLIC_KEY_FILE_PATH": true, "JWT_KEY_ID": true, // OpenMetadata's
		// Of other systems.
		"JWT_AUTHENTICATION_SERVER_URL": true, "AUTHENTICATION_PUBLIC_KEYS": true, "AUTHENTICATION_AUTHORITY": true, "AUTHENTICATION_CLIENT_ID": true,
		"AUTHENTICATION_JWT_PRINCIPAL_CLAIMS": true, "ENABLE_JWT": true, "SYSTEM_TOKEN": true, "MB_SESSION_SECRET_KEY": true,
	}
	cfg, _ := setting.Resolve(setting.Inputs{Flags: map[string]string{"providers": "acme"}}) // the name in examples
	for _, s := range cfg.Table() {
		known[s.Name], known[s.Env()], known[s.Alias] = true, true, true
		if s.Secret {
			known[s.Name+"_FILE"], known[s.Env()+"_FILE"] = true, true
		}
	}
	for _, d := range documents(t) {
		for _, m := range quoted.FindAllStringSubmatch(d.prose(t), -1) {
			name, _, _ := strings.Cut(m[1], "=")
			if settingName.MatchString(name) && !known[name] {
				t.Errorf("%s speaks of %s, which is no setting", d.name, name)
			}
			if codeName.MatchString(name) && !slices.Contains(sso.Codes(), sso.Code(name)) {
				t.Errorf("%s speaks of %s, which is no code", d.name, name)
			}
		}
	}
}
