package templates

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/static"
	"golang.org/x/net/html"
)

func englishPages(t testing.TB) *Pages { return newPagesAt(t, "") }

func newPagesAt(t testing.TB, base string) *Pages {
	t.Helper()
	p, err := New(static.URL, base)
	if err != nil {
		t.Fatal(err)
	}
	addDesign(t, p, base)
	return p
}

func render(t testing.TB, p *Pages, page Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Render(&b, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryPageHasSamples(t *testing.T) {
	shown := map[string]bool{}
	filled := map[string]bool{} // "home.Sessions.Device"
	for _, s := range samples() {
		name := s.page.template()
		shown[name] = true
		v := reflect.New(reflect.TypeOf(s.page)).Elem()
		v.Set(reflect.ValueOf(s.page))
		rewriteValue(v, name, func(path, s string) string {
			filled[path] = filled[path] || s != ""
			return s
		})
	}
	got := slices.Sorted(maps.Keys(shown))
	want := slices.Sorted(maps.Keys(englishPages(t).byName))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages with samples (-want +got):\n%s", diff)
	}
	for path, ok := range filled {
		if !ok && !strings.HasSuffix(path, ".Layout.Site") && !strings.HasSuffix(path, ".Layout.Language") && !strings.Contains(path, ".Layout.User.") && !strings.Contains(path, ".Layout.Brand.") {
			t.Errorf("%s: got no sample with a value, want one", path)
		}
	}
}

func TestPagesAreSound(t *testing.T) {
	p := englishPages(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) { checkPage(t, render(t, p, s.page)) })
		empty := reflect.Zero(reflect.TypeOf(s.page)).Interface().(Page)
		t.Run(s.name+" empty", func(t *testing.T) {
			if r, ok := empty.(Refusal); ok {
				r.Title = "Title" // the one field that has no substitute
				empty = r
			}
			checkPage(t, render(t, p, empty))
		})
	}
}

// Every path that a template writes gets the base before it, whatever page it stands on; what comes in a field is whole.
func TestBaseIsBeforeEveryPath(t *testing.T) {
	plain := englishPages(t)
	for _, base := range []string{"/_sso", "/a/b.c", "https://auth.example.com", "https://auth.example.com/_sso"} {
		based := newPagesAt(t, base)
		for _, s := range samples() {
			page := rewrite(s.page, func(string) string { return "x" }) // no field is a path, so that each path is of the template
			var want []string
			for _, u := range urlsOf(parse(t, render(t, plain, page))) {
				if strings.HasPrefix(u, "/") {
					u = base + u
				}
				want = append(want, u)
			}
			got := urlsOf(parse(t, render(t, based, page)))
			if diff := cmp.Diff(want, got); diff != "" || len(got) < 3 {
				t.Errorf("%s at %s (-want +got):\n%s", s.name, base, diff)
			}
		}
	}
}

// urlsOf are the values of all attributes that are addresses.
func urlsOf(doc *html.Node) (all []string) {
	for _, n := range elements(doc) {
		for _, key := range []string{"href", "src", "action", "formaction", "poster", "data", "cite", "srcset"} {
			if has(n, key) {
				all = append(all, attr(n, key))
			}
		}
	}
	return all
}

// A page is parsed, and then escaped, by its first use, which may be several at once.
func TestFirstUseByMany(t *testing.T) {
	want := render(t, englishPages(t), Logout{})
	for range 20 {
		p := englishPages(t)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				var b bytes.Buffer
				if err := p.Render(&b, Logout{}); err != nil || b.String() != want {
					t.Errorf("rendered with others: got error %v and %q, want %q", err, b.String(), want)
				}
			})
		}
		all.Wait()
	}
}

// hostile texts, each an attempt to be more than text somewhere: in a tag, an attribute, a URL, a refresh, a template.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onfocus='alert(1)' autofocus='`,
	` onload=alert(1) x=`,
	`javascript:alert(1)`,
	`JaVaScRiPt:alert(1)`,
	" java\tscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`vbscript:msgbox(1)`,
	`</title></textarea></style></script><svg onload=alert(1)>`,
	`<!--`, `]]>`, `{{.}}`, `{{template "layout" .}}`, `</main><h1>x</h1>`,
	`//evil.example/`, `/\evil.example`, `0; url=javascript:alert(1)`,
	"a\x00b\r\nc<b>", "\u202egnp.exe", "\xff\xfe<i>", strings.Repeat("W", 5000),
}

