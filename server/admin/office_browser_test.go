package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// names of people, and of groups, in many scripts: each begins another.
var officeNames = []string{
	"Ada Lovelace", "Żółć Święcicka", "Đặng Thị Ngọc Ánh", "Jörg Müller-Lüdenscheidt", "Σωκράτης Παπαδόπουλος", "Пётр Чайковский", "Հայկ Պետրոսյան",
	"გიორგი მაისურაძე", "محمد عبد الرحمن", "שרה כהן", "राजेश कुमार", "অমিত সেন", "தமிழ்ச்செல்வி முருகன்", "สมชาย ใจดี", "ចាន់ សុខា", "王小明",
	"山田 太郎", "김민수", "አበበ ቢቂላ", "Donaudampfschifffahrtsgesellschaftskapitän Maximilian", "👩‍👩‍👧 Familie", "O'Brien & Sons <b>",
}

var officeGroups = []string{
	"Sales", "Vertrieb Süd-Ost", "Продажи", "Πωλήσεις", "المبيعات", "מכירות", "विक्रय", "ขาย", "营业部", "営業部", "영업부", "Rechtsschutzversicherungsgesellschaften",
}

// office lets 60 people of all scripts sign in, into twelve groups.
func office(t *testing.T) *bridge {
	t.Helper()
	mapping := map[string][]string{}
	for _, g := range officeGroups {
		mapping["ext "+g] = []string{g}
	}
	text, err := json.Marshal(mapping)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t)
	b.admin().mustSave("JWT_GROUP_SYNC=true", "JWT_GROUP_MAPPINGS="+string(text))
	for i := range 60 {
		first, last, _ := strings.Cut(officeNames[i%len(officeNames)], " ")
		with := claims{
			"email": fmt.Sprintf("person.number.%d@subsidiary-%d.example.com", i, i%7), "first_name": first, "last_name": last, "department": officeGroups[(i+3)%12],
			"groups": []string{"ext " + officeGroups[i%12], "ext " + officeGroups[(i*5+1)%12], "ext not mapped " + officeGroups[i%5]},
		}
		if got := b.signIn(secret, with); got != "" {
			t.Fatalf("sign-in %d: %q", i, got)
		}
	}
	return b
}

// brokenWords are the words inside tables that stand on two lines although they would fit on one. Scripts that are written
// without spaces break anywhere, and a hyphen is a place to break.
const brokenWords = `(() => {
	const free = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Khmer}]/u;
	const measure = document.createElement("canvas").getContext("2d");
	const broken = [];
	for (const cell of document.querySelectorAll("td, th")) {
		measure.font = getComputedStyle(cell).font;
		const row = cell.closest("tr");
		const room = row.getBoundingClientRect().width - parseFloat(getComputedStyle(row).paddingLeft);
		const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
		for (let node; (node = walk.nextNode());) {
			for (const word of node.data.matchAll(/[^\s\-–\/]+/gu)) {
				const range = document.createRange();
				range.setStart(node, word.index);
				range.setEnd(node, word.index + word[0].length);
				const rects = [...range.getClientRects()].filter((r) => r.width > 0);
				const lines = new Set(rects.map((r) => Math.round(r.top / 8)));
				const tall = rects.some((r) => Math.abs(r.top - rects[0].top) > r.height / 2);
				if (tall && lines.size > 1 && !free.test(word[0]) && measure.measureText(word[0]).width < room - 8) broken.push(word[0]);
			}
		}
	}
	return broken;
})()`

// The pages of an administrator with 60 people of all scripts in twelve groups, and with nobody: nothing beyond the edge,
// no word broken inside a table, no violation. SSOBRIDGE_TEST_SHOTS names a folder for screenshots.
func TestOfficeInABrowser(t *testing.T) {
	if chromium.Shots() == "" {
		chromium.InCI(t)
	}
	for name, b := range map[string]*bridge{"full": office(t), "empty": start(t, bare...)} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			ctx, _ := b.chromium(true)
			axe := chromium.AxeCore("../..")
			if axe == "" {
				ssotest.Missing(t, "axe-core", "npm ci in a copy of cmd/ssobridge/interop/testdata, and SSOBRIDGE_TEST_NODE_MODULES set to its node_modules")
			}
			for page, do := range officePages(b) {
				t.Run(page, func(t *testing.T) {
					if err := chromedp.Run(ctx, do); err != nil {
						t.Fatal(err)
					}
					if chromium.Shots() != "" {
						for _, l := range chromium.Looks(page) {
							l.Shoot(ctx, t, name+" "+page)
						}
						return
					}
					if err := chromedp.Run(ctx, chromedp.Evaluate(axe, nil)); err != nil {
						t.Fatal(err)
					}
					checkLooks(ctx, t, axe != "")
					checkWords(ctx, t)
				})
			}
		})
	}
}

