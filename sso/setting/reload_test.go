package setting

import (
	"errors"
	"slices"
	"testing"
)

// What can change while the bridge runs does; what is read once stays, and is named.
func TestReload(t *testing.T) {
	start := Inputs{Environ: []string{"SSOBRIDGE_JWT_MAX_AGE=77s", "SSOBRIDGE_LISTEN=127.0.0.1:3001"}}
	cfg, faults := Resolve(start)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	next, pending, faults := cfg.Reload(Inputs{Environ: []string{"SSOBRIDGE_JWT_MAX_AGE=78s", "SSOBRIDGE_LISTEN=127.0.0.1:3002",
		"SSOBRIDGE_SITE_URL=https://bi.example.com"}})
	if len(faults) > 0 || !slices.Equal(pending, []string{"LISTEN", "SITE_URL"}) {
		t.Fatalf("got pending %v, faults %v; want LISTEN and SITE_URL", pending, faults)
	}
	if next.Text("JWT_MAX_AGE") != "78s" || next.Listen != "127.0.0.1:3001" || next.SiteURL != cfg.SiteURL || next.Source("SITE_URL").Kind != FromDefault {
		t.Errorf("got JWT_MAX_AGE %s, LISTEN %s, SITE_URL %s", next.Text("JWT_MAX_AGE"), next.Listen, next.SiteURL)
	}
	saved, faults := next.WithSaved(Saved{Values: map[string]string{"JWT_LEEWAY": "7s", "JWT_MAX_AGE": "1s"}, Version: 1})
	if len(faults) > 0 || saved.Text("JWT_LEEWAY") != "7s" || saved.Text("JWT_MAX_AGE") != "78s" || saved.Listen != "127.0.0.1:3001" {
		t.Errorf("with saved ones: got %s, %s, %s, %v", saved.Text("JWT_LEEWAY"), saved.Text("JWT_MAX_AGE"), saved.Listen, faults)
	}
	if same, pending, faults := saved.Reload(start); len(faults)+len(pending) > 0 || same.Text("JWT_MAX_AGE") != "77s" || same.Text("JWT_LEEWAY") != "30s" {
		t.Errorf("as at the start: got pending %v, faults %v", pending, faults)
	}
}

// What is broken is a fault, as at the start.
func TestReloadWithFaults(t *testing.T) {
	cfg, _ := Resolve(Inputs{})
	for _, in := range []Inputs{
		{Environ: []string{"SSOBRIDGE_JWT_MAX_AGE=soon"}},
		{Environ: []string{"SSOBRIDGE_LISTN=:1"}},
		{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=x"}, ReadFile: func(string) ([]byte, error) { return nil, errors.New("gone") }},
	} {
		if _, _, faults := cfg.Reload(in); len(faults) == 0 {
			t.Errorf("%v: got no faults", in.Environ)
		}
	}
}
