// Package comingfrom holds the tables for people who come from another system against the server.
package comingfrom

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
)

const secret = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"

// A row is a line of a table, and what shows that it is true.
type row struct {
	theirs  string            // the first cell
	ours    map[string]string // settings, with the names of the second cell
	besides map[string]string // what it needs besides
	claims  jwt.MapClaims     // of the token; a nil value removes one
	send    string            // the header with the token; "?name=" for a parameter; "" for Authorization
	want    string            // Remote-User and Remote-Groups; "" for 401
}

// world is what the settings of rows point to.
type world struct {
	key                    *rsa.PrivateKey
	der, pemFile, jwksFile string
	jwks, validation       string // addresses
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	e := base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
	n := base64.URLEncoding.EncodeToString(append([]byte{0}, key.N.Bytes()...)) // as OpenMetadata writes it
	set := fmt.Sprintf(`{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"1","n":%q,"e":%q}]}`, n, e)
	w := &world{key: key, der: base64.StdEncoding.EncodeToString(der), pemFile: filepath.Join(t.TempDir(), "key.pem"), jwksFile: filepath.Join(t.TempDir(), "jwks.json")}
	write := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(w.pemFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	write(w.jwksFile, []byte(strings.ReplaceAll(set, n, base64.RawURLEncoding.EncodeToString(key.N.Bytes()))))
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jwks" {
			fmt.Fprint(rw, set)
			return
		}
		fmt.Fprint(rw, `{"sub":"ann","email":"ann@example.com"}`)
	}))
	t.Cleanup(s.Close)
	w.jwks, w.validation = s.URL+"/jwks", s.URL+"/validate"
	return w
}

