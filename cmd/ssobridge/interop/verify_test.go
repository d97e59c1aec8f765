package interop

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/token"
)

// verifiers are the documents' apps that believe Remote-Assertion, and how to run each in a folder.
func verifiers() map[string]func(t *testing.T, dir string) *exec.Cmd {
	source := func(t *testing.T, name string) string {
		t.Helper()
		path, err := filepath.Abs(filepath.Join("testdata", "verify", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	return map[string]func(t *testing.T, dir string) *exec.Cmd{
		"Go, our package": func(t *testing.T, _ string) *exec.Cmd { return exec.Command(program.Build(t, source(t, "app.go"))) },
		"Node, jose": func(t *testing.T, dir string) *exec.Cmd {
			node := ssotest.Need(t, "node", "apt-get install nodejs")
			if err := os.Symlink(nodeModules(t, "jose"), filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(source(t, "app.mjs"))
			if err != nil {
				t.Fatal(err)
			}
			app := filepath.Join(dir, "app.mjs") // modules are looked for beside the file
			if err := os.WriteFile(app, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return exec.Command(node, app)
		},
		"Python, PyJWT": func(t *testing.T, _ string) *exec.Cmd {
			const python = "/usr/bin/python3" // another one, without Debian's modules, may come first on PATH
			if exec.Command(python, "-c", "import jwt, cryptography").Run() != nil {
				ssotest.Missing(t, "python3-jwt", "apt-get install python3-jwt python3-cryptography")
			}
			return exec.Command(python, source(t, "app.py"))
		},
	}
}

// The documents' apps know who is signed in by the assertion alone, before and after its key has changed, and believe
// nothing else that is signed. SECURITY F4, J1
func TestAppsVerifyTheAssertion(t *testing.T) {
	for name, command := range verifiers() {
		for _, at := range ssotest.Some(name, [2]string{"", "ES256"}, [2]string{"/_sso", "EdDSA"}) {
			t.Run(name+at[0]+", "+at[1], func(t *testing.T) {
				if !strings.HasPrefix(name, "Go") {
					ssotest.InCI(t, "another language")
				}
				appsVerify(t, command, at[0], at[1])
			})
		}
	}
}

func appsVerify(t *testing.T, command func(t *testing.T, dir string) *exec.Cmd, prefix, alg string) {
	t.Parallel()
	appPort, port := ssotest.FreePort(t), ssotest.FreePort(t)
	appAddr, site := "127.0.0.1:"+appPort, "http://127.0.0.1:"+port
	startVerifier(t, command(t, t.TempDir()), appPort, site+prefix+"/", &ssotest.Buffer{})
	b := startBridgeAt(t, port, "https://idp.example.com/login", "SSOBRIDGE_SITE_URL="+site, "SSOBRIDGE_ASSERTION="+alg, "SSOBRIDGE_UPSTREAM=http://"+appAddr, "SSOBRIDGE_PATH_PREFIX="+prefix)
	cookie, login := signInAnn(t, b)

	const hello = "hello Ann Lee, ann@example.com"
	wantHello := func(what string) {
		t.Helper()
		if status, body := ask(t, site, "Cookie", cookie.Name+"="+cookie.Value); status != 200 || body != hello {
			t.Errorf("%s: got %d %q, want 200 %q", what, status, body, hello)
		}
	}
	wantHello("through the bridge")

	assertion := assertionOf(t, site+prefix, cookie)
	if got := algorithmOf(t, assertion); got != alg {
		t.Errorf("got an assertion that is signed with %s, want %s", got, alg)
	}
	if status, body := ask(t, "http://"+appAddr, "Remote-Assertion", assertion); status != 200 || body != hello {
		t.Errorf("the assertion alone: got %d %q, want 200 %q", status, body, hello)
	}
	for what, other := range notAssertions(t, assertion, login) {
		if status, _ := ask(t, "http://"+appAddr, "Remote-Assertion", other); status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", what, status)
		}
	}

	// The next key is published before it signs, so nothing changes for the app.
	rotate := exec.Command(program.Path(t), "keys", "rotate")
	rotate.Dir, rotate.Env = b.dir, b.env
	if out, err := rotate.CombinedOutput(); err != nil || !strings.Contains(string(out), "it signs from") {
		t.Errorf("keys rotate: %v\n%s", err, out)
	}
	wantHello("after a rotation")

	// 127.0.0.1 is not localhost, and the log says what is wrong.
	otherPort, log := ssotest.FreePort(t), &ssotest.Buffer{}
	startVerifier(t, command(t, t.TempDir()), otherPort, "http://localhost:"+port+prefix, log)
	if status, body := ask(t, "http://127.0.0.1:"+otherPort, "Remote-Assertion", assertion); status != http.StatusUnauthorized {
		t.Errorf("an app of another SITE_URL: got %d %q, want 401", status, body)
	}
	for wait := time.Now().Add(5 * time.Second); !issuerMismatch.MatchString(log.String()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(wait) {
			t.Fatalf("an app of another SITE_URL says nothing about the issuer:\n%s", log)
		}
	}
}

// issuerMismatch is what an app logs that expects the assertions of http://localhost.
var issuerMismatch = regexp.MustCompile(`(?i)(issuer|"iss"|of the bridge ".*").*http://localhost:`)

// An assertion is no login token and no session (SECURITY J1, A12), nor is a login token either of the others.
func TestTokensDoNotStandInForOneAnother(t *testing.T) {
	b := startBridge(t, "https://idp.example.com/login")
	cookie, login := signInAnn(t, b)
	assertion := assertionOf(t, b.url(""), cookie)
	resp, err := b.present(t.Context(), assertion, "/")
	if err != nil {
		t.Fatal(err)
	}
	if _, set := sessionCookie(resp); set || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an assertion at /auth/sso: got %d, cookie %v; want 401 and none", resp.StatusCode, set)
	}
	for what, text := range map[string]string{"an assertion": assertion, "a login token": login} {
		if status, _ := ask(t, b.url("/auth/verify"), "Authorization", "Bearer "+text); status != http.StatusUnauthorized {
			t.Errorf("%s as a bearer: got %d, want 401", what, status)
		}
		if status, _ := ask(t, b.url("/auth/verify"), "Cookie", cookie.Name+"="+text); status != http.StatusUnauthorized {
			t.Errorf("%s as a session: got %d, want 401", what, status)
		}
	}
}

// Caches may keep the key set for five minutes, which the rotation of keys allows for; it is public and nothing else in it
// is (SECURITY F6).
func TestKeySet(t *testing.T) {
	b := startBridge(t, "https://idp.example.com/login")
	resp, err := stay.Get(b.url("/.well-known/jwks.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var set struct{ Keys []map[string]string }
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("got %v, %v; want one key", set, err)
	}
	if got := resp.Header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("got Cache-Control %q, want public, max-age=300", got)
	}
	k := set.Keys[0]
	for _, name := range []string{"x", "y"} {
		if k[name] == "" {
			t.Errorf("the key has no %s", name)
		}
		delete(k, name)
	}
	kid := k["kid"]
	delete(k, "kid")
	if want := map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"}; !maps.Equal(k, want) || kid == "" {
		t.Errorf("got %v with kid %q besides, want %v", k, kid, want)
	}
}

// With ASSERTION off a proxy is told who it is as ever, but for the assertion, and there are no keys.
func TestAssertionOff(t *testing.T) {
	b := startBridge(t, "https://idp.example.com/login", "SSOBRIDGE_ASSERTION=off")
	cookie, _ := signInAnn(t, b)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url("/auth/verify"), nil)
	req.AddCookie(cookie)
	resp, _ := bridgetest.Do(t, stay, req)
	if email, signed := resp.Header.Get("Remote-Email"), resp.Header["Remote-Assertion"]; email != "ann@example.com" || !slices.Equal(signed, []string{"-"}) {
		t.Errorf("got %d for %q with the assertion %q, want ann@example.com and one -", resp.StatusCode, email, signed)
	}
	if _, keys := ask(t, b.url("/.well-known/jwks.json"), "Accept", "*/*"); keys != `{"keys":[]}` {
		t.Errorf("got the keys %s, want none", keys)
	}
}

// signInAnn signs in, and returns the session's cookie and the token that opened it.
func signInAnn(t *testing.T, b *bridge) (*http.Cookie, string) {
	t.Helper()
	login, err := token.Mint(secret, map[string]any{
		"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "department": "R&D", "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.present(t.Context(), login, "/")
	if err != nil {
		t.Fatal(err)
	}
	cookie, ok := sessionCookie(resp)
	if !ok {
		t.Fatalf("sign-in: got %d without a cookie", resp.StatusCode)
	}
	return cookie, login
}

// assertionOf asks the bridge for an assertion, as a proxy does.
func assertionOf(t *testing.T, site string, cookie *http.Cookie) string {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, site+"/auth/verify", nil)
	req.AddCookie(cookie)
	resp, err := stay.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if text := resp.Header.Get("Remote-Assertion"); strings.Count(text, ".") == 2 {
		return text
	}
	t.Fatalf("got Remote-Assertion %q, want a JWT", resp.Header.Get("Remote-Assertion"))
	return ""
}

func algorithmOf(t *testing.T, text string) string {
	t.Helper()
	var header struct{ Alg string }
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
	if err != nil || json.Unmarshal(data, &header) != nil {
		t.Fatalf("%q has no header: %v", text, err)
	}
	return header.Alg
}

// notAssertions are what an app must refuse: each differs from an assertion in one thing.
func notAssertions(t *testing.T, assertion, login string) map[string]string {
	t.Helper()
	parts := strings.Split(assertion, ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatalf("part %d of %q: %v", i, assertion, err)
		}
	}
	for _, name := range []string{"iss", "aud", "sub", "iat", "exp", "email", "name", "groups", "attributes"} {
		if claims[name] == nil {
			t.Errorf("the assertion has no %s: %v", name, claims)
		}
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life != 300 || header["typ"] != "assertion+jwt" {
		t.Errorf("got an assertion for %v s of type %v, want 300 s and assertion+jwt", life, header["typ"])
	}
	encode := func(v map[string]any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	with := func(m map[string]any, name string, value any) map[string]any {
		m = maps.Clone(m)
		m[name] = value
		return m
	}
	foreign, err := keyset.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	byAnother, err := foreign.Sign(claims, "assertion+jwt")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"nothing":                  "",
		"no value":                 "-",
		"a login token":            login,
		"another's key":            byAnother,
		"another's key, our kid":   parts[0] + "." + strings.SplitN(byAnother, ".", 2)[1],
		"another person":           parts[0] + "." + encode(with(claims, "email", "admin@example.com")) + "." + parts[2],
		"no signature":             encode(with(header, "alg", "none")) + "." + parts[1] + ".",
		"the public key as secret": encode(with(header, "alg", "HS256")) + "." + parts[1] + "." + parts[2],
	}
}

// startVerifier runs an app that listens on port and trusts the bridge at site.
func startVerifier(t *testing.T, cmd *exec.Cmd, port, site string, log *ssotest.Buffer) {
	t.Helper()
	cmd.Env = append(os.Environ(), "BRIDGE_URL="+site, "PORT="+port, "PYTHONUNBUFFERED=1")
	ssotest.Process{Cmd: cmd, Log: log, Ready: func() error {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err
	}}.Start(t)
}

func ask(t *testing.T, url, name, value string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(name, value)
	resp, body := bridgetest.Do(t, stay, req)
	return resp.StatusCode, body
}
