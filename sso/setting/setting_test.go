package setting

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	seen := map[string]string{}
	once := func(s *Setting, name string) {
		if other, twice := seen[name]; twice {
			t.Errorf("%s: the name %s belongs to %s too", s.Name, name, other)
		}
		seen[name] = s.Name
	}
	section := map[string]bool{}
	last := ""
	for _, s := range Table() {
		once(s, s.Env())
		if s.Alias != "" {
			once(s, s.Alias)
		}
		once(s, s.Key())
		if s.Flag() != s.Key() {
			once(s, s.Flag())
		}
		if !regexp.MustCompile(`^[A-Z][A-Z_]+$`).MatchString(s.Name) {
			t.Errorf("%s: not a plain name", s.Name)
		}
		if s.Help == "" || strings.Contains(s.Help, "\n") || strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s: got help %q, want one line without a full stop", s.Name, s.Help)
		}
		if s.Type == "" {
			t.Errorf("%s: got no type", s.Name)
		}
		if s.Section != last && section[s.Section] {
			t.Errorf("%s: section %q is in two parts", s.Name, s.Section)
		}
		section[s.Section], last = true, s.Section
		if err := s.Parse(s.Default); err != nil {
			t.Errorf("%s: the default %q: got %v, want no error", s.Name, s.Default, err)
		}
		checkPage(t, s)
		for _, choice := range s.Choices {
			if err := s.Parse(choice); err != nil {
				t.Errorf("%s: the choice %q: got %v, want no error", s.Name, choice, err)
			}
		}
		if s.Default != "" && s.Choices != nil && !slices.Contains(s.Choices, s.Default) {
			t.Errorf("%s: the default %q is none of %q", s.Name, s.Default, s.Choices)
		}
		if Find(s.Name) != s {
			t.Errorf("Find(%q): got another setting", s.Name)
		}
		if !strings.Contains(Markdown(), "`"+s.Name+"`") {
			t.Errorf("Markdown: got no %s", s.Name)
		}
	}
	if Find("LISTN") != nil {
		t.Error("Find(LISTN): got a setting, want none")
	}
}

// checkPage: an administrator sees a label of what can be changed. What only the start can set has no column for pages.
func checkPage(t *testing.T, s *Setting) {
	t.Helper()
	switch {
	case s.Changeable && s.Label == "":
		t.Errorf("%s: got no label", s.Name)
	case !s.Changeable && (s.Label != "" || s.Page != "" || s.WithoutProof || s.LetsIn):
		t.Errorf("%s: cannot be changed, and yet has something for the page where that is done", s.Name)
	case s.Changeable && s.Secret && s.Page == "":
		t.Errorf("%s: a secret would be typed among the other settings", s.Name)
	}
}

