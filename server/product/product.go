// Package product has the page that a product needs, in the languages that products are written in. The administrator's
// pages show these very files, which the tests of cmd/ssobridge/docs run.
package product

import (
	"embed"
	"regexp"
	"strings"
)

//go:embed go/main.go java/Page.java node/page.cjs php/page.php python/page.py ruby/page.rb
var files embed.FS

// A Page is the page for a product in one language.
type Page struct {
	Language string
	File     string // its path in this folder
	Code     string
}

// What the files have where a bridge and a product have names of their own.
const (
	anyBridge = "http://localhost:3000"
	anyIssuer = "my-product"
)

// plain is what means itself in a string of each language.
var plain = regexp.MustCompile(`^[A-Za-z0-9:/._~\[\]-]+$`)

// Pages are the pages for a bridge with an address, and for tokens with an issuer. An empty one, or one that a string of some
// language would not take as it is, stays as the file has it.
func Pages(bridge, issuer string) ([]Page, error) {
	all := []Page{
		{Language: "Node", File: "node/page.cjs"}, {Language: "Python", File: "python/page.py"}, {Language: "Java", File: "java/Page.java"},
		{Language: "PHP", File: "php/page.php"}, {Language: "Ruby", File: "ruby/page.rb"}, {Language: "Go", File: "go/main.go"},
	}
	for i := range all {
		code, err := files.ReadFile(all[i].File)
		if err != nil {
			return nil, err
		}
		all[i].Code = string(code)
		for was, is := range map[string]string{anyBridge: bridge, anyIssuer: issuer} {
			if plain.MatchString(is) {
				all[i].Code = strings.ReplaceAll(all[i].Code, was, is)
			}
		}
	}
	return all, nil
}
