package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// deep is a page behind the bridge; its fragment never leaves the browser unless someone passes it on.
const deep = "/question/1?x=1&y=%2F%2F"

// startExample runs one of the identity providers of testdata/idp, which the documents show, and returns its origin.
func startExample(t testing.TB, file, bridge string) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("testdata/idp", file))
	if err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	if strings.HasSuffix(file, ".go") {
		cmd = exec.Command(program.Build(t, source))
	} else {
		ssotest.Need(t, "node", "apt-get install nodejs")
		cmd = exec.Command("node", withModules(t, source, nodeModules(t, "express", "jsonwebtoken")))
	}
	port := ssotest.FreePort(t)
	cmd.Env = append(os.Environ(), "BRIDGE_URL="+bridge, "JWT_SHARED_SECRET="+secret, "JWT_CLIENT_ID=bridge", "PORT="+port)
	log := &ssotest.Buffer{}
	t.Cleanup(func() { // when it has ended
		if strings.Contains(log.String(), "eyJ") {
			t.Errorf("%s logs a token", file)
		}
	})
	origin := "http://127.0.0.1:" + port
	ssotest.Process{Cmd: cmd, Log: log, Ready: func() error {
		resp, err := stay.Get(origin + "/login")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)
	return origin
}

// withModules copies a script to where its imports are found: ES modules are looked for beside the script, not in NODE_PATH.
func withModules(t testing.TB, source, modules string) string {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(source))
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return path
}

// startBound runs an example and a bridge that sends people to it, with the binding that the file is named for.
func startBound(t testing.TB, file string, more ...string) (b *bridge, idp string) {
	t.Helper()
	port := ssotest.FreePort(t)
	idp = startExample(t, file, "http://localhost:"+port)
	binding, _, _ := strings.Cut(file, ".")
	env := append([]string{"SSOBRIDGE_JWT_BINDING=" + binding, "MB_JWT_GROUP_SYNC=true", `MB_JWT_GROUP_MAPPINGS={"sales":["Sales"]}`}, more...)
	if binding == "pkce" {
		env = append(env, "SSOBRIDGE_JWT_CLIENT_ID=bridge", "SSOBRIDGE_JWT_TOKEN_URI="+idp+"/token")
	}
	return startBridgeAt(t, port, idp+"/login", env...), idp
}

// A visitor is a browser without a screen: it keeps cookies, and shows each redirect.
type visitor struct {
	*http.Client
	t testing.TB
}

func newVisitor(t testing.TB) *visitor {
	jar, _ := cookiejar.New(nil)
	return &visitor{&http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: stay.CheckRedirect}, t}
}

// visit makes a request, a POST when there is a form, and returns the answer and where it leads.
func (v *visitor) visit(address string, form url.Values) (resp *http.Response, to string) {
	v.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, address, body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if resp, err = v.Do(req); err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(content))
	if u, err := resp.Location(); err == nil {
		to = u.String()
	}
	return resp, to
}

// signIn goes from a link of the bridge to the point where the IdP sends the browser back, and returns that address.
func (v *visitor) signIn(link, email, password string) string {
	v.t.Helper()
	_, login := v.visit(link, nil)
	resp, back := v.visit(login, url.Values{"email": {email}, "password": {password}})
	if resp.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("sign-in at %s: got %s", login, resp.Status)
	}
	return back
}

// who is signed in at the bridge, and in which groups.
func (v *visitor) who(b *bridge) string {
	v.t.Helper()
	resp, _ := v.visit(b.url("/api/user/current"), nil)
	var u user
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		v.t.Fatal(err)
	}
	text := u.Email
	for _, g := range u.Groups {
		text += " " + g.Name
	}
	return text
}

