package docs

import (
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at is a NumericDate so many seconds from now.
func at(seconds int64) int64 { return now.Unix() + seconds }

// TestProfiles holds the table of profiles, row by row: the code that a sign-in gets in metabase, standard and
// strict; "" where it is accepted.
func TestProfiles(t *testing.T) {
	table := prose(t)
	for _, r := range []struct {
		row, detail string
		change      map[string]any // of a good token; nil: not there
		want        [3]sso.Code
	}{
		{"`exp`", "good", nil, [3]sso.Code{}},
		{"`exp`", "over", map[string]any{"exp": at(-60)}, [3]sso.Code{sso.TokenExpired, sso.TokenExpired, sso.TokenExpired}},
		{"`exp`", "none", map[string]any{"exp": nil}, [3]sso.Code{"", "", sso.TokenUnbounded}},
		{"`iat`", "old", map[string]any{"iat": at(-300)}, [3]sso.Code{sso.TokenTooOld, sso.TokenTooOld, sso.TokenTooOld}},
		{"`iat`", "in the future", map[string]any{"iat": at(60), "exp": at(120)}, [3]sso.Code{"", sso.TokenFromFuture, sso.TokenFromFuture}},
		{"neither `exp` nor `iat`", "", map[string]any{"iat": nil, "exp": nil}, [3]sso.Code{"", sso.TokenUnbounded, sso.TokenUnbounded}},
		{"`exp` alone", "soon", map[string]any{"iat": nil}, [3]sso.Code{"", "", sso.TokenUnbounded}},
		{"`exp` alone", "far", map[string]any{"iat": nil, "exp": at(3600)}, [3]sso.Code{"", sso.TokenUnbounded, sso.TokenUnbounded}},
		{"clocks may differ by", "", map[string]any{"exp": at(-10)}, [3]sso.Code{sso.TokenExpired, "", ""}},
		{"`iss`, `aud`", "iss", map[string]any{"iss": "other"}, [3]sso.Code{"", sso.TokenIssuer, sso.TokenIssuer}},
		{"`iss`, `aud`", "aud", map[string]any{"aud": "other"}, [3]sso.Code{"", sso.TokenAudience, sso.TokenAudience}},
		{"one token opens", "no jti", map[string]any{"jti": nil}, [3]sso.Code{"", "", sso.TokenIDMissing}},
	} {
		if !strings.Contains(table, "\n| "+r.row+" | ") {
			t.Errorf("the table of profiles has no row %q", r.row)
		}
		for i, profile := range []sso.Profile{sso.Metabase, sso.Standard, sso.Strict} {
			b, _ := profileBridge(t, profile)
			if got := present(t, b, r.change); got != r.want[i] {
				t.Errorf("%s %s in %s: got %q, want %q", r.row, r.detail, profile, got, r.want[i])
			}
		}
	}
}

// One token opens any number of sessions in metabase, else one; and who was deactivated comes back there only.
func TestProfilesOfAccounts(t *testing.T) {
	for profile, want := range map[sso.Profile][2]sso.Code{
		sso.Metabase: {"", ""},
		sso.Standard: {sso.TokenReplayed, sso.AccountDisabled},
		sso.Strict:   {sso.TokenReplayed, sso.AccountDisabled},
	} {
		b, st := profileBridge(t, profile)
		if got := present(t, b, nil); got != "" {
			t.Fatalf("%s: the first sign-in: got %q", profile, got)
		}
		if got := present(t, b, nil); got != want[0] {
			t.Errorf("%s: the same token again: got %q, want %q", profile, got, want[0])
		}
		a, err := st.AccountByEmail(t.Context(), "ada@example.com")
		if err == nil {
			err = st.SetActive(t.Context(), a.ID, false, sso.Event{At: now, Kind: sso.EventAccount, AccountID: a.ID, Actor: "test"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := present(t, b, map[string]any{"jti": "another"}); got != want[1] {
			t.Errorf("%s: deactivated: got %q, want %q", profile, got, want[1])
		}
	}
}

// What the last rows say about settings.
func TestProfilesOfSettings(t *testing.T) {
	for profile, needsBinding := range map[sso.Profile]bool{sso.Metabase: false, sso.Standard: false, sso.Strict: true} {
		for _, binding := range []string{"off", "state"} {
			_, faults := setting.Resolve(setting.Inputs{Flags: profileSettings(t, profile, map[string]string{"jwt-binding": binding})})
			if refused := len(faults) > 0; refused != (needsBinding && binding == "off") {
				t.Errorf("%s with binding %s: got %v", profile, binding, faults)
			}
		}
		cfg, _ := setting.Resolve(setting.Inputs{Flags: profileSettings(t, profile, map[string]string{"jwt-shared-secret": strings.Repeat("secret", 8)})})
		_, warnings, err := ssobridge.Bridge(t.Context(), cfg, openStore(t, cfg), clock, slog.New(slog.DiscardHandler))
		if lenient := profile == sso.Metabase; (err == nil) != lenient || (len(warnings) > 0) != lenient {
			t.Errorf("%s with a guessable secret: got %v, %q", profile, err, warnings)
		}
	}
}

func clock() time.Time { return now }

func profileSettings(t *testing.T, profile sso.Profile, more map[string]string) map[string]string {
	flags := map[string]string{
		"database-url": "sqlite:" + filepath.Join(t.TempDir(), "bridge.db"), "secret-key": secret,
		"jwt-identity-provider-uri": "https://product.example/login", "jwt-shared-secret": secret,
		"jwt-profile": string(profile), "jwt-issuer": "my-product", "jwt-audience": "bridge", "jwt-binding": "state",
	}
	maps.Copy(flags, more)
	return flags
}

func profileBridge(t *testing.T, profile sso.Profile) (*sso.Bridge, *store.Store) {
	t.Helper()
	cfg, faults := setting.Resolve(setting.Inputs{Flags: profileSettings(t, profile, nil)})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	st := openStore(t, cfg)
	b, _, err := ssobridge.Bridge(t.Context(), cfg, st, clock, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b, st
}

func openStore(t *testing.T, cfg *setting.Config) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), cfg.DatabaseURL, store.Options{Now: clock, Secret: cfg.SecretKey, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	if _, err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st
}

// present signs in with a good token that was changed, in a flow that this browser began.
func present(t *testing.T, b *sso.Bridge, change map[string]any) sso.Code {
	t.Helper()
	claims := map[string]any{
		"email": "ada@example.com", "iat": at(0), "exp": at(60), "jti": "one", "iss": "my-product", "aud": "bridge",
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	signed, err := token.Mint(secret, claims)
	if err != nil {
		t.Fatal(err)
	}
	_, flow, err := b.Begin(t.Context(), sso.Callback{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.SignIn(t.Context(), sso.Callback{Token: signed, State: flow.State, Flow: flow, Reference: "TEST"})
	return sso.CodeOf(err)
}
