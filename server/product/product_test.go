package product_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/server/product"
)

// A page is its file, with the names of this bridge and this product in it once each, and with nothing that would be code there.
func TestPages(t *testing.T) {
	const bridge, issuer = "https://sso.example.com/deep", "acme-7"
	own, err := product.Pages(bridge, issuer)
	if err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{"", `https://x.example/"+evil+"`, "https://x.example/'", "https://x.example/#{1}", "https://x.example/$x", `https://x.example/\`} {
		plain, err := product.Pages(odd, odd)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range plain {
			file, err := os.ReadFile(filepath.FromSlash(p.File))
			if err != nil {
				t.Fatal(err)
			}
			if p.Code != string(file) {
				t.Errorf("%s for %q: got another text than the file has", p.File, odd)
			}
			back := strings.NewReplacer(bridge, "http://localhost:3000", issuer, "my-product").Replace(own[i].Code)
			if back != string(file) || strings.Count(own[i].Code, bridge) != 1 || strings.Count(own[i].Code, issuer) != 1 {
				t.Errorf("%s: got %s, want the file with each name once", p.File, own[i].Code)
			}
		}
	}
}
