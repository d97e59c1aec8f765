package templates

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// newer are parts of CSS and JavaScript that came after 2021, when Chrome 92, Firefox 90 and Safari 15 were new, or that stop a whole
// sheet or script where they are not known. Of :has() there is a fallback, see TestPagesWithoutHas.
var newer = regexp.MustCompile(`@container|@layer|@scope|@starting-style|color-mix\(|light-dark\(|oklch\(|(?m:^\s*&)|<dialog|showModal|popover|:popover|text-wrap|` +
	`\?\?=|\|\|=|&&=|structuredClone|Object\.groupBy|Array\.fromAsync|findLast|toSorted|Promise\.withResolvers|\bwith\s*\{\s*type|\bstatic\s*\{`)

// Browsers of 2021 read all of the style sheets and scripts.
func TestNothingTooNew(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "static", "files", "*s"))
	if err != nil || len(files) < 5 {
		t.Fatalf("got %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range newer.FindAllString(string(text), -1) {
			t.Errorf("%s: got %q, which browsers of 2021 do not know", file, strings.TrimSpace(part))
		}
	}
}

// withoutHas takes the rules with :has() out of the page, as browsers do that do not know it (Firefox before 121).
const withoutHas = `(() => {
	let taken = 0;
	const clean = (sheet) => {
		for (let i = sheet.cssRules.length - 1; i >= 0; i--) {
			const rule = sheet.cssRules[i];
			if (rule.selectorText?.includes(":has(")) {
				sheet.deleteRule(i);
				taken++;
			} else if (rule.cssRules?.length && !rule.selectorText) clean(rule);
		}
	};
	[...document.styleSheets].forEach(clean);
	return taken;
})()`

// Without :has() the questions at a row that may be removed show always, and nothing else is lost.
func TestPagesWithoutHas(t *testing.T) {
	site := serveSamples(t, []sample{{"mapping", AdminMapping{AdminLayout: adminSample(AdminSectionMapping), Mode: "manual", Provider: "jwt",
		Rows: []AdminMappingRow{{IDP: "a", Was: "a", Groups: "Sales", Targets: []AdminTarget{{Name: "Sales", Members: 12}}}}}.WithRows(1)}})
	ctx := chrome.Open(t, time.Minute)
	shown := `document.querySelector(".fates").checkVisibility()`
	for _, width := range []int64{360, 1280} {
		var before, after bool
		var taken int
		var found []string
		if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(width, 800, 1, false), chromedp.Navigate(fmt.Sprintf("%s/sample/0", site.URL)), chromedp.Evaluate(shown, &before),
			chromedp.Evaluate(withoutHas, &taken), chromedp.Evaluate(shown, &after), chromedp.Evaluate(seen, &found)); err != nil {
			t.Fatal(err)
		}
		if before || !after || taken == 0 || len(found) > 0 {
			t.Errorf("%d px: the question shows %t, and without %d rules %t; found %q", width, before, taken, after, found)
		}
	}
}
