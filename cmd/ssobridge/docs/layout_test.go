package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ssobridge/ssobridge/"

// mayImport says which rooms a room may know. It is the picture of CONTRIBUTING.md, read from left to right;
// server/ssobridge and cmd join them all.
var mayImport = map[string][]string{
	"sso/address": {},
	"sso/logout":  {"sso"},
	"sso/origin":  {},
	"sso/urltext": {},
	"sso":         {"sso"}, // the tables of addresses, and nothing else there
	"sso/…":       {"sso"},
	"store":       {"sso", "store"},
	"store/…":     {"sso", "store"},
	"store/sqldb": {"sso"},
	"templates":   {"sso", "templates"},
	"templates/…": {},
	"static":      {},
	"server":      {"sso", "templates", "static", "server"},
	"cmd/…":       {"sso", "store", "server", "cmd"},

	"server/ssobridge": {"sso", "store", "server"},
}

// within says the same of the rooms inside server: no arrow runs back up.
var within = map[string][]string{
	"server": {"server/admin", "server/admin/area", "server/admin/services", "server/admin/signin", "server/drain", "server/gate", "server/local", "server/metrics", "server/refresh", "server/web"},
	"server/admin": {"server/admin/area", "server/admin/activity", "server/admin/mapping", "server/admin/people", "server/admin/services", "server/admin/signin",
		"server/openapi", "server/product", "server/web"},
	"server/admin/area":     {"server/openapi", "server/web"},
	"server/admin/activity": {"server/admin/area", "server/openapi"},
	"server/admin/mapping":  {"server/admin/area", "server/openapi"},
	"server/admin/people":   {"server/admin/activity", "server/admin/area", "server/openapi"},
	"server/admin/services": {"server/admin/area", "server/openapi"},
	"server/admin/signin":   {"server/admin/area", "server/openapi"},
	"server/ssobridge":      {"server", "server/gate", "server/lastuse", "server/metrics", "server/web"},
	"server/gate":           {"server/lastuse", "server/web"},
	"server/lastuse":        {},
	"server/local":          {"server/web"},
	"server/openapi":        {"server/web"},
	"server/metrics":        {},
	"server/product":        {},
	"server/drain":          {},
	"server/refresh":        {"server/web"},
	"server/web":            {"server/drain", "server/metrics"},
}

// TestRooms holds who imports whom.
func TestRooms(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		room, _, nested := strings.Cut(name, "/")
		if !slices.Contains([]string{"cmd", "server", "sso", "store", "templates", "static"}, room) {
			t.Errorf("%s stands on the top level, which has its rooms and gets no other", name)
		}
		rule := room
		if nested && room != "server" {
			rule = room + "/…"
		}
		joins := name == "server/ssobridge" || room == "cmd"
		if _, ofItsOwn := mayImport[name]; ofItsOwn {
			rule = name
		}
		allowed, known := mayImport[rule]
		if !known {
			t.Errorf("%s is in no room of CONTRIBUTING.md", name)
			continue
		}
		for _, imported := range words[1:] {
			other, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, strings.Split(other, "/")[0]) {
				t.Errorf("%s imports %s, which %s does not know", name, other, rule)
			}
			if ours && room == "server" && strings.HasPrefix(other, "server") && !slices.Contains(within[name], other) {
				t.Errorf("%s imports %s, which it does not know", name, other)
			}
			if ours && !joins && slices.Contains([]string{"sso/token", "sso/keyset", "sso/oidc"}, other) && !(name == "sso/token" && other == "sso/keyset") {
				t.Errorf("%s imports %s, which only server/ssobridge and cmd do", name, other)
			}
			if name == "sso" && !slices.Contains([]string{"sso/address", "sso/logout", "sso/nearest", "sso/origin", "sso/strictjson", "sso/urltext"}, other) && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("sso imports %s; of rooms it knows sso/address, sso/logout, sso/nearest, sso/origin, sso/strictjson and sso/urltext only", imported)
			}
		}
	}
}

// What CONTRIBUTING says to be in a file is declared there: `name` in [file](path).
func TestNamesInContributing(t *testing.T) {
	text, err := os.ReadFile("../../../.github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(\\w+)(?:\\(\\))?` (?:in|of) \\[[^]]*\\]\\(([^)]+\\.\\w+)\\)").FindAllStringSubmatch(string(text), -1)
	if len(named) < 5 {
		t.Errorf("found %d names", len(named))
	}
	for _, n := range named {
		if file, err := os.ReadFile(filepath.Join("../../../.github", n[2])); err != nil || !regexp.MustCompile(`(func (\([^)]*\) )?|type |var |const |define ")`+n[1]+`\b`).Match(file) {
			t.Errorf("%s is not in %s: %v", n[1], n[2], err)
		}
	}
}
