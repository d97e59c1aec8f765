package templates

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// seen is what people who look at a page would find wrong with it, and axe-core does not look for.
const seen = `(() => {
	const found = [], shown = (e) => e.checkVisibility({visibilityProperty: true}) && !e.closest(".unseen, .skip") && e.getBoundingClientRect().width > 1;
	const say = (what, e) => found.push(what + ": " + e.outerHTML.replace(/\s+/g, " ").slice(0, 160));
	const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
	const wide = document.documentElement.clientWidth;
	for (const e of all("body *")) {
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		const scrolled = e.parentElement.closest("pre, .tabs ul, svg");
		if (!scrolled && (box.right > wide + 1 || box.left < -1)) say("beyond the edge", e);
		if (/hidden|clip/.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1 && !e.matches("input, select, textarea")) say("clipped", e);
	}
	// WCAG 2.2, 2.5.8: 24 pixels, or within a sentence. A tick is as large as it is together with its label.
	for (const e of all("a, button, input, select, textarea, summary")) {
		const box = e.getBoundingClientRect();
		if (e.matches("a") && getComputedStyle(e).display === "inline" || e.closest("svg")) continue;
		const label = e.labels?.[0]?.getBoundingClientRect();
		if (Math.max(box.height, label?.height ?? 0) < 23.5 || box.width + (label?.width ?? 0) < 23.5)
			if (!e.matches(".tick input, [data-tick-all] input")) say("small: " + Math.round(box.width) + "x" + Math.round(box.height), e);
	}
	if (all("h1").length !== 1) found.push("h1: " + all("h1").length);
	let level = 1;
	for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
		if (+h.tagName[1] > level + 1) say("heading after h" + level, h);
		level = +h.tagName[1];
	}
	const main = all("main .button:not(.second)");
	if (main.length > 1) found.push("several are the main action: " + main.map((b) => b.textContent.trim()).join(" | "));
	for (const t of document.querySelectorAll("table")) {
		if (!t.caption && !t.getAttribute("aria-label") && !t.getAttribute("aria-labelledby")) say("table without a name", t);
	}
	const names = {};
	for (const b of all("main button")) {
		if (b.closest("[data-chips], .chips") || b.getAttribute("aria-describedby") || b.matches(".reveal")) continue;
		const name = b.getAttribute("aria-label") || b.textContent.trim();
		if (names[name]) say("second button of this name", b);
		names[name] = true;
	}
	for (const e of all("main p, main dd, main td, main li, main ul")) {
		if (!e.textContent.trim() && !e.children.length && !e.matches("td, .passkey-problem, [role=status], [data-changes]")) say("empty", e);
	}
	return found;
})()`

// longNames puts a name of 200 letters into each place where a name from outside stands. Some have no space in them, some
// are written from right to left.
const longNames = `(() => {
	const long = ["Rechtsschutzversicherungsgesellschaft".repeat(6).slice(0, 200), "قسم المبيعات والتسويق ".repeat(9).slice(0, 200), "営業部".repeat(67).slice(0, 200), "a".repeat(190) + "@b.example"];
	[...document.querySelectorAll("bdi, h1 bdi, .who-name, td[data-label] bdi")].forEach((e, i) => { e.textContent = long[i % long.length]; });
})()`

// Every page, at the widths of a phone, of a desktop that is zoomed to 200 %, of a tablet and of a desktop: nothing stands beyond
// the edge or is cut off, controls are large enough for a finger, one action is the main one, and headings, tables and buttons
// have names of their own. It stays so with names of 200 letters.
func TestPagesLookRight(t *testing.T) {
	all := samples()
	site := serveSamples(t, all)
	ctx := chrome.Open(t, 10*time.Minute)
	for i, s := range all {
		t.Run(s.name, func(t *testing.T) {
			if err := chromedp.Run(ctx, chromedp.Navigate(fmt.Sprintf("%s/sample/%d", site.URL, i))); err != nil {
				t.Fatal(err)
			}
			for _, names := range []string{"", longNames} {
				for _, width := range ssotest.Some(s.name, int64(360), 640, 800, 1280) {
					var found []string
					look := chromedp.Tasks{emulation.SetDeviceMetricsOverride(width, 800, 1, false), chromedp.Evaluate(seen, &found)}
					if names != "" {
						look = append(chromedp.Tasks{chromedp.Evaluate(names, nil)}, look...)
					}
					if err := chromedp.Run(ctx, look); err != nil {
						t.Fatal(err)
					}
					if len(found) > 0 {
						t.Errorf("%d px, long names %t:\n%s", width, names != "", strings.Join(found, "\n"))
					}
				}
			}
		})
	}
}