// Find is asked at each login.
func TestFindCostsNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Find("JWT_SHARED_SECRET") }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// Each line of the README's table has the same number of cells, whatever stands in help and types.
func TestMarkdownCells(t *testing.T) {
	for line := range strings.Lines(Markdown()) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("got %q, want four cells", line)
		}
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		name string
		good []string
		bad  []string
	}{
		{"LISTEN", []string{":3000", "127.0.0.1:0", "[::1]:80", "localhost:65535"},
			[]string{"", "3000", "localhost", "localhost:http", "localhost:65536", "localhost:-1", "localhost:080", "http://x:1", "a b:1"}},
		{"SITE_URL", []string{"", "https://a.example", "https://a.example/", "http://localhost:3000", "http://app.localhost", "http://127.0.0.1:80", "http://[::1]:1", "https://a.example:8443"},
			// SECURITY D1: no session cookie over plain http
			[]string{"a.example", "http://a.example", "http://10.0.0.1", "http://localhost.evil.example", "https://a.example/sub", "https://a.example?x", "https://a.example/#", "https://u@a.example", "ftp://a.example", "https://", "https://ä.example"}},
		{"SITE_NAME", []string{"Sales"}, []string{"", " x", "a\nb", strings.Repeat("x", 1001)}},
		{"DATABASE_URL", []string{"sqlite:a.db", "sqlite:///var/lib/a.db", "postgres://u:p@h/db?sslmode=disable", "postgresql:///db"},
			[]string{"", "a.db", "sqlite:", "sqlite://", "sqlite://a.db", "sqlite::memory:", "sqlite:a.db?mode=memory", "mysql://h/db", "sqlite:a%00b", "postgres://%zz"}},
		{"SECRET_KEY", []string{"", strings.Repeat("k", 32)}, []string{strings.Repeat("k", 31)}},
		// SECURITY B8: only named networks may speak for clients
		{"TRUSTED_PROXIES", []string{"", "10.0.0.0/8", "127.0.0.1", "10.0.0.0/8, ::1 fd00::/8", `["10.0.0.0/8"]`, "::ffff:10.0.0.1"},
			[]string{"10.0.0.1/8", "0.0.0.0/0", "::/0", "proxy", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::1%eth0", `["10.0.0.0/8"`, `[1]`}},
		{"ALLOWED_ORIGINS", []string{"", "https://a.example,https://b.example:1", `["https://a.example"]`}, []string{"*", "https://*.example", "https://a.example/x", "a.example", "null"}},
		{"CORS_ORIGINS", []string{"", "http://localhost:8080"}, []string{"*", "null"}},
		{"COOKIE_DOMAIN", []string{"", "example.com", ".Example.com"}, []string{"com", "localhost", "127.0.0.1", "[::1]", "https://example.com", "example.com.", "..example.com", "example.com/x", "a b.com", "example.com:1", "ä.com"}},
		{"UPSTREAM", []string{"", "http://127.0.0.1:8080", "https://app.internal/base"}, []string{"app:80", "unix:/x", "http://", "http://u:p@h", "http://h/?q", "http://h/#", "http://h:0", "http://h:99999"}},
		{"FORWARD_AUTH", []string{"", "true", "off"}, []string{"auto"}},
		{"ACCESS_RULES", []string{"", "[]", "null", `[{"path":"/a","allow":"public"}]`}, []string{"{}", "/a", `[{"path":"a","allow":"public"}]`, `[{"path":"/a"}]`}},
		{"BEARER_HEADER", []string{"Authorization", "x-api-key", "Proxy-Authorization"}, []string{"", "a b", "X_Key", "Cookie", "remote-user", "X-Forwarded-User", "content-type", "Höst", "a:b", "x-request-id", "User-Agent", "origin", "Sec-Fetch-Site", "X-Real-IP"}},
		{"BEARER_PARAMETER", []string{"", "access_token", "key-1"}, []string{"group", "with", "a b", "a=b", "a&b", "ä", "%61"}},
		{"LOG_LEVEL", []string{"debug", "INFO", "warn", "error"}, []string{"", "loud", "info+1"}},
		{"LOG_FORMAT", []string{"auto", "text", "JSON"}, []string{"", "xml"}},
		{"METRICS_LISTEN", []string{"", ":9090"}, []string{"9090"}},
		{"ASSERTION", []string{"ES256", "eddsa", "OFF"}, []string{"", "true", "RS256", "none"}},
		{"SESSIONS_IN_MEMORY", []string{"100", "50000", "10000000"}, []string{"", "0", "99", "10000001", "-1", "+500", "5e4", "50,000", "99999999999999999999"}},
		{"JWT_ENABLED", []string{"", "true", "FALSE", "on", "0"}, []string{"enabled", "2", " true"}},
		{"JWT_IDENTITY_PROVIDER_URI", []string{"", "https://p.example/sso?tenant=1", "http://localhost:3535/"},
			[]string{"p.example/sso", "javascript:alert(1)", "https://p.example/#x", "https://p.example/#", "https://p.example/?return_to=/", "https://p.example/?state=1", "https://u:p@p.example", "https:///x", "https://p.example/a b", "https://p.example/?a=%zz", "https://p.example/\n"}},
		{"JWT_SHARED_SECRET", []string{"", "plain", `["a","b"]`, `[" a "]`, strings.Repeat("s", 4096)}, []string{strings.Repeat("s", 4097), `["a","` + strings.Repeat("s", 4097) + `"]`, " a", "a\n", `["a"`, `[]`, `[""]`, `["a","a"]`, `[1]`, `["a"] x`, `["1","2","3","4","5","6","7","8","9","10","11"]`}},
		{"JWT_ATTRIBUTE_EMAIL", []string{"mail"}, []string{"", "a\x00"}},
		{"JWT_ATTRIBUTE_SUBJECT", []string{"", "sub"}, []string{"sub "}},
		{"JWT_GROUP_MAPPINGS", []string{"", "{}", "null", `{"a":[7,"Sales"]}`, `{"a":null}`}, []string{`{"a":7}`, `[]`, `{"a":["All Users"]}`, `{"a":[1]}`, `{"a":[0]}`, `{"a":[3]`, `{"a":[3]}{}`, `{"a":[3],"a":[4]}`}},
		{"JWT_GROUP_SYNC", []string{"true"}, []string{""}},
		{"JWT_PROFILE", []string{"metabase", "Standard", "strict"}, []string{"", "lax"}},
		{"JWT_BINDING", []string{"off", "state", "PKCE"}, []string{"", "plain"}},
		{"JWT_MAX_AGE", []string{"180", "180s", "3m", "1h"}, []string{"", "0", "-1", "3 m", "1.5s", "25h", "99999999999999999999", "9223372036854775807"}},
		{"JWT_LEEWAY", []string{"0", "60", "1m"}, []string{"61", "2m", "-1s"}}, // SECURITY A7
		{"JWT_TOKEN_URI", []string{"", "https://p.example/token", "http://127.0.0.1:3535/token"}, []string{"http://p.example/token", "https://p.example/#"}},
		{"JWT_LOGOUT_URI", []string{"", "https://p.example/logout?x#y"}, []string{"/logout", "javascript:1"}},
		{"SESSION_COOKIE_SAMESITE", []string{"lax", "Strict", "none"}, []string{"", "off"}},
		{"SESSION_TIMEOUT", []string{"", "null", "0", "2h", "60", `{"amount":120,"unit":"minutes"}`, ` {"amount":1,"unit":"hours"}`},
			[]string{"59", "10s", `{"amount":59,"unit":"seconds"}`, `{"amount":0,"unit":"hours"}`, `{"amount":-1,"unit":"hours"}`, `{"amount":9223372036854775807,"unit":"hours"}`, `{"amount":1,"unit":"days"}`, `{"amount":1.5,"unit":"hours"}`, `{"amount":1}`, `{"amount":1,"unit":"hours","x":1}`, `{"amount":1,"unit":"hours"} x`, "{", "x"}},
		{"EVENT_RETENTION", []string{"400", "0", "1", "24h"}, []string{"", "23h", "-1", "x", "99999999999"}},
		{"MAX_SESSION_AGE", []string{"20160", "1", "336h"}, []string{"", "0", "-5", "30s", "x", "99999999999"}},
	}
	for _, tt := range tests {
		s := Find(tt.name)
		if s == nil {
			t.Fatalf("got no setting %s", tt.name)
		}
		for _, text := range tt.good {
			if err := s.Parse(text); err != nil {
				t.Errorf("%s %q: got %v, want no error", tt.name, text, err)
			}
		}
		for _, text := range tt.bad {
			if s.Parse(text) == nil {
				t.Errorf("%s %q: got no error, want one", tt.name, text)
			}
		}
	}
}

// SECURITY F3: whatever a secret looks like, no message repeats it.
func TestNoErrorRepeatsASecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const needle = "Zq7Wk2"
		around := rapid.SampledFrom([]string{"", " ", "[", `["`, "sqlite:", "postgres://", "postgres://u:", "x://", "%", "\n", `",`}).Draw
		text := around(t, "before") + needle + rapid.SampledFrom([]string{"", " ", "]", `"`, "@h/%zz", "?", `"]`, ":99999/x"}).Draw(t, "after")
		for _, s := range Table() {
			if !s.Secret {
				continue
			}
			if err := s.Parse(text); err != nil && strings.Contains(err.Error(), needle) {
				t.Fatalf("%s: got the message %q, want one without the value", s.Name, err)
			}
			_, faults := Resolve(Inputs{Flags: map[string]string{s.Flag(): text}, File: map[string]any{s.Key(): []any{text}}})
			for _, f := range faults {
				if strings.Contains(f.String(), needle) {
					t.Fatalf("%s: got the fault %q, want one without the value", s.Name, f)
				}
			}
			c, _ := Resolve(Inputs{Flags: map[string]string{s.Flag(): text}})
			for _, e := range c.Effective() {
				if s.Name != "DATABASE_URL" && strings.Contains(e.Value, needle) {
					t.Fatalf("%s: got it shown as %q, want it masked", s.Name, e.Value)
				}
			}
		}
	})
}
