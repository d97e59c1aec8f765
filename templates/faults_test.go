package templates

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"
)

// Whatever a page says is wrong with a field stands in its summary too, first on the page, with a link that leads to the
// field; and so does what is wrong with the form as a whole.
func TestFaultsComeFirstAndLeadToTheirFields(t *testing.T) {
	p := englishPages(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			texts := []string{}
			v := reflect.New(reflect.TypeOf(s.page)).Elem()
			v.Set(reflect.ValueOf(s.page))
			rewriteValue(v, "", func(path, text string) string {
				name := path[strings.LastIndex(path, ".")+1:]
				if !strings.HasSuffix(name, "Error") && name != "Alert" && name != "Alerts" {
					return text
				}
				texts = append(texts, fmt.Sprintf("what is wrong with %s, %d", path, len(texts)))
				return texts[len(texts)-1]
			})
			checkFaults(t, parse(t, render(t, p, v.Interface().(Page))), texts)
		})
	}
}

func checkFaults(t *testing.T, doc *html.Node, texts []string) {
	t.Helper()
	summary := byID(doc, "faults")
	shown := slices.DeleteFunc(texts, func(s string) bool { return !strings.Contains(text(doc), s) })
	if len(shown) == 0 {
		if summary != nil {
			t.Errorf("got a summary, want none: nothing is wrong")
		}
		return
	}
	if summary == nil {
		t.Fatalf("got no summary, want one: the page says %q", shown)
	}
	first := find(doc, "main")[0].FirstChild
	for first.Type != html.ElementNode {
		first = first.NextSibling
	}
	if first != summary || !has(summary, "autofocus") || attr(summary, "tabindex") != "-1" {
		t.Errorf("the summary: want it first, focused without a script, got %s before it", first.Data)
	}
	for _, want := range shown {
		if !strings.Contains(text(summary), want) {
			t.Errorf("summary: got no %q in %q", want, text(summary))
		}
	}
	for _, a := range find(summary, "a") {
		problem := strings.TrimPrefix(text(a.Parent), text(a)+": ")
		if strings.Count(text(doc), problem) == 1 {
			continue // the page has no such field now
		}
		field := byID(doc, strings.TrimPrefix(attr(a, "href"), "#"))
		if field == nil || !slices.Contains([]string{"input", "select", "textarea"}, field.Data) {
			t.Errorf("%q leads to %q, want it to lead to a field", text(a), attr(a, "href"))
		}
	}
	says := map[string]string{"en": "Error: ", "ja": "エラー: "}[attr(find(doc, "html")[0], "lang")]
	if title := text(find(doc, "title")[0]); says == "" || !strings.HasPrefix(title, says) {
		t.Errorf("title: got %q, want it to begin with %q", title, says)
	}
}

// After a failed attempt the focus is on the summary, and its link leads to the field, with a script and without.
func TestFocusAfterAFailure(t *testing.T) {
	site := serveSamples(t, []sample{
		{"login", Login{Password: true, Email: "a@b", PasswordError: "It is wrong."}},
		{"confirm", Confirm{Password: true, Error: "It is wrong."}}, // its field has an autofocus of its own
		{"fine", Confirm{Password: true}},
	})
	for _, script := range []bool{true, false} {
		ctx := chrome.Open(t, 3*time.Minute)
		for i, want := range []string{"faults password", "faults password", "password"} {
			var got string
			actions := []chromedp.Action{
				emulation.SetScriptExecutionDisabled(!script),
				chromedp.Navigate(fmt.Sprintf("%s/sample/%d", site.URL, i)),
				focused(&got),
			}
			if err := chromedp.Run(ctx, actions...); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(want, "faults ") {
				var then string
				if err := chromedp.Run(ctx, chromedp.Click("#faults a", chromedp.ByQuery), focused(&then)); err != nil {
					t.Fatal(err)
				}
				got += " " + then
			}
			if got != want {
				t.Errorf("page %d, script %v: got the focus on %q, want %q", i, script, got, want)
			}
		}
	}
}

// focused waits until anything has the focus, and says what.
func focused(id *string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for *id == "" {
			if err := chromedp.Evaluate(`document.activeElement.id`, id).Do(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// What is hidden is not shown, whatever another rule says of its display.
func TestHiddenWins(t *testing.T) {
	site := serveSamples(t, []sample{{"passkeys", Login{Password: true, Passkey: true}}})
	ctx := chrome.Open(t, 3*time.Minute)
	var shown []string
	if err := chromedp.Run(ctx, chromedp.Navigate(site.URL+"/sample/0"), chromedp.Evaluate(`[...document.querySelectorAll("main *")].map(e => {
		e.hidden = true;
		return getComputedStyle(e).display === "none" ? "" : e.outerHTML;
	}).filter(Boolean)`, &shown)); err != nil {
		t.Fatal(err)
	}
	if len(shown) > 0 {
		t.Errorf("shown although they are hidden: %q", shown)
	}
}
