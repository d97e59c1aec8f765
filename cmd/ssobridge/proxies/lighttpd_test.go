package proxies

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// startLighttpd runs an app under lighttpd, which makes one CGI variable of all names that differ in what is no letter and no
// digit. The app reports its variables, doubled ones too: a shell would keep one of them.
func startLighttpd(t *testing.T) *app {
	t.Helper()
	path := ssotest.Need(t, "lighttpd", "apt-get install lighttpd")
	dir, port := t.TempDir(), ssotest.FreePort(t)
	write(t, filepath.Join(dir, "app.cgi"), "printf 'Content-Type: text/plain\\r\\n\\r\\n'; cat /proc/$$/environ\n")
	write(t, filepath.Join(dir, "lighttpd.conf"), fmt.Sprintf(`server.modules = ("mod_rewrite", "mod_cgi")
server.bind = "127.0.0.1"
server.port = %s
server.document-root = "%s"
url.rewrite-once = ("" => "/app.cgi")
cgi.assign = (".cgi" => "/bin/sh")
`, port, dir))
	a := &app{addr: "127.0.0.1:" + port}
	ssotest.Process{Cmd: exec.Command(path, "-D", "-f", filepath.Join(dir, "lighttpd.conf")), Log: &ssotest.Buffer{}, Ready: func() error {
		resp, err := http.Get("http://" + a.addr)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)
	return a
}

// variables are those that the app reports, by name.
func variables(body string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.SplitSeq(body, "\x00") {
		if name, value, ok := strings.Cut(line, "="); ok {
			all[name] = append(all[name], value)
		}
	}
	return all
}

// signs are the bytes of a header's name that are no letters and no digits (RFC 9110 §5.6.2).
const signs = "!#$%&'*+-.^_`|~"

// ways are those in which a client can send headers: what stands between the other headers and the planted ones, and, of
// trailers, the trailers' announcement.
var ways = map[string]func(planted, names []string) (headers []string){
	"header": func(planted, _ []string) []string { return planted },
	"listed in Connection": func(planted, names []string) []string {
		return slices.Concat(planted, planted, []string{"Connection: close, " + strings.Join(names, ", ")})
	},
	"WebSocket": func(planted, names []string) []string {
		return append(planted, "Connection: Upgrade, "+strings.Join(names, ", "), "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==")
	},
	"folded": func(planted, _ []string) []string {
		return strings.Split(strings.ReplaceAll(strings.Join(planted, "\n"), ": ", ": a\n "), "\n")
	},
	"trailer": func(planted, names []string) []string {
		return append([]string{"Trailer: " + strings.Join(names, ", "), "Transfer-Encoding: chunked", "\r\n2\r\nab\r\n0"}, planted...)
	},
	"trailer, unannounced": func(planted, _ []string) []string {
		return append([]string{"Transfer-Encoding: chunked", "\r\n2\r\nab\r\n0"}, planted...)
	},
}

// SECURITY H7: behind every door an app that reads names as the strictest does gets what the bridge says, and nothing of a
// client's own; the app's own headers pass.
func TestNoOtherSpelling(t *testing.T) {
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, p, startLighttpd(t))
			session := "Cookie: ssobridge=" + s.signIn(nil)
			for way, write := range ways {
				for _, sign := range ssotest.Some(t.Name()+way, strings.Split(signs, "")...) {
					t.Run(way+" "+sign, func(t *testing.T) {
						s := *s
						s.t = t
						s.plant(sign, write, session)
					})
				}
			}
		})
	}
}

// plant sends headers whose names have a sign in place of each "-", as no one to a public page and as somebody.
func (s *stack) plant(sign string, write func(planted, names []string) []string, session string) {
	t := s.t
	t.Helper()
	claims := []string{"Remote-User", "Remote-Email", "Remote-Groups", "Remote-Id", "Remote-Assertion", "X-Metabase-Session"}
	asked := []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Real-IP"}
	for _, names := range [][]string{claims, asked} { // apart, since the second may be refused
		var planted, spelled []string
		for _, name := range names {
			spelled = append(spelled, strings.ReplaceAll(name, "-", sign))
			planted = append(planted, strings.ReplaceAll(name, "-", sign)+": planted")
		}
		for target, want := range map[string]string{"/public/x": "-", "/page": "ann@example.com"} {
			method, headers := "GET", []string{"Own-Header: theirs"}
			if target == "/page" {
				headers = append(headers, session)
			}
			headers = append(headers, write(planted, spelled)...)
			if slices.Contains(headers, "Transfer-Encoding: chunked") {
				method = "POST"
			}
			resp := s.send(method, target, headers...)
			if strings.Contains(resp.body, "planted") {
				t.Errorf("%s: the app got %q", target, variables(resp.body))
			}
			refused := resp.StatusCode == http.StatusForbidden && names[0] != claims[0] || // what only a proxy says, by the bridge
				resp.StatusCode == http.StatusBadRequest && slices.Contains(headers, " planted") // folded headers, by nginx
			if !refused {
				s.told(target, resp, want)
			}
		}
	}
}

// told checks that the app was told once who it is, and got what is the client's own.
func (s *stack) told(target string, resp answer, want string) {
	t := s.t
	t.Helper()
	got := variables(resp.body)
	if user := got["HTTP_REMOTE_USER"]; len(user) != 1 || user[0] != want {
		t.Errorf("%s: %s, the app takes %q for the user, want %q", target, resp.Status, user, want)
	}
	if own := got["HTTP_OWN_HEADER"]; len(own) != 1 || own[0] != "theirs" {
		t.Errorf("%s: %s, Own-Header arrives as %q", target, resp.Status, own)
	}
	for variable, values := range got {
		if strings.HasPrefix(variable, "HTTP_REMOTE_") && len(values) != 1 {
			t.Errorf("%s: the app got %s: %q", target, variable, values)
		}
	}
}
