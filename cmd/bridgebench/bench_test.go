package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tt := range []struct {
		name   string
		values []time.Duration
		p      float64
		want   time.Duration
	}{
		{"nothing", nil, 50, 0},
		{"one value is every percentile", []time.Duration{7}, 99, 7},
		{"middle", hundred, 50, 50},
		{"near the end", hundred, 99, 99},
		{"the most", hundred, 100, 100},
		{"the least", hundred, 0, 1},
		{"nearest rank goes up", []time.Duration{1, 2, 3}, 50, 2},
		{"nearest rank of few", []time.Duration{1, 2, 3, 4}, 99, 4},
	} {
		if got := percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v): got %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestRatioIsOfTheSameRound(t *testing.T) {
	// The machine was three times slower in the second round: each ratio is 2 all the same.
	a := &contender{rounds: []round{{cpu: 20}, {cpu: 60}, {cpu: 22}}}
	b := &contender{rounds: []round{{cpu: 10}, {cpu: 30}, {cpu: 11}}}
	if got := ratio(a, b, cpu); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
	if got := ratio(a, &contender{rounds: []round{{}, {}, {}}}, cpu); got != 0 {
		t.Errorf("against unknown figures: got %v, want 0", got)
	}
}

func TestReader(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       answer
		wantErr    bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", answer{status: 200, body: 5}, false},
		{"no reason", "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", answer{status: 200}, false},
		{"cookie", "HTTP/1.1 302 Found\r\nSet-Cookie: other=1; Path=/\r\nSet-Cookie: ssobridge=abc; Path=/\r\nContent-Length: 0\r\n\r\n",
			answer{status: 302, cookie: []byte("ssobridge=abc")}, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
			answer{status: 200, body: 15}, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", answer{status: 204}, false},
		{"until the end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", answer{status: 200, body: 5, close: true}, false},
		{"nothing", "", answer{}, true},
		{"another protocol", "SSH-2.0-x\r\n", answer{}, true},
		{"short body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", answer{}, true},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", answer{}, true},
		{"header without a colon", "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n", answer{}, true},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", answer{}, true},
		{"endless line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", answer{}, true},
	} {
		r := &reader{in: bufio.NewReader(strings.NewReader(tt.text))}
		got, err := r.next()
		if (err != nil) != tt.wantErr {
			t.Errorf("%s: got error %v, want one: %v", tt.name, err, tt.wantErr)
			continue
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(answer{})); err == nil && diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

// FuzzReader holds the reader against net/http's: where both understand an answer, they say the same of it.
func FuzzReader(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 302 Found\r\nSet-Cookie: ssobridge=a; Path=/\r\nContent-Length: 0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := (&reader{in: bufio.NewReader(bytes.NewReader(text)), keep: true}).next()
		if err != nil {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return
		}
		body, err := io.Copy(io.Discard, want.Body)
		if err != nil || len(want.TransferEncoding) > 0 != bytes.Contains(bytes.ToLower(text), []byte("chunked")) {
			return
		}
		if got.status != want.StatusCode || int64(got.body) != body {
			t.Errorf("got status %d and %d bytes, want %d and %d", got.status, got.body, want.StatusCode, body)
		}
	})
}

func TestLoad(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refuse":
			w.WriteHeader(http.StatusUnauthorized)
		case "/close":
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	count := func(path string, n int64) func(int64, []byte) []byte {
		return func(i int64, buf []byte) []byte {
			if i >= n {
				return nil
			}
			return append(buf, get(addr, path)...)
		}
	}
	for _, tt := range []struct {
		name, path, wantErr string
		want                int
	}{
		{"all answered", "/", "", 200},
		{"any 2xx", "/", "", 0},
		{"the server closes each connection", "/close", "", 200},
		{"a refusal ends it", "/refuse", "got status 401, want 200", 200},
	} {
		s, err := load{addr: addr, conns: 4, want: tt.want, next: count(tt.path, 50)}.run(t.Context(), 0)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: got error %v, want %q", tt.name, err, tt.wantErr)
			}
			continue
		}
		if err != nil || s.requests != 50 || len(s.times) != 50 {
			t.Errorf("%s: got %d requests, %v; want 50", tt.name, s.requests, err)
		}
	}
}