// Whatever stands in a field, the page has the same elements with the same attributes as with a harmless word.
//
// SECURITY E12, K3
func TestNothingButTextComesOfText(t *testing.T) {
	p := englishPages(t)
	for _, s := range samples() {
		want := skeleton(t, render(t, p, rewrite(s.page, keepEmpty("x"))))
		for _, text := range hostile {
			t.Run(s.name+"/"+fmt.Sprintf("%.20q", text), func(t *testing.T) {
				out := render(t, p, rewrite(s.page, keepEmpty(text)))
				if diff := cmp.Diff(want, skeleton(t, out)); diff != "" {
					t.Errorf("elements and attributes (-harmless +hostile):\n%s", diff)
				}
				checkURLs(t, parse(t, out))
			})
		}
	}
}

func keepEmpty(with string) func(string) string {
	return func(s string) string {
		if s == "" {
			return ""
		}
		return with
	}
}

func FuzzNothingButTextComesOfText(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	p := englishPages(f)
	all := samples()
	skeletons := make([]string, len(all))
	for i, s := range all {
		skeletons[i] = skeleton(f, render(f, p, rewrite(s.page, keepEmpty("x"))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" {
			return // an empty field may be left out
		}
		for i, s := range all {
			switch s.page.(type) {
			case Continue, Leave:
				if (Continue{URL: text}).Auto() || (Leave{URL: text}).Auto() {
					continue // it goes on by itself: one element more
				}
			}
			out := render(t, p, rewrite(s.page, keepEmpty(text)))
			if diff := cmp.Diff(skeletons[i], skeleton(t, out)); diff != "" {
				t.Errorf("%s with %q (-harmless +hostile):\n%s", s.name, text, diff)
			}
			checkURLs(t, parse(t, out))
		}
	})
}

func TestContinueGoesOnOnlyToAPathOfThisSite(t *testing.T) {
	p := englishPages(t)
	for _, c := range []struct {
		url, refresh, link string
	}{
		{"/auth/sso?resume=1&state=a%2Fb", "0; url=/auth/sso?resume=1&state=a%2Fb", "/auth/sso?resume=1&state=a%2Fb"},
		{"/a;b,c", "0; url=/a;b,c", "/a;b,c"},
		{"https://evil.example/", "", "https://evil.example/"},
		{"//evil.example/", "", "//evil.example/"},
		{`/\evil.example/`, "", "/%5cevil.example/"},
		{"/\t/evil.example/", "", "/%09/evil.example/"},
		{"javascript:alert(1)", "", "#ZgotmplZ"},
		{"", "", ""},
	} {
		doc := parse(t, render(t, p, Continue{URL: c.url}))
		refresh := ""
		for _, n := range find(doc, "meta") {
			if attr(n, "http-equiv") == "refresh" {
				refresh = attr(n, "content")
			}
		}
		if refresh != c.refresh {
			t.Errorf("refresh for %q: got %q, want %q", c.url, refresh, c.refresh)
		}
		if got := attr(find(doc, "main")[0], "id"); got != "main" {
			t.Errorf("id of main: got %q", got)
		}
		if got := attr(find(find(doc, "main")[0], "a")[0], "href"); got != c.link {
			t.Errorf("link for %q: got %q, want %q", c.url, got, c.link)
		}
	}
}

