package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/slapd"
)

// A commandLine is one call of ssobridge that a document shows.
type commandLine struct {
	text string
	args []string
}

var (
	shellCall  = regexp.MustCompile(`^(?:\./ssobridge|ssobridge|go run \./cmd/ssobridge)(?: (.*))?$`)
	shellWord  = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	separators = regexp.MustCompile(` (?:\||&&|>|<|;) ?`)
)

func commandLines(t testing.TB) (all []commandLine) {
	var texts []string
	for _, b := range blocks(t) {
		if b.lang == "sh" {
			texts = append(texts, strings.Split(b.code, "\n")...)
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(prose(t), -1) {
		texts = append(texts, m[1])
	}
	for _, text := range texts {
		text, _, _ = strings.Cut(text, " #")
		for _, part := range separators.Split(text, -1) {
			if m := shellCall.FindStringSubmatch(strings.TrimSpace(part)); m != nil {
				c := commandLine{text: part}
				for _, word := range shellWord.FindAllString(m[1], -1) {
					c.args = append(c.args, strings.Trim(word, `'"`))
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// Every command that the documents show exists, with these flags and as many arguments.
func TestCommands(t *testing.T) {
	all := commandLines(t)
	if len(all) < 10 {
		t.Errorf("only %d commands were found", len(all))
	}
	asked := map[string]bool{} // documents show the same call several times
	for _, c := range all {
		call := strings.Join(c.args, "\x00")
		if asked[call] || len(c.args) == 0 || c.args[0] == "help" { // the program's name, as a word
			continue
		}
		asked[call] = true
		if out, status := output(t, "", environ(), append(c.args, "--help")...); status != 0 {
			t.Errorf("%s: status %d, %s", c.text, status, out)
		}
	}
}

// The folders that go commands name exist.
func TestGoCommands(t *testing.T) {
	call := regexp.MustCompile(`go (?:run|build|test)[^\n]*?(\./[a-z./]*[a-z])`)
	for _, d := range documents(t) {
		for _, m := range call.FindAllStringSubmatch(d.text, -1) {
			if info, err := os.Stat(filepath.Join(root, m[1])); err != nil || !info.IsDir() {
				t.Errorf("%s: %s: %v", d.name, m[0], err)
			}
		}
	}
}

// The settings of the first steps are good, without a proxy and behind one: for the terminal that writes them, and for
// another one that reads them.
func TestFirstVariables(t *testing.T) {
	ssotest.Need(t, "openssl", "apt-get install openssl")
	for mark, site := range map[string]string{"settings: env": "http://localhost:3000", "settings: proxy": "http://localhost:8080"} {
		dir := t.TempDir()
		sh := func(script string) (string, error) {
			cmd := exec.Command("sh", "-e", "-c", script, program.Path(t))
			cmd.Dir, cmd.Env = dir, environ()
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		if out, err := sh(marked(t, mark).code + `"$0" check --json`); err != nil || !strings.Contains(out, `"ok": true`) || strings.Contains(out, `"warnings": ["`) {
			t.Errorf("%s: %v\n%s", mark, err, out)
		}
		out, err := sh(`. ./sso.env; "$0" tokens login --email ada@example.com 2>/dev/null; echo "$BRIDGE_URL $SSO_SECRET"`)
		if err != nil || !strings.HasPrefix(out, site+"/auth/sso?jwt=") || !regexp.MustCompile(`\n`+site+` [0-9a-f]{64}\n$`).MatchString(out) {
			t.Errorf("%s, in another terminal: %v\n%s", mark, err, out)
		}
		info, err := os.Stat(filepath.Join(dir, "sso.secret"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: sso.secret: %v, %v", mark, info, err)
		}
	}
}

// The settings of the first steps are good as a file, with the rules that are shown further below.
func TestFirstFile(t *testing.T) {
	dir := t.TempDir()
	yaml := strings.ReplaceAll(marked(t, "settings: yaml").code, "/etc/ssobridge/secret", filepath.Join(dir, "secret"))
	for name, text := range map[string]string{"ssobridge.yaml": yaml + marked(t, "settings: rules").code, "secret": secret + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, status := output(t, "", environ(), "check", "--config", filepath.Join(dir, "ssobridge.yaml"))
	if status != 0 || strings.Contains(out, "warning") {
		t.Errorf("the file: status %d\n%s", status, out)
	}
}

// The files of the recipes for directories are sound.
func TestDirectoryFiles(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "ssobridge.yaml")
	authority := slapd.Certificate(t, dir)
	for _, recipe := range []string{"openldap", "active directory"} {
		yaml := strings.NewReplacer("/etc/ssobridge/ca.pem", authority, "/etc/ssobridge/", dir+"/").Replace(marked(t, "settings: "+recipe).code)
		for name, text := range map[string]string{"ssobridge.yaml": yaml, "secret": secret + "\n", "ldap": "reader\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, status := output(t, "", environ(), "check", "--config", config); status != 0 || strings.Contains(out, "warning") {
			t.Errorf("%s: status %d\n%s", recipe, status, out)
		}
	}
}

// The command of the recipes says which source knows somebody, and what.
func TestGroupsLookup(t *testing.T) {
	d := slapd.Start(t)
	env := environ(append(d.Environ(), "SSOBRIDGE_JWT_SHARED_SECRET="+secret, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=http://127.0.0.1:3535/login", "SSOBRIDGE_JWT_ATTRIBUTE_SUBJECT=sub",
		"SSOBRIDGE_JWT_GROUP_SYNC=true", "SSOBRIDGE_JWT_GROUPS_ORDER=token,ldap", "SSOBRIDGE_LDAP_ENABLED_FILTER=(!(userAccountControl:1.2.840.113556.1.4.803:=2))")...)
	milliseconds := regexp.MustCompile(`\([0-9]+ ms\)`)
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"ada"}, 0, "token: has no groups claim\nldap: 4 groups: loop, research, science, staff (N ms)\nloop\nresearch\nscience\nstaff\n"},
		{[]string{"ada", "--json"}, 0, `"source": "ldap"`},
		{[]string{"*"}, 1, "no source knows this person"},
		{[]string{"ada@example.org"}, 1, "no source knows this person"}, // they are looked for by {user}
		{[]string{"bob"}, 1, "switched off"},
		{[]string{"ada", "--ldap-bind-dn", "cn=x,dc=example,dc=org"}, 1, "the directory does not accept LDAP_BIND_DN with LDAP_BIND_PASSWORD"},
		{[]string{"ada", "--jwt-groups-order", "token"}, 1, "all groups come from the token"},
		{[]string{"ada", "--provider", "acme"}, 2, "one of those that have sources of groups"},
	} {
		out, status := output(t, "", env, append([]string{"groups", "lookup"}, tt.args...)...)
		if out = milliseconds.ReplaceAllString(out, "(N ms)"); status != tt.status || !strings.Contains(out, tt.want) || strings.Contains(out, slapd.Password+"\n") {
			t.Errorf("%q: status %d, want %d and %q\n%s", tt.args, status, tt.status, tt.want, out)
		}
	}
}

// The example of explain is what explain says; only numbers are others.
func TestExplain(t *testing.T) {
	env := environ("SSOBRIDGE_JWT_SHARED_SECRET="+secret, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=http://127.0.0.1:3535/login")
	link, status := output(t, "", env, "tokens", "login", "--email", "ada@example.com", "--first-name", "Ada", "--group", "research")
	if status != 0 {
		t.Fatalf("tokens login: %s", link)
	}
	env[len(env)-2] = "SSOBRIDGE_JWT_SHARED_SECRET=" + strings.ToUpper(secret)
	said, status := output(t, link, env, "explain")
	if status != 1 {
		t.Errorf("explain: status %d, want 1", status)
	}
	digits := regexp.MustCompile(`[0-9]+`)
	plain := func(text string) []string { return strings.Split(digits.ReplaceAllString(text, "N"), "\n") }
	lines := plain(said)
	for _, want := range plain(marked(t, "explain: wrong secret").code) {
		if want == "…" {
			continue
		}
		i := slices.Index(lines, want)
		if i < 0 {
			t.Errorf("explain does not say %q any more; it says:\n%s", want, said)
			return
		}
		lines = lines[i+1:]
	}
}