// TestExamples holds the documents' identity providers to their word: each signs in with its binding, and only as it says.
func TestExamples(t *testing.T) {
	for _, file := range slices.Concat(ssotest.First("off.go", "off.mjs"), ssotest.First("state.go", "state.mjs"), ssotest.First("pkce.go", "pkce.mjs")) {
		t.Run(file, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("testdata/idp", file))
			if err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(source, []byte("\n")); lines >= 60 {
				t.Errorf("%d lines; the documents promise fewer than 60", lines)
			}
			b, idp := startBound(t, file)
			link := b.url("/auth/sso?redirect=" + url.QueryEscape(deep+"#f"))
			v := newVisitor(t)

			_, login := v.visit(link, nil)
			if resp, _ := v.visit(login, nil); resp.StatusCode != http.StatusOK {
				t.Errorf("the login page: got %s", resp.Status)
			}
			for _, wrong := range []url.Values{{}, {"email": {"ann@example.com"}}, {"email": {"ann@example.com"}, "password": {"x"}},
				{"email": {"eve@example.com"}}, {"email": {"toString"}, "password": {""}}} {
				if resp, to := v.visit(login, wrong); resp.StatusCode != http.StatusUnauthorized || to != "" {
					t.Errorf("with %v: got %s to %q", wrong, resp.Status, to)
				}
			}
			back := v.signIn(link, "ann@example.com", "correct horse")
			bound := !strings.HasPrefix(file, "off")
			if bound {
				other := newVisitor(t)
				if resp, _ := other.visit(back, nil); resp.StatusCode != http.StatusUnauthorized || other.who(b) != "" {
					t.Errorf("in another browser: got %s as %q", resp.Status, other.who(b))
				}
			}
			if strings.HasPrefix(file, "pkce") && strings.Contains(back, "eyJ") {
				t.Errorf("a token is in the URL: %s", back)
			}
			resp, to := v.visit(back, nil)
			if want := b.url(deep + "#f"); resp.StatusCode != http.StatusFound || to != want {
				t.Errorf("got %s to %q, want 302 to %q", resp.Status, to, want)
			}
			if got, want := v.who(b), "ann@example.com All Users Sales"; got != want {
				t.Errorf("signed in as %q, want %q", got, want)
			}
			if strings.HasPrefix(file, "pkce") {
				redeemOnlyOnce(t, b, idp, link)
			}
		})
	}
}

// redeemOnlyOnce tries the token endpoint of an example (SECURITY C6).
func redeemOnlyOnce(t *testing.T, b *bridge, idp, link string) {
	redirect := b.url("/auth/sso")
	const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 Appendix B
	verifier := "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	ask := url.Values{"response_type": {"code"}, "client_id": {"bridge"}, "redirect_uri": {redirect}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	v := newVisitor(t)
	newCode := func() string {
		_, back := v.visit(idp+"/login?"+ask.Encode(), url.Values{"email": {"ann@example.com"}, "password": {"correct horse"}})
		u, err := url.Parse(back)
		if err != nil || u.Query().Get("code") == "" {
			t.Fatalf("no code in %q", back)
		}
		return u.Query().Get("code")
	}
	redeem := func(change ...string) (status int, body string, form url.Values) {
		form = url.Values{"grant_type": {"authorization_code"}, "code": {newCode()}, "client_id": {"bridge"}, "redirect_uri": {redirect},
			"code_verifier": {verifier}}
		for i := 0; i < len(change); i += 2 {
			form.Set(change[i], change[i+1])
		}
		resp, _ := v.visit(idp+"/token", form)
		content, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(content), form
	}
	status, body, form := redeem()
	if status != http.StatusOK || !strings.Contains(body, `"jwt":"eyJ`) {
		t.Errorf("redeem: got %d %s", status, body)
	}
	if resp, _ := v.visit(idp+"/token", form); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the code twice: got %s", resp.Status)
	}
	for _, change := range [][]string{{"code_verifier", challenge}, {"code_verifier", ""}, {"client_id", "other"}, {"redirect_uri", "http://127.0.0.1/"}, {"code", "x"}} {
		if status, body, _ := redeem(change...); status != http.StatusBadRequest || !strings.Contains(body, `"invalid_grant"`) {
			t.Errorf("with %v: got %d %s", change, status, body)
		}
	}
	for _, change := range [][2]string{{"client_id", "other"}, {"redirect_uri", "http://evil.example/"}, {"code_challenge_method", "plain"}} {
		bad := url.Values{}
		for name, value := range ask {
			bad[name] = value
		}
		bad.Set(change[0], change[1])
		if resp, to := v.visit(idp+"/login?"+bad.Encode(), url.Values{"email": {"ann@example.com"}, "password": {"correct horse"}}); to != "" {
			t.Errorf("asked with %v: got %s to %q", change, resp.Status, to)
		}
	}
}
