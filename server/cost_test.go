package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// SECURITY L7: no anonymous request costs more than in proportion to its size. Each row is what a parser finds hardest, at
// the route that reads it.
func TestCostIsInProportionToSize(t *testing.T) {
	if raceDetector {
		t.Log("times say nothing beside the race detector; .ci/run has this test once more without it")
		return
	}
	upstream := app(t)
	b := start(t, "UPSTREAM="+upstream.URL+"/base", "TRUSTED_PROXIES=192.0.2.0/24", "COOKIE_DOMAIN=example.com", "SITE_URL=https://bridge.example.com",
		"BEARER_PARAMETER=bearer", "JWT_BINDING=state",
		`ACCESS_RULES=[{"path":"/a/b","allow":"public"},{"path":"/a","methods":["GET"],"allow":["Sales"]}]`)
	get := func(target string, headers ...string) *http.Request { return request("GET", target, "", headers...) }
	forward := func(uri string, headers ...string) *http.Request {
		r := get("/auth/forward", append([]string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "Accept: text/html"}, headers...)...)
		if r.Header.Get("X-Forwarded-Host") == "" {
			r.Header.Set("X-Forwarded-Host", r.Host)
		}
		r.Header.Set("X-Forwarded-Uri", uri)
		return r
	}
	posted := func(kind, body string) *http.Request {
		return request("POST", "/auth/sso", body, "Content-Type: "+kind, "Sec-Fetch-Site: same-origin")
	}
	for name, make := range map[string]func(n int) *http.Request{
		"query of bare percents":            func(n int) *http.Request { return get("/auth/sso?" + strings.Repeat("%", n)) },
		"query of bare percents, /login":    func(n int) *http.Request { return get("/login?" + strings.Repeat("%", n)) },
		"query of bare percents, not there": func(n int) *http.Request { return get("/auth/none?" + strings.Repeat("%", n)) },
		"query of bare percents, forward":   func(n int) *http.Request { return get("/auth/forward?" + strings.Repeat("%", n)) },
		"query of bare percents, the app":   func(n int) *http.Request { return get("/a/c?" + strings.Repeat("%", n)) },
		"query of semicolons":               func(n int) *http.Request { return get("/auth/sso?" + strings.Repeat(";", n)) },
		"query of half escapes":             func(n int) *http.Request { return get("/auth/sso?jwt=" + strings.Repeat("%2;", n/3)) },
		"query of ampersands":               func(n int) *http.Request { return get("/auth/sso?" + strings.Repeat("&", n)) },
		"query of parameters":               func(n int) *http.Request { return get("/auth/sso?" + strings.Repeat("a=&", n/3)) },
		"query of returns":                  func(n int) *http.Request { return get("/auth/sso?" + strings.Repeat("redirect=&", n/10)) },
		"query of bearer parameters":        func(n int) *http.Request { return get("/a/c?"+strings.Repeat("bearer=&", n/8), "Accept: text/html") },
		"return_to of escapes": func(n int) *http.Request {
			return get("/auth/sso?redirect=/" + url.QueryEscape(strings.Repeat("%", n/3)))
		},
		"return_to of slashes":  func(n int) *http.Request { return get("/auth/sso?redirect=http://" + strings.Repeat("/", n)) },
		"return_to of hosts":    func(n int) *http.Request { return get("/auth/sso?redirect=http://" + strings.Repeat("a.", n/2)) },
		"a wide token":          func(n int) *http.Request { return get("/auth/sso?state=x&jwt=" + strings.Repeat("A", n)) },
		"a token of dots":       func(n int) *http.Request { return get("/auth/sso?state=x&jwt=" + strings.Repeat(".", n)) },
		"a long state":          func(n int) *http.Request { return get("/auth/sso?jwt=a.b.c&state=" + strings.Repeat("A", n)) },
		"form of bare percents": func(n int) *http.Request { return posted("application/x-www-form-urlencoded", strings.Repeat("%", n)) },
		"form of parameters": func(n int) *http.Request {
			return posted("application/x-www-form-urlencoded", strings.Repeat("a&", n/2))
		},
		"JSON of lists":   func(n int) *http.Request { return posted("application/json", `{"a":`+strings.Repeat("[", n)) },
		"JSON of members": func(n int) *http.Request { return posted("application/json", "{"+strings.Repeat(`"a":"",`, n/7)) },
		"JSON of escapes": func(n int) *http.Request {
			return posted("application/json", `{"jwt":"`+strings.Repeat(`\ud800`, n/6)+`"}`)
		},
		"JSON of spaces":               func(n int) *http.Request { return posted("application/json", `{"jwt":`+strings.Repeat(" ", n)) },
		"a content type of parameters": func(n int) *http.Request { return posted("application/json"+strings.Repeat(";a=b", n/4), "{}") },
		"cookies of our name":          func(n int) *http.Request { return get("/", "Cookie: "+strings.Repeat("ssobridge=x;", n/12)) },
		"cookies without a name":       func(n int) *http.Request { return get("/auth/sso", "Cookie: "+strings.Repeat(";", n)) },
		"cookies of flows": func(n int) *http.Request {
			return get("/auth/sso", "Cookie: "+strings.Repeat("ssobridge-flow-0=x;", n/19))
		},
		"cookies of flows, and a state": func(n int) *http.Request {
			return get("/auth/sso?jwt=a.b.c&state=x", "Cookie: "+strings.Repeat("ssobridge-flow-0=x;", n/19))
		},
		"cookies of quotes":             func(n int) *http.Request { return get("/auth/sso", "Cookie: a="+strings.Repeat(`"`, n)) },
		"cookies on the way to the app": func(n int) *http.Request { return get("/a/b", "Cookie: "+strings.Repeat("__Host-;", n/8)) },
		"Accept of commas":              func(n int) *http.Request { return get("/auth/sso", "Accept: "+strings.Repeat("text/htm,", n/9)) },
		"Authorization of spaces":       func(n int) *http.Request { return get("/auth/verify", "Authorization: Bearer "+strings.Repeat(" ", n)) },
		"Authorization, long":           func(n int) *http.Request { return get("/auth/verify", "Authorization: Bearer "+strings.Repeat("A", n)) },
		"X-Metabase-Session, long": func(n int) *http.Request {
			return get("/api/user/current", "X-Metabase-Session: "+strings.Repeat("A", n))
		},
		"X-Forwarded-For of commas": func(n int) *http.Request { return get("/auth/sso", "X-Forwarded-For: "+strings.Repeat(",", n)) },
		"X-Forwarded-For of trusted proxies": func(n int) *http.Request {
			return get("/auth/none", "X-Forwarded-For: "+strings.Repeat("192.0.2.9,", n/10))
		},
		"X-Forwarded-Host, long":           func(n int) *http.Request { return forward("/", "X-Forwarded-Host: "+strings.Repeat("a.", n/2)) },
		"X-Forwarded-Host of brackets":     func(n int) *http.Request { return forward("/", "X-Forwarded-Host: "+strings.Repeat("[", n)) },
		"X-Forwarded-Uri of bare percents": func(n int) *http.Request { return forward("/a/c?" + strings.Repeat("%", n)) },
		"X-Forwarded-Uri of slashes":       func(n int) *http.Request { return forward(strings.Repeat("/", n)) },
		"X-Forwarded-Uri of dots":          func(n int) *http.Request { return forward(strings.Repeat("/..", n/3)) },
		"Origin, long": func(n int) *http.Request {
			return request("POST", "/login", "", "Origin: http://"+strings.Repeat("a.", n/2))
		},
		"path of slashes":              func(n int) *http.Request { return get(strings.Repeat("/", n), "Accept: text/html") },
		"path of segments":             func(n int) *http.Request { return get("/a" + strings.Repeat("/b", n/2)) },
		"path of dots and spaces":      func(n int) *http.Request { return get("/a" + strings.Repeat("/.%20b", n/6)) },
		"path of double escapes":       func(n int) *http.Request { return get("/a/" + strings.Repeat("%252525", n/7)) },
		"path of letters beyond ASCII": func(n int) *http.Request { return get("/a/" + strings.Repeat("%C4%B1", n/6)) },
		"path of the bridge":           func(n int) *http.Request { return get("/auth" + strings.Repeat("/", n) + "sso") },
		"path with a query in it":      func(n int) *http.Request { return get("/a/" + strings.Repeat("%3Fjwt%3D", n/9)) },
	} {
		t.Run(name, func(t *testing.T) {
			var ratio float64
			for range 15 { // other programs run on this machine, too; what costs the square of its size never gets through
				small, large := b.cost(make, 16<<10), b.cost(make, 64<<10)
				if ratio = float64(large) / float64(small); ratio <= 3*3 {
					return
				}
			}
			t.Errorf("four times the size costs %.1f times as much, want 3 times 3 at most", ratio)
		})
	}
}

