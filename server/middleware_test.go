package server_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
)

// Handlers behind the middleware learn who is asking, and nobody else gets to them. SECURITY H1; B5: a token
// that is not good any more is not handed on.
func TestRequireSignIn(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"staff":["Staff"]}`, "BEARER_PARAMETER=access_token")
	var got *sso.Principal
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = server.PrincipalFrom(r.Context()) })
	resp := b.browser().signIn(claims{"groups": []string{"staff"}, "dept": "R&D"})
	cookie := resp.Header.Get("Set-Cookie")
	for _, tt := range []struct {
		name     string
		groups   []string
		header   [2]string
		want     int
		location string
	}{
		{"signed in", nil, [2]string{"Cookie", cookie}, 200, ""},
		{"in the group", []string{"Other", "Staff"}, [2]string{"Cookie", cookie}, 200, ""},
		{"not in the group", []string{"Other"}, [2]string{"Cookie", cookie}, 403, ""},
		{"a browser without a session", nil, [2]string{"Accept", "text/html"}, 302, "/auth/sso?redirect=%2Fa%3Fb%3D1"},
		{"a client without a session", nil, [2]string{"Accept", "*/*"}, 401, ""},
		{"garbage", nil, [2]string{"Cookie", "ssobridge=x"}, 401, ""},
		{"a header that names someone", nil, [2]string{"Remote-User", "ann@example.com"}, 401, ""}, // SECURITY H3
	} {
		got = nil
		r, w := httptest.NewRequest(http.MethodGet, "/a?b=1&access_token="+sso.NewSessionID(), nil), httptest.NewRecorder()
		r.Header.Set(tt.header[0], tt.header[1])
		b.srv.RequireSignIn(tt.groups...)(handler).ServeHTTP(w, r)
		if w.Code != tt.want || w.Header().Get("Location") != tt.location {
			t.Errorf("%s: got %d to %q, want %d to %q", tt.name, w.Code, w.Header().Get("Location"), tt.want, tt.location)
		}
		if reached := got != nil; reached != (tt.want == 200) {
			t.Errorf("%s: the handler was reached: %v", tt.name, reached)
		}
		if got != nil && (got.Account.Email != "ann@example.com" || got.Account.Attributes()["dept"] != "R&D" || len(got.Groups) != 2) {
			t.Errorf("%s: got %+v", tt.name, got)
		}
		if w.Header().Get("Cache-Control") != "no-store" && tt.want < 400 {
			t.Errorf("%s: got an answer that caches keep", tt.name)
		}
	}
	if p := server.PrincipalFrom(t.Context()); p != nil {
		t.Errorf("without the middleware: got %v, want nil", p)
	}
}

// A handler that runs long hears of the end of its session (SECURITY D4), and sees what changed since at the next request.
func TestRequireSignInEnds(t *testing.T) {
	b := start(t)
	c := b.browser()
	cookie := c.signIn(nil).Header.Get("Set-Cookie")
	running, ended := make(chan struct{}), make(chan bool)
	long := b.srv.RequireSignIn()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		select {
		case <-r.Context().Done():
			ended <- true
		case <-time.After(10 * time.Second):
			ended <- false
		}
	}))
	go func() {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookie)
		long.ServeHTTP(httptest.NewRecorder(), r)
	}()
	<-running
	c.send("POST", "/auth/logout", "").want(t, http.StatusOK, "")
	if !<-ended {
		t.Error("after the sign-out: the handler's context went on, want it ended")
	}
}

// The bridge answers its own paths and leaves the others alone.
func TestMount(t *testing.T) {
	b := start(t)
	app := b.srv.Mount(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for path, want := range map[string]int{
		"/": 418, "/auth": 404, "/auth/sso": 302, "/authors": 418, "/login": 200, "/healthz": 200, "/api/v2/x": 418, "/.well-known/x": 418,
	} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

// SECURITY H3, H6: what a client says about itself does not arrive, in any spelling, and our credentials stay with us; what
// arrives is the truth, as with UPSTREAM.
func TestMiddlewareCleansRequests(t *testing.T) {
	b := start(t, "BEARER_HEADER=X-Api-Key", "BEARER_PARAMETER=access_token")
	c := b.browser()
	c.signIn(nil)
	id := c.cookie()
	var got *http.Request
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })
	signedIn, board := b.srv.RequireSignIn(), b.srv.RequireSignIn("All Users")
	for name, h := range map[string]http.Handler{
		"signed in": b.srv.Mount(signedIn(handler)),
		"nested":    signedIn(b.srv.Mount(board(handler))),
		"anyone":    b.srv.Mount(handler),
	} {
		for _, by := range []string{"Cookie", "X-Api-Key", "X-Metabase-Session", "query"} {
			target := "/page?a=1&b=%zz"
			if by == "query" {
				target = "/page?a=1&access_token=" + id + "&b=2"
			}
			r := httptest.NewRequest("GET", target, nil)
			r.Header = http.Header{
				"Remote-User": {"root", "root"}, "Remote_user": {"root"}, "remote.groups": {"root"}, "Remote-Password": {"root"}, "Remote-Assertion": {"root"},
				"Cookie": {"a=1; b=2"}, "Authorization": {"Basic YTpi"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Other": {"theirs"}, "X_metabase_session": {id},
				"Remote~user": {"root"}, "remote`groups": {"root"}, "X^Metabase^Session": {id}, // SECURITY H7
			}
			switch by {
			case "Cookie":
				r.Header.Set("Cookie", "a=1; ssobridge="+id+"; __Host-ssobridge=x; b=2")
			case "X-Api-Key", "X-Metabase-Session":
				r.Header.Set(by, id)
			}
			sent := r.Header.Clone()
			got = nil
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got == nil {
				t.Errorf("%s by %s: not let in", name, by)
				continue
			}
			if !reflect.DeepEqual(r.Header, sent) {
				t.Errorf("%s by %s: the request of those in front was changed to %v", name, by, r.Header)
			}
			if name == "anyone" {
				for header := range got.Header {
					if strings.HasPrefix(strings.ToLower(header), "remote") {
						t.Errorf("anyone: got %s", header)
					}
				}
				continue
			}
			want := http.Header{
				"Remote-User": {"ann@example.com"}, "Remote-Email": {"ann@example.com"}, "Remote-Name": {"Ann Lee"}, "Remote-Groups": {"All Users"}, "Remote-Id": {"1"}, "Remote-Assertion": {"-"},
				"Cookie": {"a=1; b=2"}, "Authorization": {"Basic YTpi"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Other": {"theirs"},
			}
			if !reflect.DeepEqual(got.Header, want) {
				t.Errorf("%s by %s: got %v, want %v", name, by, got.Header, want)
			}
			if q := strings.Replace(target, "access_token="+id+"&", "", 1); got.URL.RequestURI() != q || got.RequestURI != q {
				t.Errorf("%s by %s: got %s and %s, want %s", name, by, got.URL.RequestURI(), got.RequestURI, q)
			}
			if p := server.PrincipalFrom(got.Context()); p == nil || p.Account.Email != "ann@example.com" {
				t.Errorf("%s by %s: got %v", name, by, p)
			}
		}
	}
	// The bridge's own pages know who it is, wherever they are mounted.
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/auth/logout", nil)
	r.Header.Set("Cookie", "ssobridge="+id)
	signedIn(b.srv.Mount(handler)).ServeHTTP(w, r)
	if b.sessions() != 0 {
		t.Errorf("signed out behind the middleware: got %d, and the session goes on", w.Code)
	}
}
