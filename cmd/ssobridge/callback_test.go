package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/token"
)

// What comes back from the identity provider has three readers: the sign-in, explain, and the try-it page with its API.
// They say the same of it.
func TestThreeReadersAgree(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"MB_JWT_IDENTITY_PROVIDER_URI=https://product.example/sso", "MB_JWT_SHARED_SECRET=" + secret,
		"SSOBRIDGE_ALLOWED_ORIGINS=https://app.example"}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("seven green kettles hum quietly\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runProgram(t, dir, environ, "users", "create-admin", "root@example.com", "--password-file", password); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := startServe(t, dir, environ...)
	admin := browserOf()
	signIn := url.Values{"email": {"root@example.com"}, "password": {"seven green kettles hum quietly"}}
	if resp, err := admin.PostForm(r.url+"/login", signIn); err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("the administrator's sign-in: %v, %v", resp, err)
	}

	const begins = "sign_in_circle" // the sign-in begins anew, and explain says that this goes in circles
	for i, tt := range []struct{ query, code, to string }{
		{"jwt=T", "", "/"},
		{"jwt=T&return_to=%2Fa%3Fb%3D1%26c%23d", "", "/a?b=1&c#d"},
		{"jwt=T&redirect=/a", "", "/a"},
		{"jwt=T&return_to=/a;b", "", "/a;b"},
		{"jwt=T&return_to=/100%", "", "/100%25"},
		{"jwt=T&return_to=/a%zz&x=%", "", "/a%25zz"},
		{"jwt=T;x&return_to=/a", "token_malformed", ""},
		{"jwt=T&return_to=https://app.example/x", "", "https://app.example/x"},
		{"jwt=T&return_to=https://evil.example/", "return_to_refused", ""},
		{"jwt=T&redirect=https://evil.example/", "return_to_refused", ""},
		{"jwt=T&redirect=//evil.example", "return_to_refused", ""},
		{"redirect=//evil.example", "return_to_refused", ""},
		{"jwt=T&return_to=/a&redirect=/a", "request_malformed", ""},
		{"jwt=T&redirect=/a&redirect=/b", "request_malformed", ""},
		{"jwt=T&state=a&state=b", "request_malformed", ""},
		{"jwt=T&error=a&error=b", "request_malformed", ""},
		{"jwt=T&jwt=T", "request_malformed", ""},
		{"jwt=T&provider=jwt&preferred_method=jwt", "request_malformed", ""},
		{"jwt=T&provider=saml", "request_malformed", ""},
		{"provider=saml", "request_malformed", ""},
		{"jwt=T&provider=jwt&state=unknown", "", "/"},
		{"jwt=T&code=c", "request_malformed", ""},
		{"code=c", "code_exchange_failed", ""},
		{"state=s", "token_malformed", ""},
		{"jwt=", "token_malformed", ""},
		{"jwt", "token_malformed", ""},
		{"jwt=T%20", "token_malformed", ""},
		{"jwt=%22T%22", "token_malformed", ""},
		{"error=access_denied", "provider_refused", ""},
		{"error=access_denied&jwt=T", "provider_refused", ""},
		{"error=", "token_malformed", ""},
		{"token=T", begins, ""},
		{"JWT=T&return_to=/a", begins, ""},
		{"", begins, ""},
		{"%", begins, ""},
	} {
		t.Run(tt.query, func(t *testing.T) {
			now := time.Now()
			signed, err := token.Mint(secret, map[string]any{"email": "ada@example.com", "n": i, "exp": now.Add(5 * time.Minute).Unix()})
			if err != nil {
				t.Fatal(err)
			}
			address := r.url + "/auth/sso?" + strings.ReplaceAll(tt.query, "T", signed)
			if strings.HasPrefix(tt.query, "JWT") {
				address = r.url + "/auth/sso?JWT=" + signed
			}
			code, to := said(t, saying(t, dir, environ, "explain", "--json", address))
			if code != tt.code || tt.code == "" && to != tt.to {
				t.Errorf("explain: got %q to %q, want %q to %q", code, to, tt.code, tt.to)
			}
			code, to = said(t, explainByAPI(t, admin, r.url, address))
			if code != tt.code || tt.code == "" && to != tt.to {
				t.Errorf("the try-it page: got %q to %q, want %q to %q", code, to, tt.code, tt.to)
			}
			code, to = arrive(t, address)
			if tt.code == begins && strings.HasPrefix(to, "https://product.example/sso") {
				return
			}
			if code != tt.code || to != tt.to {
				t.Errorf("the sign-in: got %q to %q, want %q to %q", code, to, tt.code, tt.to)
			}
		})
	}
}

func browserOf() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// runProgram runs the real program.
func runProgram(t testing.TB, dir string, environ []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, said strings.Builder
	cmd := &exec.Cmd{Path: built.Path(t), Args: append([]string{"ssobridge"}, args...), Dir: dir, Env: environ, Stdout: &out, Stderr: &said}
	err = cmd.Run()
	return out.String(), said.String(), err
}

// saying is runProgram for one that says something, whatever its exit status.
func saying(t *testing.T, dir string, environ []string, args ...string) string {
	t.Helper()
	out, errors, err := runProgram(t, dir, environ, args...)
	if out == "" {
		t.Fatalf("%v: %s", err, errors)
	}
	return out
}

// said reads an explanation: its code, and where the browser would go.
func said(t *testing.T, explanation string) (code, to string) {
	t.Helper()
	var e struct {
		Code   string
		Checks []struct{ Name, Detail string }
	}
	if err := json.Unmarshal([]byte(explanation), &e); err != nil {
		t.Fatalf("%v in %s", err, explanation)
	}
	for _, check := range e.Checks {
		if check.Name == "return_to" {
			to = strings.TrimSuffix(strings.TrimPrefix(check.Detail, "goes to "), " afterwards")
		}
	}
	return e.Code, to
}

func explainByAPI(t *testing.T, admin *http.Client, site, address string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": address})
	resp, err := admin.Post(site+"/api/v1/explain", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", resp.Status, err, answer)
	}
	return string(answer)
}

// arrive is the sign-in itself: the code that it is refused with, or where it leads. A program can read its refusals, but is
// not led into a sign-in: for that it comes once more as something that reads text.
func arrive(t *testing.T, address string) (code, to string) {
	t.Helper()
	for _, accept := range []string{"application/problem+json", "*/*"} { // the first is no sign-in of an embedding client
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", address, err))
		}
		req.Header.Set("Accept", accept)
		resp, err := browserOf().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusFound {
			return "", resp.Header.Get("Location")
		}
		if code = codeOf(t, body); code != string(sso.NotSignedIn) {
			break
		}
	}
	return code, ""
}

// codeOf is the code of a refusal, as JSON or in its words.
func codeOf(t *testing.T, body []byte) string {
	t.Helper()
	var problem struct{ Code string }
	if err := json.Unmarshal(body, &problem); err == nil {
		return problem.Code
	}
	for _, c := range sso.Codes() {
		if sso.Message(c) == string(body) {
			return string(c)
		}
	}
	t.Fatalf("no refusal: %s", body)
	return ""
}
