package templates

import (
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

func agoInEnglish(at, now time.Time) string {
	made := functionsIn("en", func(s string) string { return s })["ago"].(func(at, now time.Time) template.HTML)(at, now)
	doc, _ := html.Parse(strings.NewReader(string(made)))
	said, _, _ := strings.Cut(text(doc), " (")
	return said
}

func TestAgo(t *testing.T) {
	for _, c := range []struct {
		before time.Duration
		want   string
	}{
		{-time.Hour, "just now"},
		{59 * time.Second, "just now"},
		{time.Minute, "1 minute ago"},
		{59 * time.Minute, "59 minutes ago"},
		{time.Hour, "1 hour ago"},
		{47 * time.Hour, "1 day ago"},
		{400 * 24 * time.Hour, "400 days ago"},
	} {
		if got := agoInEnglish(sampleTime.Add(-c.before), sampleTime); got != c.want {
			t.Errorf("ago(%v): got %q, want %q", c.before, got, c.want)
		}
	}
	if got := agoInEnglish(time.Time{}, sampleTime); got != "never" {
		t.Errorf("ago(zero): got %q, want never", got)
	}
}

// relative finds how long ago something was in a text, in all languages.
func relative(t *testing.T) *regexp.Regexp {
	t.Helper()
	var all []string
	tables := tables(t)
	tables["en"] = nil
	for _, texts := range tables {
		for _, d := range []time.Duration{0, time.Minute, time.Hour, 24 * time.Hour} {
			for _, times := range []time.Duration{1, 3} {
				_, english := since(sampleTime.Add(-times*d), sampleTime)
				text := english
				if translated, ok := texts[english]; ok {
					text = translated
				}
				all = append(all, strings.ReplaceAll(regexp.QuoteMeta(text), "%d", `\d+`))
			}
		}
	}
	return regexp.MustCompile(strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), "|"))
}

// No page says how long ago something was without the exact time: as a title, in words, and in sight of who uses the keyboard, in
// the same row as something that it reaches.
func TestRelativeTimesAreExactToo(t *testing.T) {
	found, pages := relative(t), englishPages(t)
	for _, of := range []string{"2 hours ago", "vor 3 Minuten", "just now"} {
		if !found.MatchString(of) {
			t.Fatalf("%q is not found by %s", of, found)
		}
	}
	n := 0
	for _, s := range samples() {
		var b strings.Builder
		if err := pages.Render(&b, s.page); err != nil {
			t.Fatal(err)
		}
		var walk func(node *html.Node)
		walk = func(node *html.Node) {
			if node.Data == "select" || attr(node, "class") == "detail" { // a check's own words
				return
			}
			if node.Type == html.TextNode && found.MatchString(node.Data) {
				n++
				if problem := inexact(node.Parent); problem != "" {
					t.Errorf("%s: %q %s", s.name, strings.TrimSpace(node.Data), problem)
				}
			}
			for c := range node.ChildNodes() {
				walk(c)
			}
		}
		walk(parse(t, b.String()))
	}
	if n < 30 {
		t.Errorf("got %d times, want those of all pages", n)
	}
}

// inexact says what an element that tells how long ago something was lacks.
func inexact(e *html.Node) string {
	at, err := time.Parse(time.RFC3339, attr(e, "datetime"))
	if e.Data != "time" || err != nil {
		return "stands in no element with a time"
	}
	exact := clock{language: "en"}.exact(at)
	switch other := (clock{language: "de"}).exact(at); attr(e, "title") {
	case exact:
	case other:
		exact = other
	default:
		return "has the title " + attr(e, "title")
	}
	if !strings.Contains(text(e), exact) {
		return "does not say when it was"
	}
	if strings.Contains(attr(e, "class"), "shown") {
		return ""
	}
	for row := e.Parent; row != nil; row = row.Parent {
		if (row.Data == "tr" || row.Data == "li" || strings.HasPrefix(attr(row, "class"), "mapping")) && reachable(row) {
			return ""
		}
	}
	return "is in no row that the keyboard reaches"
}

// reachable reports whether the keyboard stops within an element.
func reachable(e *html.Node) bool {
	for n := range e.Descendants() {
		if n.Data == "a" && attr(n, "href") != "" || slices.Contains([]string{"button", "summary", "textarea"}, n.Data) || n.Data == "input" && attr(n, "type") != "hidden" {
			return true
		}
	}
	return false
}

// In a browser the exact time is that of the reader's zone, written as their browser writes it. It shows while the keyboard is in the
// row, and never lies beyond the edge.
func TestExactTimesInABrowser(t *testing.T) {
	all := slices.DeleteFunc(samples(), func(s sample) bool {
		return s.name != "admin people" && s.name != "admin sessions" && s.name != "passkeys"
	})
	if len(all) < 3 {
		t.Fatalf("got %d samples, want three", len(all))
	}
	server := serveSamples(t, all)
	ctx := chrome.Open(t, time.Minute)
	agent := emulation.SetUserAgentOverride("Test").WithAcceptLanguage("de-DE,de")
	if err := chromedp.Run(ctx, agent, emulation.SetTimezoneOverride("America/New_York")); err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		for _, look := range chromium.Looks(s.name) {
			var title, lang, before string
			var shown, beyond int
			if err := chromedp.Run(ctx, look.Set(), chromedp.Navigate(fmt.Sprint(server.URL, "/sample/", i)),
				chromedp.Evaluate(`document.querySelector(".since .exact").checkVisibility() && getComputedStyle(document.querySelector(".since .exact")).clipPath`, &before),
				chromedp.KeyEvent(kb.Tab),
				chromedp.Evaluate(`document.querySelector(".since").title`, &title), chromedp.Evaluate(`document.querySelector(".since .exact").lang`, &lang),
				chromedp.Evaluate(`(() => {
					let shown = 0;
					for (const time of document.querySelectorAll(".since:not(.shown)")) {
						const row = time.closest("tr, li");
						row.querySelector("a[href], button, input:not([type=hidden]), summary").focus();
						if (getComputedStyle(time.querySelector(".exact")).clipPath === "none") shown++;
						if (document.documentElement.scrollWidth > document.documentElement.clientWidth) throw new Error("beyond the edge: " + row.textContent);
					}
					return shown - document.querySelectorAll(".since:not(.shown)").length;
				})()`, &shown),
				chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &beyond)); err != nil {
				t.Fatalf("%s %s: %v", s.name, look.Name, err)
			}
			if shown != 0 || beyond > 0 || !strings.HasPrefix(before, "inset") {
				t.Errorf("%s %s: got %d times too few in sight, %d px beyond the edge and %q before, want none", s.name, look.Name, -shown, beyond, before)
			}
			if !strings.Contains(title, "November 2026 um ") || lang != "de-DE" {
				t.Errorf("%s: got %q in %q, want it in German", s.name, title, lang)
			}
			look.Shoot(ctx, t, "times "+s.name)
		}
	}
}
