package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// An oracle reads a Location header as browsers do: Node's URL, which is the WHATWG standard and not our code.
type oracle struct {
	mu  sync.Mutex
	in  *json.Encoder
	out *bufio.Scanner
}

type reading struct {
	Origin string `json:"origin"`
	Href   string `json:"href"`
	Error  string `json:"error"`
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	cmd := exec.Command(ssotest.Need(t, "node", "apt-get install nodejs"), "testdata/whatwg.mjs")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // ends the script
		cmd.Wait()
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	return &oracle{in: json.NewEncoder(in), out: scanner}
}

func (o *oracle) read(t testing.TB, base, location string) reading {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.in.Encode(map[string]string{"base": base, "location": location}); err != nil {
		t.Fatalf("oracle: %v", err)
	}
	if !o.out.Scan() {
		t.Fatalf("oracle ended: %v", o.out.Err())
	}
	var r reading
	if err := json.Unmarshal(o.out.Bytes(), &r); err != nil {
		t.Fatalf("oracle said %q: %v", o.out.Text(), err)
	}
	return r
}

// rules are those of a site on each kind of origin that is judged differently somewhere: with a default port, with a
// port, on an address.
func rules() []sso.ReturnRules {
	return []sso.ReturnRules{
		{Site: "https://sso.example.com", Allowed: []origin.Origin{"https://app.example.com", "http://other.example.com:8080"}},
		{Site: "http://localhost:3000"},
		{Site: "http://127.0.0.1:3000", Allowed: []origin.Origin{"http://[::1]:3000"}},
	}
}

// judge holds what Parse made of raw against the oracle.
func judge(t *testing.T, o *oracle, r sso.ReturnRules, raw string) {
	t.Helper()
	got, err := r.Parse(raw)
	if err != nil {
		if !errors.Is(err, sso.ReturnToRefused) || got != "" {
			t.Fatalf("Parse(%q) = %q, %v; want an empty path and %v", raw, got, err, sso.ReturnToRefused)
		}
		return
	}
	for i := range len(got) { // Go writes control bytes into a header as they are
		if got[i] <= ' ' || got[i] >= 0x7f || got[i] == '\\' {
			t.Fatalf("Parse(%q) = %q: byte %#x has no place in a Location header", raw, got, got[i])
		}
	}
	again, err := r.Parse(got) // the IdP sends it back, and it is parsed once more
	if err != nil || again != got {
		t.Fatalf("Parse(%q) = %q, of which Parse makes %q, %v; want the same", raw, got, again, err)
	}
	// The person may be on any page of the site when the header arrives.
	for _, page := range []string{"/auth/sso?jwt=x", "/", "/a/b/../c;d"} {
		seen := o.read(t, string(r.Site)+page, got)
		if seen.Origin != string(r.Site) && !slices.Contains(r.Allowed, origin.Origin(seen.Origin)) {
			t.Fatalf("Parse(%q) = %q, which a browser on %s reads as %q %s", raw, got, r.Site, seen.Href, seen.Error)
		}
	}
}

