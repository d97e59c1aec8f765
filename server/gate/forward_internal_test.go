package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Whatever headers come, what is read names one site by a plain host, and a path.
func FuzzForwarded(f *testing.F) {
	cfg, faults := setting.Resolve(setting.Inputs{Environ: []string{"SSOBRIDGE_TRUSTED_PROXIES=192.0.2.1"}})
	if len(faults) > 0 {
		f.Fatal(faults)
	}
	f.Add("GET", "https", "app.example:8443", "/a?b", "X-Forwarded-Port", "1")
	f.Add("GET", "wss", "[::1]:1", "//a", "X_Forwarded_Uri", "/public")
	f.Fuzz(func(t *testing.T, method, proto, host, uri, name, value string) {
		r := httptest.NewRequest("GET", "/auth/forward", nil) // comes from 192.0.2.1
		r.Header = http.Header{"X-Forwarded-Method": {method}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host}, "X-Forwarded-Uri": {uri}}
		r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
		from, hostName, path, err := forwardedFrom(cfg, r)
		if err != nil {
			if sso.CodeOf(err) != sso.ProxyRefused {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := origin.Parse(from)
		if err != nil || string(again) != from || hostName == "" || strings.ContainsAny(hostName, "[]/@ ") || !strings.HasPrefix(path, "/") || strings.Contains(path, "?") {
			t.Errorf("got %q, %q, %q, %v", from, hostName, path, err)
		}
	})
}

func FuzzStrip(f *testing.F) {
	f.Add("a=1; ssobridge=x; b=2", "Remote_User")
	f.Add("ssobridge =x;ssobridge-flow-a=b", "remote.groups")
	f.Add("", "Remote~User")
	f.Fuzz(func(t *testing.T, line, name string) {
		rest := withoutCookies([]string{line})
		if again := withoutCookies([]string{rest}); again != rest {
			t.Errorf("%q: got %q, then %q", line, rest, again)
		}
		r := http.Request{Header: http.Header{"Cookie": {rest}}}
		if c, err := r.Cookie("ssobridge"); err == nil {
			t.Errorf("%q leaves %v", line, c)
		}
		h := http.Header{name: {"x"}}
		(&settings{Site: &web.Site{Config: &setting.Config{}}}).clean(h, identity, target, forwarded)
		if len(h) > 0 && len(name) > 6 && strings.ToLower(name[:6]) == "remote" && strings.Trim(name[6:7], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			t.Errorf("%q passes", name)
		}
	})
}

func forwardedFrom(cfg *setting.Config, r *http.Request) (origin, host, path string, err error) {
	w, err := (&settings{Site: &web.Site{Config: cfg}}).forwarded(r)
	return string(w.origin), w.host, w.path(), err
}

// A site that is read already is read as [origin.Parse] does, whatever comes close to it.
func TestSitesAreReadAsOrigins(t *testing.T) {
	known := newSites([]origin.Origin{"http://localhost:3000", "https://app.example", "http://[::1]:8080", "https://[2001:db8::1]", "https://App.example", "http://a.example:80", "ftp://a.example"})
	if len(known) != 4 {
		t.Errorf("knows %v", known)
	}
	for _, scheme := range []string{"http", "https"} {
		for _, authority := range []string{"localhost:3000", "LOCALHOST:3000", "localhost", "app.example", "app.example:443", "app.example:80", "App.example", "app.example.", "app.example/", "u@app.example",
			"[::1]:8080", "[::1]", "[::01]:8080", "[2001:db8::1]", "2001:db8::1", "a.example", "a.example:80", "", " app.example"} {
			want, wantErr := origin.Parse(scheme + "://" + authority)
			got, host, err := known.read(scheme, authority)
			if got != want || (err != nil) != (wantErr != nil) || host != web.HostName(string(want)) {
				t.Errorf("%s, %q: got %q, host %q, %v, want %q, %v", scheme, authority, got, host, err, want, wantErr)
			}
		}
	}
}