func TestFormsPostWhatTheServerReads(t *testing.T) {
	p := englishPages(t)
	for _, c := range []struct {
		name string
		page Page
		want []string // action, then name=value of each field
	}{
		{"login keeps e-mail and return path, never the password", Login{Password: true, ReturnTo: "/q?a=1&b=2", Email: "a@b", PasswordError: "no"},
			[]string{"/login return_to=/q?a=1&b=2 email=a@b password="}},
		{"login without return path", Login{Password: true}, []string{"/login email= password="}},
		{"switch", Switch{JWT: "a.b.c", ReturnTo: "/q", From: Person{Email: "a@b"}, To: Person{Email: "c@d"}},
			[]string{"/auth/sso jwt=a.b.c return_to=/q switch=yes"}},
		{"logout", Logout{}, []string{"/auth/logout"}},
		{"menu", Refusal{Layout: Layout{User: &UserMenu{Name: "Ada"}}}, []string{"/auth/logout"}},
		{"sessions", Home{Person: &Person{}, Sessions: []Session{{Ref: "aa", Current: true}, {Ref: "bb"}}},
			[]string{"/auth/logout", "/auth/logout scope=session session=bb", "/auth/logout scope=others"}},
		{"one session", Home{Person: &Person{}, Sessions: []Session{{Ref: "aa", Current: true}}}, []string{"/auth/logout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, form := range find(parse(t, render(t, p, c.page)), "form") {
				if m := attr(form, "method"); m != "post" {
					t.Errorf("method: got %q, want post", m)
				}
				line := attr(form, "action")
				for _, in := range find(form, "input") {
					line += " " + attr(in, "name") + "=" + attr(in, "value")
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("forms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorStandsAtItsField(t *testing.T) {
	doc := parse(t, render(t, englishPages(t), Login{Password: true, Email: "a@b", PasswordError: "It is wrong."}))
	for _, in := range find(doc, "input") {
		wrong := attr(in, "name") == "password"
		if got := attr(in, "aria-invalid") == "true"; got != wrong {
			t.Errorf("aria-invalid of %s: got %v, want %v", attr(in, "name"), got, wrong)
		}
		if !wrong {
			continue
		}
		if got := text(byID(doc, attr(in, "aria-describedby"))); got != "It is wrong." {
			t.Errorf("what describes the password: got %q, want the error", got)
		}
	}
	if got := text(find(doc, "title")[0]); !strings.HasPrefix(got, "Error: ") {
		t.Errorf("title: got %q, want it to begin with Error:", got)
	}
}

func TestProviderURL(t *testing.T) {
	for _, c := range []struct {
		provider       Provider
		returnTo, want string
	}{
		{Provider{}, "", "/auth/sso"},
		{Provider{Name: "a b&c"}, "", "/auth/sso?provider=a+b%26c"},
		{Provider{}, "/q?x=1&y=%2F#f", "/auth/sso?return_to=%2Fq%3Fx%3D1%26y%3D%252F%23f"},
	} {
		if got := c.provider.URL(c.returnTo); got != c.want {
			t.Errorf("URL(%q): got %q, want %q", c.returnTo, got, c.want)
		}
	}
}

func TestSessionRef(t *testing.T) {
	hash, _ := sso.HashSessionID(sso.NewSessionID())
	s := NewSession(sso.Session{Hash: hash, UserAgent: "curl/8.5"}, hash)
	if !s.Current || s.Device != "Curl" {
		t.Errorf("row: got %+v, want the current one on Curl", s)
	}
	if got, ok := ParseSessionRef(s.Ref); !ok || got != hash {
		t.Errorf("ParseSessionRef(its Ref): got %x, %v, want %x, true", got, ok, hash)
	}
	for _, bad := range []string{"", "aa", s.Ref + "00", s.Ref[:63] + "g", strings.Repeat(" ", 64)} {
		if _, ok := ParseSessionRef(bad); ok {
			t.Errorf("ParseSessionRef(%q): got ok, want refused", bad)
		}
	}
}

func FuzzParseSessionRef(f *testing.F) {
	f.Add(strings.Repeat("0a", 32))
	f.Add("")
	f.Fuzz(func(t *testing.T, ref string) {
		hash, ok := ParseSessionRef(ref)
		if got := NewSession(sso.Session{Hash: hash}, sso.SessionHash{}).Ref; ok && got != strings.ToLower(ref) {
			t.Errorf("ParseSessionRef(%q) written again: got %q", ref, got)
		}
	})
}

func TestDevice(t *testing.T) {
	const like = "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) %s"
	for _, c := range []struct{ agent, want string }{
		{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"},
		{fmt.Sprintf(like, "Windows NT 10.0; Win64; x64", "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"), "Edge on Windows"},
		{fmt.Sprintf(like, "Macintosh; Intel Mac OS X 10_15_7", "Chrome/140.0.0.0 Safari/537.36"), "Chrome on Mac"},
		{fmt.Sprintf(like, "Macintosh; Intel Mac OS X 10_15_7", "Version/18.0 Safari/605.1.15"), "Safari on Mac"},
		{fmt.Sprintf(like, "iPhone; CPU iPhone OS 18_0 like Mac OS X", "Version/18.0 Mobile/15E148 Safari/604.1"), "Safari on iPhone"},
		{fmt.Sprintf(like, "iPad; CPU OS 18_0 like Mac OS X", "CriOS/140.0 Mobile/15E148 Safari/604.1"), "Chrome on iPad"},
		{fmt.Sprintf(like, "Linux; Android 15", "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"), "Samsung Internet on Android"},
		{"curl/8.5.0", "Curl"},
		{"Go-http-client/1.1", "A Go program"},
		{"<script>Windows", "Unknown browser on Windows"},
		{"", "Unknown device"},
	} {
		if got := Device(c.agent); got != c.want {
			t.Errorf("Device(%q): got %q, want %q", c.agent, got, c.want)
		}
	}
}

func FuzzDevice(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	f.Fuzz(func(t *testing.T, agent string) {
		if got := Device(agent); len(got) > 40 || strings.ContainsAny(got, "<>&\"'\r\n") {
			t.Errorf("Device(%q): got %q, want one of our own words", agent, got)
		}
	})
}

type unknownPage struct{}

func (unknownPage) template() string { return "unknown" }

// brokenLogin has the file of a page but not its fields, so that its template fails half-way.
type brokenLogin struct{ Layout }

func (brokenLogin) template() string { return "login" }

func TestNothingIsWrittenOnAFault(t *testing.T) {
	p := englishPages(t)
	for _, page := range []Page{unknownPage{}, brokenLogin{}} {
		var b bytes.Buffer
		if err := p.Render(&b, page); err == nil || b.Len() != 0 {
			t.Errorf("%T: got error %v and %d bytes, want an error and nothing written", page, err, b.Len())
		}
	}
	if err := p.Render(brokenWriter{}, Logout{}); !errors.Is(err, errBroken) {
		t.Errorf("error of the writer: got %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// The rest reads HTML.

func parse(t testing.TB, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, key string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func elements(doc *html.Node) []*html.Node {
	var all []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func find(doc *html.Node, name string) []*html.Node {
	return slices.DeleteFunc(elements(doc), func(n *html.Node) bool { return n.Data != name })
}

func byID(doc *html.Node, id string) *html.Node {
	for _, n := range elements(doc) {
		if id != "" && attr(n, "id") == id {
			return n
		}
	}
	return nil
}

func text(n *html.Node) string {
	var b strings.Builder
	if n != nil {
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				b.WriteString(d.Data)
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// skeleton writes the elements of a page with the names of their attributes, one a line, indented by depth.
func skeleton(t testing.TB, page string) string {
	var b strings.Builder
	var walk func(n *html.Node, depth int)
	walk = func(n *html.Node, depth int) {
		for c := range n.ChildNodes() {
			switch c.Type {
			case html.ElementNode:
				fmt.Fprintf(&b, "%s%s", strings.Repeat(" ", depth), c.Data)
				for _, a := range c.Attr {
					b.WriteString(" " + a.Key)
				}
				b.WriteByte('\n')
				walk(c, depth+1)
			case html.CommentNode:
				fmt.Fprintf(&b, "comment %q\n", c.Data)
			}
		}
	}
	walk(parse(t, page), 0)
	return b.String()
}

// said is the text of a node, and that of the pictures in it.
func said(n *html.Node) string {
	all := text(n)
	for _, img := range find(n, "img") {
		all += attr(img, "alt")
	}
	return all
}

// checkPage holds a page against what every page must be.
func checkPage(t *testing.T, page string) {
	t.Helper()
	checkNesting(t, page)
	doc := parse(t, page)
	if got := attr(find(doc, "html")[0], "lang"); got == "" {
		t.Error("lang: got none")
	}
	if titles := find(doc, "title"); text(titles[0]) == "" || strings.HasPrefix(text(titles[0]), "·") {
		t.Errorf("title: got %q, want words", text(titles[0]))
	}
	for _, name := range []string{"h1", "main", "header"} {
		if got := find(doc, name); len(got) != 1 || said(got[0]) == "" {
			t.Errorf("%s: got %d, want one with a text", name, len(got))
		}
	}
	checkIDs(t, doc)
	checkControls(t, doc)
	checkPolicy(t, doc)
	checkURLs(t, doc)
}

// checkNesting reads the page as it is written and as a browser mends it: they must be the same.
func checkNesting(t *testing.T, page string) {
	t.Helper()
	void := []string{"meta", "link", "input", "br", "img", "hr"}
	var written, mended []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch kind := z.Next(); kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			written = append(written, "<"+string(name))
			if kind == html.SelfClosingTagToken || slices.Contains(void, string(name)) {
				written = append(written, ">"+string(name))
			}
			continue
		case html.EndTagToken:
			name, _ := z.TagName()
			written = append(written, ">"+string(name))
			continue
		case html.ErrorToken:
		default:
			continue
		}
		break
	}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		for c := range n.ChildNodes() {
			if c.Type == html.ElementNode {
				mended = append(mended, "<"+strings.ToLower(c.Data))
				walk(c)
				mended = append(mended, ">"+strings.ToLower(c.Data))
			}
		}
	}
	walk(parse(t, page))
	if diff := cmp.Diff(mended, written); diff != "" {
		t.Errorf("nesting (-as browsers mend it +as written):\n%s", diff)
	}
}

func checkIDs(t *testing.T, doc *html.Node) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range elements(doc) {
		id := attr(n, "id")
		if id != "" && seen[id] {
			t.Errorf("id %q: got it twice", id)
		}
		seen[id] = true
	}
	for _, n := range elements(doc) {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby") + " " + attr(n, "for"))
		for _, ref := range refs {
			if !seen[ref] {
				t.Errorf("%s refers to id %q, which is not there", n.Data, ref)
			}
		}
	}
}

func checkControls(t *testing.T, doc *html.Node) {
	t.Helper()
	labels := map[string]string{}
	for _, l := range find(doc, "label") {
		labels[attr(l, "for")] = text(l)
	}
	for _, in := range find(doc, "input") {
		label := labels[attr(in, "id")]
		for id := range strings.FieldsSeq(attr(in, "aria-labelledby")) {
			if by := byID(doc, id); by != nil {
				label += text(by)
			}
		}
		if attr(in, "type") != "hidden" && label == "" {
			t.Errorf("input %q: got no label", attr(in, "name"))
		}
	}
	for _, name := range []string{"button", "a", "summary"} {
		for _, n := range find(doc, name) {
			if said(n) == "" {
				t.Errorf("%s: got one without a text", name)
			}
		}
	}
}

// checkPolicy finds what a Content-Security-Policy without 'unsafe-inline' would block.
func checkPolicy(t *testing.T, doc *html.Node) {
	t.Helper()
	for _, n := range elements(doc) {
		if n.Data == "style" || n.Data == "script" && (!has(n, "src") || n.FirstChild != nil) {
			t.Errorf("%s: got it inline", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s: got the attribute %s", n.Data, a.Key)
			}
		}
	}
}

// checkURLs finds URLs that would run something.
func checkURLs(t testing.TB, doc *html.Node) {
	t.Helper()
	for _, n := range elements(doc) {
		for _, a := range n.Attr {
			if !slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key) {
				continue
			}
			u, err := url.Parse(a.Val)
			if mail := err == nil && u.Scheme == "mailto" && n.Data == "a"; mail { // RFC 6068: a header of it is no address of somebody else
				if u.Opaque != "" || len(u.Query()) != 2 || !u.Query().Has("subject") || !u.Query().Has("body") {
					t.Errorf("%s of %s: got %q, want an e-mail to nobody with subject and body", a.Key, n.Data, a.Val)
				}
				continue
			}
			if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("%s of %s: got %q, want a path or http(s)", a.Key, n.Data, a.Val)
			}
		}
	}
}

// Of what people may do on a page one thing is likeliest, and looks so: at most one button is filled.
func TestOneButtonComesFirst(t *testing.T) {
	for _, s := range samples() {
		if !ours(s.page) {
			continue
		}
		var filled []string
		for n := range parse(t, render(t, englishPages(t), s.page)).Descendants() {
			class := strings.Fields(attr(n, "class"))
			if slices.Contains(class, "button") && !slices.Contains(class, "second") && !folded(n) {
				filled = append(filled, text(n))
			}
		}
		if len(filled) > 1 {
			t.Errorf("%s: got the filled buttons %q, want one", s.name, filled)
		}
	}
}

// folded reports whether something stands in details that are closed, or is hidden.
func folded(n *html.Node) bool {
	for a := range n.Ancestors() {
		if a.Data == "details" && !has(a, "open") {
			return true
		}
	}
	return has(n, "hidden")
}