func (w *world) token(t *testing.T, with jwt.MapClaims) string {
	t.Helper()
	now := time.Now().Unix()
	all := jwt.MapClaims{"iss": "https://acme.example", "aud": "bi", "sub": "ann", "email": "ann@example.com", "iat": now - 10, "exp": now + 600}
	maps.Copy(all, with)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = "1"
	signed, err := token.SignedString(w.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// ask runs a server with these settings and asks who the token is.
func (w *world) ask(t *testing.T, settings map[string]string, send, token string) string {
	t.Helper()
	l, address := bridgetest.Listen(t)
	env := map[string]string{"SITE_URL": "http://" + address, "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "b.db"), "SECRET_KEY": strings.Repeat("k", 32),
		"PROVIDERS": "acme", "PROVIDER_ACME_KIND": "bearer", "PROVIDER_ACME_AUDIENCE": "bi", "PROVIDER_ACME_KEYS": w.der}
	maps.Copy(env, settings)
	cfg := bridgetest.Config(t, env, nil)
	log := slog.New(slog.DiscardHandler)
	ctx, st := bridgetest.Open(t, cfg, time.Now, log)
	runtime, err := ssobridge.NewRuntime(ctx, cfg, st, cfg.SecretKey, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(server.Options{Store: st, Passwords: &password.Hasher{}, SecretKey: cfg.SecretKey, Now: time.Now, Log: log, Version: "test"}, runtime.Live())
	if err != nil {
		t.Fatal(err)
	}
	stop := bridgetest.Serve(t, srv, l)
	defer stop()
	path := "/auth/verify"
	if name, ok := strings.CutPrefix(send, "?"); ok {
		path += "?" + name + token
	}
	r := bridgetest.NewRequest(t, "GET", "http://"+address+path, "")
	switch {
	case strings.HasPrefix(send, "?"):
	case send == "":
		r.Header.Set("Authorization", "Bearer "+token)
	default:
		r.Header.Set(send, token)
	}
	resp, _ := bridgetest.Do(t, bridgetest.NewClient(), r)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return resp.Header.Get("Remote-User") + " " + resp.Header.Get("Remote-Groups")
}

func acme(name, value string) map[string]string {
	return map[string]string{"PROVIDER_ACME_" + name: value}
}

// rows are those about tokens of API clients.
func (w *world) rows() []row {
	now := time.Now().Unix()
	mapped := acme("GROUP_MAPPINGS", `{"reader":["Readers"]}`)
	keyless := acme("KEYS", "")
	both := func(a, b map[string]string) map[string]string { maps.Copy(a, b); return a }
	return []row{
		{theirs: "jwt.enabled", ours: acme("ENABLED", "false"), want: ""},
		{theirs: "signing_key", ours: acme("KEYS", w.der), want: "ann@example.com All Users"},
		{theirs: "jwt_header", ours: acme("HEADER", "X-Auth"), send: "X-Auth", want: "ann@example.com All Users"},
		{theirs: "jwt_url_parameter", ours: acme("PARAMETER", "token"), send: "?token=", want: "ann@example.com All Users"},
		{theirs: "subject_key", ours: acme("CLAIM_SUBJECT", "who.name"), claims: jwt.MapClaims{"sub": nil, "email": nil, "who": map[string]any{"name": "bob"}}, want: "bob All Users"},
		{theirs: "roles_key", ours: both(acme("CLAIM_GROUPS", "roles"), acme("GROUP_SEPARATOR", ",")), besides: mapped,
			claims: jwt.MapClaims{"roles": "reader, writer"}, want: "ann@example.com All Users,Readers"},
		{theirs: "required_audience", ours: acme("AUDIENCE", "logs, metrics"), claims: jwt.MapClaims{"aud": "metrics"}, want: "ann@example.com All Users"},
		{theirs: "required_issuer", ours: acme("ISSUER", "https://other.example"), want: ""},
		{theirs: "jwt_clock_skew_tolerance_seconds", ours: acme("LEEWAY", "0s"), claims: jwt.MapClaims{"exp": now - 5}, want: ""},
		{theirs: "jwks_uri", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},

		{theirs: "JWT_PUBLIC_KEY", ours: acme("PUBLIC_KEY", "file://"+w.pemFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "JWT_ALGORITHM", ours: acme("ALGORITHM", "RS512"), besides: both(acme("PUBLIC_KEY", "file://"+w.pemFile), acme("KEYS", "")), want: ""},
		{theirs: "JWT_AUTHENTICATION_SERVER_URL", ours: both(acme("VALIDATION_URL", w.validation), acme("VALIDATION", "any")), besides: both(acme("AUDIENCE", "any"), acme("KEYS", "")),
			claims: jwt.MapClaims{"aud": nil}, want: "ann@example.com All Users"},
		{theirs: "groups in the token", ours: acme("CLAIM_GROUPS", "groups"), besides: mapped, claims: jwt.MapClaims{"groups": []string{"reader"}}, want: "ann@example.com All Users,Readers"},

		{theirs: "AUTHENTICATION_PUBLIC_KEYS", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "AUTHENTICATION_AUTHORITY", ours: acme("ISSUER", "https://acme.example/"), want: ""},
		{theirs: "AUTHENTICATION_CLIENT_ID", ours: acme("AUDIENCE", "open-metadata"), want: ""},
		{theirs: "AUTHENTICATION_JWT_PRINCIPAL_CLAIMS", ours: acme("CLAIM_PRINCIPAL", "upn,preferred_username,email"), claims: jwt.MapClaims{"preferred_username": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "principalDomain", ours: acme("PRINCIPAL_DOMAIN", "example.org"), claims: jwt.MapClaims{"email": "bob"}, want: "bob@example.org All Users"},
		{theirs: "allowedDomains", ours: acme("ALLOWED_DOMAINS", "example.org"), want: ""},

		{theirs: "header_name", ours: acme("HEADER", "X-JWT-Assertion"), send: "X-JWT-Assertion", want: "ann@example.com All Users"},
		{theirs: "url_login", ours: acme("PARAMETER", "auth_token"), send: "?auth_token=", want: "ann@example.com All Users"},
		{theirs: "email_claim", ours: acme("CLAIM_EMAIL", "mail"), claims: jwt.MapClaims{"mail": "bob@example.com"}, want: "bob@example.com All Users"},
		{theirs: "key_file", ours: acme("PUBLIC_KEY", w.pemFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "jwk_set_file", ours: acme("JWKS_FILE", w.jwksFile), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "jwk_set_url", ours: acme("JWKS_URL", w.jwks), besides: keyless, want: "ann@example.com All Users"},
		{theirs: "expect_claims", ours: acme("REQUIRE", `[{"claim":"azp","values":["cli"]}]`), claims: jwt.MapClaims{"azp": "web"}, want: ""},
		{theirs: "groups_attribute_path", ours: acme("CLAIM_GROUPS", "info.roles"), besides: mapped, claims: jwt.MapClaims{"info": map[string]any{"roles": []string{"reader"}}}, want: "ann@example.com All Users,Readers"},
		{theirs: "role_attribute_path", ours: acme("GROUP_MAPPINGS", `{"editor":["Editors"]}`), claims: jwt.MapClaims{"groups": []string{"editor"}}, want: "ann@example.com All Users,Editors"},
		{theirs: "auto_sign_up", ours: acme("ACCOUNTS", "existing"), want: ""},
	}
}

// Each option of the tables does here what it does there, under the name that the table gives.
func TestComingFrom(t *testing.T) {
	w := newWorld(t)
	table := readTable(t)
	if got := w.ask(t, nil, "", w.token(t, nil)); got != "ann@example.com All Users" {
		t.Fatalf("without any option: got %q", got)
	}
	for _, r := range w.rows() {
		t.Run(r.theirs, func(t *testing.T) {
			cell, ok := table[r.theirs]
			if !ok {
				t.Fatal("it is in no table")
			}
			delete(table, r.theirs)
			settings := maps.Clone(r.besides)
			if settings == nil {
				settings = map[string]string{}
			}
			for name, value := range r.ours {
				settings[name] = value
				if !strings.Contains(cell, "`"+name+"`") {
					t.Errorf("the row does not name %s: %s", name, cell)
				}
			}
			if got := w.ask(t, settings, r.send, w.token(t, r.claims)); got != r.want {
				t.Errorf("got %q, want %q", got, r.want)
			}
		})
	}
	for theirs := range table {
		if !strings.HasPrefix(theirs, "MB_") {
			t.Errorf("no test is about %s", theirs)
		}
	}
}

// readTable returns the rest of each row by its first cell.
func readTable(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| (.*)$").FindAllStringSubmatch(string(text), -1) {
		table[strings.ReplaceAll(m[1], "`", "")] = m[2]
	}
	if len(table) < 30 {
		t.Fatalf("only %d rows were found", len(table))
	}
	return table
}

// Metabase's names are read as they are: each sets what the table says.
func TestComingFromMetabase(t *testing.T) {
	for theirs, cell := range readTable(t) {
		if !strings.HasPrefix(theirs, "MB_") {
			continue
		}
		value := map[string]string{"MB_JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login", "MB_JWT_SHARED_SECRET": secret, "MB_JWT_GROUP_MAPPINGS": `{"a":[7]}`,
			"MB_JWT_ATTRIBUTE_EMAIL": "mail"}[theirs]
		if value == "" {
			value = "false"
		}
		cfg, _ := setting.Resolve(setting.Inputs{Environ: []string{theirs + "=" + value}})
		name := strings.Split(cell, "`")[1]
		if got := cfg.Text(name); got != value || cfg.Source(name).Name != theirs {
			t.Errorf("%s: %s is %q from %v, want %q", theirs, name, got, cfg.Source(name), value)
		}
	}
}
