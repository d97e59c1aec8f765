package setting

import (
	"io/fs"
	"strings"
	"testing"
)

// A logo that cannot be shown is told at the start; one that goes away later keeps nothing from being saved.
func TestLogo(t *testing.T) {
	const good = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`
	for name, tt := range map[string]struct {
		path, content, want string
	}{
		"good":        {"/etc/logo.svg", good, ""},
		"empty":       {"", good, ""},
		"gone":        {"/gone.svg", good, "cannot be read"},
		"no picture":  {"/etc/logo.svg", "<html/>", "SVG, PNG or JPEG"},
		"half a path": {"logo.svg", good, "the whole path of a file"},
		"an address":  {"https://acme.example/logo.svg", good, "the whole path of a file"},
		"the drawing": {good, good, "the whole path of a file"},
	} {
		reads := 0
		c, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_SITE_LOGO=" + tt.path}, ReadFile: func(name string) ([]byte, error) {
			if reads++; name == "/gone.svg" {
				return nil, fs.ErrNotExist
			}
			return []byte(tt.content), nil
		}})
		said := ""
		for _, f := range faults {
			if f.Name == "SITE_LOGO" {
				said += f.String()
			}
		}
		if (tt.want == "") != (said == "") || !strings.Contains(said, tt.want) || (c.SiteLogo != nil) != (name == "good") {
			t.Errorf("%s: got %v, and %q", name, c.SiteLogo, said)
		}
		later, _ := c.WithSaved(Saved{Values: map[string]string{"SITE_ACCENT": "#0a7d55"}})
		if later.SiteLogo != c.SiteLogo || !later.SiteAccent.IsSet() || reads > 1 {
			t.Errorf("%s: after a save: got %v and %v after %d reads", name, later.SiteLogo, later.SiteAccent, reads)
		}
	}
}
