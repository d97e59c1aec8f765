package interop

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// A signer is a JWT library of somebody else, used as its users use it.
type signer struct {
	name    string
	program string
	args    []string
	need    func(t *testing.T) []string // what must be there; returns variables for the program
}

func signers() []signer {
	// A library is looked for where the program that is run looks for it.
	probe := func(program string, args []string, how string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			t.Helper()
			if err := exec.Command(program, args...).Run(); err != nil {
				ssotest.Missing(t, how, "apt-get install "+how)
			}
			return nil
		}
	}
	node := func(name string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			t.Helper()
			ssotest.Need(t, "node", "apt-get install nodejs")
			return []string{"NODE_PATH=" + nodeModules(t, name)}
		}
	}
	return []signer{
		{"npm jsonwebtoken", "node", []string{"jsonwebtoken.cjs"}, node("jsonwebtoken")},
		{"npm jose", "node", []string{"jose.mjs"}, node("jose")},
		// By its path: another python3, without Debian's modules, may come first on PATH.
		{"PyJWT", "/usr/bin/python3", []string{"pyjwt.py"}, probe("/usr/bin/python3", []string{"-c", "import jwt; jwt.encode"}, "python3-jwt")},
		{"ruby-jwt", "ruby", []string{"ruby-jwt.rb"}, probe("ruby", []string{"-r", "jwt", "-e", "JWT"}, "ruby-jwt")},
		{"plain PHP", "php", []string{"plain.php"}, probe("php", []string{"-v"}, "php-cli")},
		{"Crypt::JWT", "perl", []string{"crypt-jwt.pl"}, probe("perl", []string{"-MCrypt::JWT", "-e1"}, "libcrypt-jwt-perl")},
	}
}

// A given is what a signer's script reads.
type given struct {
	Secret string      `json:"secret"`
	IAT    bool        `json:"iat"` // whether the token says when it was made
	Person givenPerson `json:"person"`
}

type givenPerson struct {
	Email     string   `json:"email"`
	FirstName string   `json:"first_name"`
	LastName  string   `json:"last_name"`
	Groups    []string `json:"groups"`
}

func (s signer) sign(t *testing.T, g given) string {
	t.Helper()
	more := s.need(t)
	in, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.program, s.args...)
	cmd.Dir = "testdata/sign"
	cmd.Env = append(os.Environ(), more...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// TestSigners signs people in with tokens of six languages, in the form that Metabase's examples give them, at a bridge
// that is configured with Metabase's variables only.
func TestSigners(t *testing.T) {
	ssotest.InCI(t, "other languages")
	b := startBridge(t, "http://127.0.0.1:9/login",
		"MB_JWT_GROUP_SYNC=true", `MB_JWT_GROUP_MAPPINGS={"extSales":["Sales"],"extHR":["People"],"Élysée/\"x\"":["Paris"]}`)
	for i, s := range signers() {
		t.Run(s.name, func(t *testing.T) {
			email := string(rune('a'+i)) + ".person@example.com"
			for _, step := range []struct {
				name   string
				given  given
				groups []string
			}{
				{"with iat", given{secret, true, givenPerson{email, "Zoë", "O/Neill \"Z\" 名", []string{"extSales", "Élysée/\"x\""}}},
					[]string{"All Users", "Paris", "Sales"}},
				{"without iat, other groups", given{secret, false, givenPerson{email, "Zoë", "O/Neill \"Z\" 名", []string{"extHR", "unmapped"}}},
					[]string{"All Users", "People"}},
			} {
				token := s.sign(t, step.given)
				resp, err := b.present(t.Context(), token, "/question/1?x=1&y=%2F%2F#f")
				if err != nil {
					t.Fatal(err)
				}
				cookie, ok := sessionCookie(resp)
				if got, want := resp.Header.Get("Location"), "/question/1?x=1&y=%2F%2F#f"; resp.StatusCode != http.StatusFound || got != want || !ok {
					t.Fatalf("%s: got %s, Location %q, cookie %v; want 302 to %q with a session", step.name, resp.Status, got, ok, want)
				}
				got, status := b.current(cookie)
				if status != http.StatusOK {
					t.Fatalf("%s: /api/user/current answers %d", step.name, status)
				}
				var groups []string
				for _, g := range got.Groups {
					groups = append(groups, g.Name)
				}
				slices.Sort(groups)
				want := user{ID: got.ID, Email: email, FirstName: "Zoë", LastName: "O/Neill \"Z\" 名", Common: "Zoë O/Neill \"Z\" 名",
					Source: "jwt", Attrs: map[string]string{}, Groups: got.Groups}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: who is signed in (-want +got):\n%s", step.name, diff)
				}
				if diff := cmp.Diff(step.groups, groups); diff != "" {
					t.Errorf("%s: groups (-want +got):\n%s", step.name, diff)
				}
			}
		})
		t.Run(s.name+", another secret", func(t *testing.T) {
			token := s.sign(t, given{strings.ToLower(secret), true, givenPerson{"m@example.com", "M", "", nil}})
			resp, err := b.present(t.Context(), token, "/")
			if err != nil {
				t.Fatal(err)
			}
			if cookie, ok := sessionCookie(resp); resp.StatusCode != http.StatusUnauthorized || ok {
				t.Errorf("got %s, cookie %v; want 401 and none", resp.Status, cookie)
			}
		})
	}
}