func TestBareServersAnswerAlike(t *testing.T) {
	header := []field{{"Remote-User", "a@b.example"}, {"Vary", "Cookie"}, {"Vary", "Authorization"}, {"Date", "x"}, {"Content-Length", "9"}}
	for name, handler := range map[string]http.Handler{"net/http": bareNetHTTP(asAnswered(header)), "echo": bareEcho(asAnswered(header))} {
		server := httptest.NewServer(handler)
		addr := server.Listener.Addr().String()
		a, err := once(t.Context(), addr, verify(addr, "ssobridge=x"))
		server.Close()
		if err != nil || a.status != 200 {
			t.Fatalf("%s: got status %d, %v", name, a.status, err)
		}
		got := map[string]int{}
		for _, f := range asAnswered(a.header) {
			got[f.Name+": "+f.Value]++
		}
		want := map[string]int{"Remote-User: a@b.example": 1, "Vary: Cookie": 1, "Vary: Authorization": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestParsePeer(t *testing.T) {
	for _, tt := range []struct{ name, text, wantAddr, wantRequest, wantErr string }{
		{"with a cookie", "oauth2-proxy=http://127.0.0.1:4180/oauth2/auth?x=1;Cookie: a=b; c=d",
			"127.0.0.1:4180", "GET /oauth2/auth?x=1 HTTP/1.1\r\nHost: 127.0.0.1:4180\r\nCookie: a=b; c=d\r\n\r\n", ""},
		{"two headers", "p=http://127.0.0.1:1/;Cookie: a=b;X-Y: z", "127.0.0.1:1",
			"GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\nCookie: a=b\r\nX-Y: z\r\n\r\n", ""},
		{"IPv6", "p=http://[::1]:80", "[::1]:80", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ""},
		{"no name", "http://127.0.0.1:1/", "", "", "want NAME=URL"},
		{"not loopback", "p=http://192.0.2.1:80/", "", "", "not a loopback address"},
		{"a name might be anywhere", "p=http://localhost:80/", "", "", "not a loopback address"},
		{"no port", "p=http://127.0.0.1/", "", "", "names no port"},
		{"https", "p=https://127.0.0.1:1/", "", "", "not an http:// URL"},
		{"header without a colon", "p=http://127.0.0.1:1/;Cookie", "", "", "no colon"},
		{"two requests in one", "p=http://127.0.0.1:1/;Cookie: a\r\n\r\nGET /", "", "", "line end"},
	} {
		got, err := parsePeer(tt.text)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: got error %v, want %q", tt.name, err, tt.wantErr)
			}
			continue
		}
		if err != nil || got.addr != tt.wantAddr || string(got.request) != tt.wantRequest {
			t.Errorf("%s: got %q, %q, %v; want %q, %q", tt.name, got.addr, got.request, err, tt.wantAddr, tt.wantRequest)
		}
	}
}

func FuzzParsePeer(f *testing.F) {
	f.Add("oauth2-proxy=http://127.0.0.1:4180/oauth2/auth;Cookie: a=b; c=d")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePeer(text)
		if err != nil {
			return
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p.request)))
		if err != nil {
			return // net/http is stricter about header names; the peer will say so
		}
		if request.Method != "GET" || !strings.HasPrefix(p.addr, "127.") && !strings.HasPrefix(p.addr, "[") {
			t.Errorf("%q became %q to %s", text, p.request, p.addr)
		}
	})
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ args, wantErr, wantParts string }{
		{"", "", "[login oidc verify bearer start]"},
		{"all --rounds 2", "", "[login oidc verify bearer start]"},
		{"verify --sessions 10 --seconds 0.5 --json", "", "[verify]"},
		{"--json", "", "[login oidc verify bearer start]"},
		{"fly", "unknown part", ""},
		{"verify now", "unexpected argument", ""},
		{"verify --rounds 0", "must be positive", ""},
		{"verify --peer x", "help requested", ""},
	} {
		var stderr bytes.Buffer
		o, err := parse(strings.Fields(tt.args), &stderr)
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%q: got error %v, want %q", tt.args, err, tt.wantErr)
			}
			continue
		}
		if got := fmt.Sprint(o.parts); err != nil || got != tt.wantParts {
			t.Errorf("%q: got %s, %v; want %s", tt.args, got, err, tt.wantParts)
		}
	}
}

func TestReportSaysWhatIsMissed(t *testing.T) {
	r := report{
		Tables: []table{{Name: "verify", Ratio: "CPU ÷ bare echo", Rows: []row{{Name: "peer", PerSecond: 1234, Ratio: 0}}}},
		Targets: []target{
			atMost("start", 151, 150, " ms"), atMost("memory", 39, 40, " MB"), atLeast("logins", 0.49, 0.5),
			atMost("never measured", 0, 2, ""),
		},
	}
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"verify", "per second p50 ms p99 ms CPU µs each resident MB of it own CPU ÷ bare echo", "peer 1234 - - - - - -", "",
		"target got wanted", "start 151.00 ms ≤ 150 ms missed", "memory 39.00 MB ≤ 40 MB met", "logins 0.49 ≥ 0.5 missed",
		"never measured 0.00 ≤ 2 missed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