// SECURITY B1, B2: whatever return_to says, a browser that follows the Location header stays on an allowed origin.
func TestReturnToDisguises(t *testing.T) {
	o := newOracle(t)
	list := disguises()
	if len(list) < 300 {
		t.Fatalf("got %d disguises, want at least 300", len(list))
	}
	for _, r := range rules() {
		for _, raw := range list {
			judge(t, o, r, raw)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for i, raw := range disguises() {
		if i%7 == 0 {
			f.Add(raw)
		}
	}
	for _, d := range deepLinks {
		f.Add(d.raw)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, r := range rules() {
			judge(t, o, r, raw)
		}
	})
}

// The fix of Metabase's open redirect broke "/collection/2" (its issue 33028), so what must survive is held as tightly
// as what must not.
var deepLinks = []struct{ raw, want string }{
	{"", "/"},
	{"/", "/"},
	{"/test", "/test"},
	{"localhost", "/localhost"},
	{"foo/bar", "/foo/bar"},
	{"?a=b", "/?a=b"},
	{"#f", "/#f"},
	{"/collection/2", "/collection/2"},
	{"/question/1?x=1&y=%2F%2F#f", "/question/1?x=1&y=%2F%2F#f"},
	{"/question#eyJkYXRhc2V0X3F1ZXJ5Ijp7fX0=", "/question#eyJkYXRhc2V0X3F1ZXJ5Ijp7fX0="},
	{"/a/b%20c", "/a/b%20c"},
	{"/a%2Fb%2fc", "/a%2Fb%2fc"},
	{"/ü", "/%C3%BC"},
	{"/%C3%BC", "/%C3%BC"},
	{"/日本?q=語#章", "/%E6%97%A5%E6%9C%AC?q=%E8%AA%9E#%E7%AB%A0"},
	{"/a?b=c?d", "/a?b=c?d"},
	{"/a?", "/a?"},
	{"/a#", "/a#"},
	{"/a?x=1#y?z=2", "/a?x=1#y?z=2"},
	{"/a//b", "/a//b"},
	{"/a:b", "/a:b"},
	{"/search?next=https://evil.example/", "/search?next=https://evil.example/"},
	{"/u/@name", "/u/@name"},
	{"/q?x=a|b", "/q?x=a%7Cb"},
	{"/q?filter[]=1", "/q?filter%5B%5D=1"},
	{"/q?a+b=c+d", "/q?a+b=c+d"},
	{"/100%", "/100%25"},
	{"/a;v=1,2/b!$&'()*+=~", "/a;v=1,2/b!$&'()*+=~"},
	{"/%5cevil.example", "/%5cevil.example"}, // an escape stays an escape: decoding it would make a disguise
	{"/a%0d%0aX:y", "/a%0d%0aX:y"},
	{"https://sso.example.com", "/"},
	{"https://sso.example.com/a?b#c", "/a?b#c"},
	{"HTTPS://SSO.Example.com:443/a", "/a"},
	{"https://sso.example.com?a", "/?a"},
	{"https://app.example.com/x/y?z=%2F", "https://app.example.com/x/y?z=%2F"},
	{"https://app.example.com", "https://app.example.com/"},
	{"http://other.example.com:8080/", "http://other.example.com:8080/"},
}

func TestReturnToDeepLinks(t *testing.T) {
	o := newOracle(t)
	r := rules()[0]
	for _, d := range deepLinks {
		got, err := r.Parse(d.raw)
		if err != nil || got != d.want {
			t.Errorf("Parse(%q) = %q, %v; want %q", d.raw, got, err, d.want)
			continue
		}
		judge(t, o, r, d.raw)
	}
}

// What no reading of the contract allows must be refused, and not sent somewhere harmless that the person did not ask for.
func TestReturnToRefused(t *testing.T) {
	r := rules()[0]
	for _, raw := range []string{
		"//evil.example", "///evil.example", "////evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`,
		"/\t/evil.example", "\t//evil.example", " //evil.example", "/\n/evil.example", "/a b", "/a\x00b", "/a\r\nSet-Cookie: x=y",
		"https://evil.example", "https:///evil.example", "https:/evil.example", "https:evil.example", "https:", "https://",
		"http://sso.example.com/", "https://sso.example.com:9999/x", "ftp://sso.example.com/", "https://sso.example.com./",
		"https://evil.example@sso.example.com/", "https://sso.example.com@evil.example/", "https://sso.example.com.evil.example/",
		"https://evilsso.example.com/", "//sso.example.com/x", "https://sso.example.com//evil.example",
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "mailto:a@b.c", "vbscript:x", "blob:https://sso.example.com/x",
		"localhost:3000", "https://sso.example.com:/\t/x", "https://sso.example.com:x/", "https://app.example.com:444/",
		"\xff\xfe//evil", "/" + strings.Repeat("a", 6<<10), "/" + strings.Repeat("ü", 3<<10), "/" + strings.Repeat("ü", 2<<10),
	} {
		if got, err := r.Parse(raw); !errors.Is(err, sso.ReturnToRefused) {
			t.Errorf("Parse(%.60q) = %.60q, %v; want %v", raw, got, err, sso.ReturnToRefused)
		}
	}
}

// disguises writes an address of another site in the ways that have fooled URL checks: of browsers, of Go, Java and
// Python parsers, and of the filters in front of them.
func disguises() []string {
	const evil = "evil.example"
	slashes := []string{"/", `\`, "%2f", "%5c", "／", "∕", "⁄", "\t", "\n", "\r", "\x00", "\u00a0", "\u2028", "\ufeff", ".", "%09", "%00"}
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, a := range slashes {
		for _, b := range slashes {
			add("%s%s%s", a, b, evil)
			add("/%s%s%s", a, b, evil)
		}
		add("%s//%s", a, evil)
		add("//%s%s", a, evil)
		add("/%s/%s/..", a, evil)
		add("https:%s%s", a, evil)
		add("https:/%s%s", a, evil)
		add("https://sso.example.com%s@%s/", a, evil)
		add("https://sso.example.com%s.%s/", a, evil)
		add("https://%s%ssso.example.com/", evil, a)
		add("https://sso.example.com/%s%s", a, evil)
	}
	for _, scheme := range []string{"http", "https", "HTTP", "hTTpS", "ftp", "ws", "wss", "file", "javascript", "JAVASCRIPT", "java\tscript",
		"data", "vbscript", "about", "blob", "filesystem", "view-source", "intent", "x", "http\t", " https", "https\x00", "ｈttps", "\x01https"} {
		for _, sep := range []string{":", ":/", "://", ":///", "::", ":////", `:\\`, `:/\`, "%3a//", ":%2f%2f", ":\t//", ":@//", ":?//"} {
			add("%s%s%s", scheme, sep, evil)
		}
	}
	for _, host := range []string{
		"evil.example", "user@evil.example", "sso.example.com@evil.example", "sso.example.com:443@evil.example",
		"sso.example.com%40evil.example", "sso.example.com%00.evil.example", "sso.example.com%23.evil.example",
		"sso.example.com#@evil.example", "sso.example.com?@evil.example", "sso.example.com;@evil.example", `sso.example.com\@evil.example`,
		"sso.example.com&@evil.example", "sso.example.com,evil.example", "sso.example.com;evil.example", "sso.example.com evil.example",
		"evil.example:443#@sso.example.com", "evil.example?sso.example.com", "evil.example#sso.example.com", `evil.example\.sso.example.com`,
		"evil.example%2fsso.example.com", "evil.example%5csso.example.com", "evil.example／sso.example.com", "evil.example。", "evil。example",
		"ｅｖｉｌ.example", "evil．example", "ßso.example.com", "xn--so-xma.example.com", "sso.example.com。evil.example", "ſſo.example.com",
		"sso.example.com.", "sso.example.com..", ".sso.example.com", "sso..example.com", "sso.example.com.evil.example", "notsso.example.com",
		"sso-example.com", "sso.exampleXcom", "SSO.EXAMPLE.COM", "sso.example.com:", "sso.example.com:0", "sso.example.com:80",
		"sso.example.com:443", "sso.example.com:0443", "sso.example.com:+443", "sso.example.com:-1", "sso.example.com:65979",
		"sso.example.com:443443", "sso.example.com:443:443", "sso.example.com:%34%34%33", "sso.example.com:４４３", "sso.example.com:http",
		"app.example.com", "APP.example.com:443", "app.example.com:80", "app.example.com@evil.example", "other.example.com", "other.example.com:8080",
		"[::1]", "[::1]:3000", "[0:0:0:0:0:0:0:1]:3000", "[::ffff:127.0.0.1]:3000", "[::1%25eth0]:3000", "[::1]evil.example", "[::1]@evil.example",
		"[evil.example]", "[", "]", "[]", "::1", "127.0.0.1", "127.0.0.1:3000", "127.1:3000", "0x7f.1:3000", "0177.0.0.1:3000", "2130706433:3000",
		"127.0.0.1.:3000", "１２７.0.0.1:3000", "127.0.0.1%2eevil.example", "localhost", "localhost:3000", "LOCALHOST:3000", "localhost.:3000",
		"localhost:3000@evil.example", "localhost:3000.evil.example", "localhost:3000%2eevil.example", `localhost:3000\evil.example`,
		"%65%76%69%6c.example", "%6cocalhost:3000", "a@b@localhost:3000", ":pw@localhost:3000", "@localhost:3000", "localhost:3000:3000",
		"-", "_", "*", "*.example.com", "", ".", "..", "!", "$", "(", "'", "%", "%2", "%zz", "😀", "\u202elocalhost:3000",
	} {
		add("https://%s/", host)
		add("http://%s", host)
		add("//%s/", host)
	}
	return append(list, []string{
		"/..//evil.example", "/.//evil.example", "/a/..//evil.example", "/a/../..//evil.example", "/%2e%2e//evil.example",
		"/%2e//evil.example", "..//evil.example", ".//evil.example", "./", "../", "/./", "/../", "/..", "/.", ".", "..", "/;//evil.example",
		";//evil.example", "@evil.example", "/@evil.example", ":@evil.example", "/:@evil.example", ":80", ":", "::", "/:", "?", "#", "/?#",
		"?//evil.example", "#//evil.example", "/?/\\evil.example", "/#\\evil.example", "/?x=//evil.example", "/a?b#c#d", "a:b", "a/b:c", "a?b:c",
		"a#b:c", "1:2", "+x:y", "x-y:z", "ä:b", "%61:b", "%3a//evil.example", "%68ttps://evil.example", "/%0a/evil.example", "/%0d%0aLocation:%20//evil",
		"/\u0085/evil.example", "/\u200b/evil.example", "/\u3000/evil.example", "\u200b//evil.example", "\u3000//evil.example",
		"/\x7f/evil.example", "/\x80/evil.example", "/\xc0\xaf/evil.example", "/\xe2\x80\xa8/evil.example", "/\x0b/evil.example", "/\x0c/evil.example",
		"//", "///", "////", `\`, `\\`, `/\`, `\/`, "/\t", "\t", " ", "\n", "\r\n", "\x00", "%", "/%", "/%2", "/%zz", "%%", "/%%2f",
		"//evil.example/%2f..", "///evil.example/%2f%2e%2e", "/evil.example/..;/", "<>//evil.example", "/<script>alert(1)</script>",
		`/"onmouseover="x`, "/'", "/`", "/{}", "/[]", "/^", "/|", "javascript://sso.example.com/%0aalert(1)", "javascript://%0aalert(1)//https://sso.example.com/",
		"https://sso.example.com/../../evil", "https://sso.example.com/\t/evil.example", "https://sso.example.com\t/", "https://sso.example.com/?//evil.example",
		"https:sso.example.com", "https:/sso.example.com", "https:localhost:3000", "http:/localhost:3000", "http:localhost:3000",
		"//localhost:3000", "//localhost:3000//evil.example", "http://localhost:3000//evil.example", "http://localhost:3000/..//evil.example",
		strings.Repeat("/", 5000) + evil, "/" + strings.Repeat("a/../", 1000) + "/" + evil, "https://" + strings.Repeat("a", 5000) + "@" + evil,
		strings.Repeat("%2f", 2000) + evil, "/" + strings.Repeat("é", 1000), "https://" + strings.Repeat("a.", 2000) + evil,
	}...)
}