func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	r.URL = &url.URL{Path: plain, RawPath: path, RawQuery: query}
	r.RequestURI, r.Host = target, "bridge.example.com"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// cost is the least time that the server takes to answer a request of that size.
func (b *bridge) cost(make func(int) *http.Request, n int) time.Duration {
	best, spent := time.Hour, time.Duration(0)
	for i := 0; i == 0 || i < 3 && spent < time.Second || i < 50 && spent < 20*time.Millisecond; i++ {
		r := make(n)
		began := time.Now()
		b.srv.ServeHTTP(httptest.NewRecorder(), r)
		took := time.Since(began)
		best, spent = min(best, took), spent+took
	}
	return best
}

// answerTo keeps the header of an answer only, so that what is counted is the server's.
type answerTo http.Header

func (a answerTo) Header() http.Header         { return http.Header(a) }
func (a answerTo) Write(p []byte) (int, error) { return len(p), nil }
func (a answerTo) WriteHeader(int)             {}

// What a proxy waits for at each request of each page makes next to nothing: garbage is what such an answer costs most.
func TestChecksAllocateLittle(t *testing.T) {
	if raceDetector {
		t.Log("the race detector allocates, too; .ci/run has this test once more without it")
		return
	}
	b := start(t, "TRUSTED_PROXIES=127.0.0.1")
	c := b.browser()
	c.signIn(nil)
	for target, most := range map[string]float64{
		"/auth/verify":                  2, // the id of the request, and the slice that it stands in
		"/auth/verify?group=All+Users":  2,
		"/auth/forward":                 2,
		"/auth/forward?group=All+Users": 2,
		"/auth/forward?with=cookies":    3, // and the slice of the cookies for the app
	} {
		r := request("GET", target, "", asked(b, "GET", "/reports/7?tab=2", "Cookie: ssobridge="+c.cookie()+"; theme=dark", "X-Forwarded-For: 192.0.2.1", "Accept: */*")...)
		r.RemoteAddr = "127.0.0.1:40000"
		answer := answerTo{}
		got := most + 1
		for range 5 { // the server does other things beside it
			got = min(got, testing.AllocsPerRun(200, func() {
				clear(answer)
				b.srv.ServeHTTP(answer, r)
			}))
		}
		if user := http.Header(answer).Get("Remote-User"); got > most || user != "ann@example.com" {
			t.Errorf("%s: %v allocations, want %v at most; the answer has %v", target, got, most, answer)
		}
	}
}