func checkWords(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, width := range []int64{360, 1280} {
		var broken []string
		if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(width, 800, 1, false), chromedp.Evaluate(brokenWords, &broken)); err != nil {
			t.Fatal(err)
		}
		if len(broken) > 0 {
			t.Errorf("words broken inside a table at %d px: %q", width, broken)
		}
	}
}

// shotPages are the pages besides, of which pictures are taken; that they are accessible is looked at in package templates.
func shotPages(b *bridge) map[string]string {
	pages := map[string]string{
		"overview": "/admin", "sessions": "/admin/sessions?way=jwt", "new person": "/admin/people/new", "services": "/admin/service-accounts", "why": "/admin/why?q=person", "refusals": "/admin/activity?kind=refused",
	}
	if all, _, err := b.store.Accounts(b.t.Context(), sso.AccountQuery{}); err == nil {
		pages["person"] = fmt.Sprintf("/admin/people/%d", all[len(all)-1].ID)
	}
	return pages
}

// officePages are the pages, each with the way there.
func officePages(b *bridge) map[string]chromedp.Action {
	to := func(path string) chromedp.Action { return chromedp.Navigate(b.url + path) }
	press := func(selector string) chromedp.Action {
		return chromedp.ActionFunc(func(ctx context.Context) error {
			if _, err := chromedp.RunResponse(ctx, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
				return fmt.Errorf("%s: %w", selector, err)
			}
			return nil
		})
	}
	pages := map[string]chromedp.Action{
		"people": to("/admin/people"), "groups": to("/admin/groups?sort=members"), "sessions to end": chromedp.Tasks{to("/admin/sessions"), chromedp.Click(".tick input", chromedp.ByQuery), press(".bar button")}, "mapping": to("/admin/mapping"), "provider": to("/admin/providers/jwt"), "providers": to("/admin/providers"), "group sources": to("/admin/group-sources"), "settings": to("/admin/sign-in"), "try": to("/admin/try"), "group": to("/admin/groups/2"),
		"activity": to("/admin/activity"),
	}
	if chromium.Shots() != "" {
		for name, path := range shotPages(b) {
			pages[name] = to(path)
		}
		pages["rules refused"] = chromedp.Tasks{to("/admin/providers/jwt"), chromedp.Evaluate(`document.getElementById("JWT_ISSUER").closest("details").open = true`, nil),
			chromedp.SendKeys(`#JWT_ISSUER`, "https://acme.example", chromedp.ByQuery), chromedp.SendKeys(`#JWT_ISSUER`, kb.Enter, chromedp.ByQuery), chromedp.WaitVisible("#faults", chromedp.ByQuery)}
	}
	if groups, err := b.store.Groups(b.t.Context()); err == nil && len(groups) > 2 {
		pages["group"] = to(fmt.Sprintf("/admin/groups/%d", groups[2].ID))
		pages["mapping preview"] = chromedp.Tasks{to("/admin/mapping"), chromedp.Click(`[id="remove.0"]`, chromedp.ByQuery), chromedp.Click(`[id="members.0.delete"]`, chromedp.ByQuery),
			chromedp.SendKeys(`[id="groups.1"]`, "Neu, 新しいグループ", chromedp.ByQuery), press(`.bar [value="preview"]`)}
		pages["mapping refused"] = chromedp.Tasks{to("/admin/mapping"), chromedp.SendKeys(`[id="groups.1"]`, sso.AllUsersName, chromedp.ByQuery), press(`button[value="save"]`)}
		pages["mapping to confirm"] = chromedp.Tasks{to("/admin/mapping"), chromedp.Click(`[id="remove.0"]`, chromedp.ByQuery), chromedp.Click(`[id="members.0.remove"]`, chromedp.ByQuery), press(`button[value="save"]`)}
		pages["search"] = to("/admin/people?search=" + url.QueryEscape("person"))
	}
	return pages
}
