package setting

import (
	"slices"
	"strings"
	"testing"
)

// A name that begins as those of Metabase which the bridge has, and is none of them, would promise something that does not
// happen.
func TestMetabaseNamesThatOnlyLookLikeSettings(t *testing.T) {
	for name, want := range map[string]string{
		"MB_JWT_GROUPS_SYNC":          "did you mean MB_JWT_GROUP_SYNC?",
		"MB_JWT_GROUP_MAPPNGS":        "did you mean MB_JWT_GROUP_MAPPINGS?",
		"mb_jwt_group_sync":           "did you mean MB_JWT_GROUP_SYNC?",
		"MB_JWT_SHARED_SECRET_FILES":  "did you mean MB_JWT_SHARED_SECRET_FILE?",
		"MB_JWT_GROUP_MAPPINGS_FILE":  "did you mean MB_JWT_GROUP_MAPPINGS?",
		"MB_JWT_LEEWAY":               "serve --help",
		"MB_SESSION_COOKIES_SAMESITE": "did you mean MB_SESSION_COOKIE_SAMESITE?",
		"MB_SESSION_SECRET_KEY":       "SECRET_KEY",
		"MB_JWT_ATTRIBUTE_TENANT":     "no tenants",
		"MB_GROUP_MAPPINGS":           "did you mean MB_JWT_GROUP_MAPPINGS?",
		"MB_GROUP":                    "serve --help",
	} {
		c, faults := Resolve(Inputs{Environ: metabase(name + "=x")})
		wantFault(t, faults, name, want)
		if len(faults) != 1 || !c.JWT.Enabled {
			t.Errorf("%s: got faults %v, want one", name, faults)
		}
	}
}

// Every other name of Metabase is named once, with what to do.
func TestMetabaseNamesThatMeanNothing(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: []string{"MB_JWT_IDENTITY_PROVIDER_URI=" + testURI, "MB_JWT_SHARED_SECRET=" + testSecret,
		"MB_DB_TYPE=postgres", "MB_DB_HOST=db", "MB_JETTY_PORT=3000", "MB_ENCRYPTION_SECRET_KEY=x", "MB_SITE_URI=https://bi.example.com", "MB_ZZZ=1",
		"MB_EMOJI_IN_LOGS=false", "MB_ADMIN_EMAIL=", "mb_db_pass=x", "PATH=/bin", "MBOX=/var/mail"}})
	want := []string{
		"MB_DB_HOST, MB_DB_TYPE, mb_db_pass mean nothing here: the bridge keeps its own database: DATABASE_URL",
		"MB_JETTY_PORT means nothing here: where the bridge listens is said by LISTEN, and TLS is for a proxy in front of it",
		"MB_ENCRYPTION_SECRET_KEY means nothing here: the bridge has a key of its own: SECRET_KEY",
		"MB_SITE_URI means nothing here: did you mean MB_SITE_URL?",
		"MB_EMOJI_IN_LOGS, MB_ZZZ mean nothing here: leave them out",
	}
	got := slices.Clone(c.Warnings)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got warnings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if next, _ := c.WithSaved(Saved{Values: map[string]string{"SITE_NAME": "Acme"}}); !slices.Equal(next.Warnings, c.Warnings) {
		t.Errorf("after saving: got %q, want the same warnings", next.Warnings)
	}
}

// Quotes that an env file kept are no part of any value, and the fault does not repeat a secret.
func TestQuotesAroundAValue(t *testing.T) {
	for _, s := range Table() {
		for _, quotes := range []string{`""`, "''", "“”", "„“", "‘’", "``", "«»"} {
			runes := []rune(quotes)
			for _, inner := range []string{testSecret, "", "true", `{"extHR":[7]}`} {
				text := string(runes[0]) + inner + string(runes[1])
				_, faults := Resolve(Inputs{Environ: []string{s.Env() + "=" + text}})
				wantFault(t, faults, s.Name, "quotes around it")
				if s.Alias != "" {
					_, faults = Resolve(Inputs{Environ: []string{s.Alias + "=" + text}})
					wantFault(t, faults, s.Name, "quotes around it")
				}
				for _, f := range faults {
					if strings.Contains(f.String(), testSecret) {
						t.Errorf("%s: got the fault %q, want one without the value", s.Name, f) // SECURITY F3
					}
				}
			}
		}
	}
	for _, text := range []string{`["` + testSecret + `"]`, `x"`, `"x`, `it's`} {
		if _, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET=" + text}}); len(faults) > 0 {
			t.Errorf("%s: got %v, want no fault", text, faults)
		}
	}
}
