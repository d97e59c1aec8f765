package chromium

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// A Look is one way to look at a page.
type Look struct {
	Name   string
	Scheme string // prefers-color-scheme
	Width  int64  // CSS pixels
	Forced bool   // the colours are the reader's own
}

// Looks are those in which a page is looked at: one of them by its key, or all for screenshots and in CI (see [ssotest.Some]).
func Looks(key string) []Look {
	all := []Look{
		{Name: "light-wide", Scheme: "light", Width: 1280}, {Name: "light-narrow", Scheme: "light", Width: 360},
		{Name: "dark-wide", Scheme: "dark", Width: 1280}, {Name: "dark-narrow", Scheme: "dark", Width: 360},
	}
	if Shots() != "" {
		return all
	}
	return ssotest.Some(key, all...)
}

// Set shows the page that is open in this way.
func (l Look) Set() chromedp.Action {
	forced := "none"
	if l.Forced {
		forced = "active"
	}
	return chromedp.Tasks{
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "forced-colors", Value: forced},
			{Name: "prefers-color-scheme", Value: l.Scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // or axe reads a colour on its way to another
		}),
		emulation.SetDeviceMetricsOverride(l.Width, 800, 1, false),
	}
}

// Shots is the folder that gets a picture of each page in each look; "": none are taken.
func Shots() string { return os.Getenv("SSOBRIDGE_TEST_SHOTS") }

// Shoot writes a picture of the page that is open into [Shots], if there is one.
func (l Look) Shoot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if Shots() == "" {
		return
	}
	var (
		png    []byte
		height int64
	)
	if err := chromedp.Run(ctx, l.Set(), chromedp.Evaluate(`document.documentElement.scrollHeight`, &height)); err != nil {
		t.Fatal(err)
	}
	// A window as high as the page: what sticks to its edge stands at the end, and not over the middle.
	if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(l.Width, max(height, 800), 1, false), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithOptimizeForSpeed(true).Do(ctx)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	file := strings.ReplaceAll(name, " ", "-") + "-" + l.Name + ".png"
	if err := os.WriteFile(filepath.Join(Shots(), file), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Check sets the look, and wants nothing beyond the edge of the page that is open. With axe, which must have been run there (see
// [AxeCore]), it wants no violation.
func (l Look) Check(ctx context.Context, t *testing.T, axe bool) {
	t.Helper()
	var beyond int
	if err := chromedp.Run(ctx, l.Set(), chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &beyond)); err != nil {
		t.Fatal(err)
	}
	if beyond > 0 {
		t.Errorf("%s: got %d px beyond the edge, want none", l.Name, beyond)
	}
	if !axe {
		return
	}
	only := ""
	switch {
	case l.Forced: // the contrast is the reader's
		only = `, rules: {"color-contrast": {enabled: false}}`
	case l.Scheme == "dark": // it differs in colours alone, see TestDarkIsOtherColours
		only = `, runOnly: ["color-contrast", "link-in-text-block"]`
	}
	var violations []string
	run := `axe.run(document, {resultTypes: ["violations"]` + only + `}).then(r => r.violations.map(
		v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")))`
	if err := chromedp.Run(ctx, chromedp.Evaluate(run, &violations, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	})); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Errorf("%s: axe-core: %s", l.Name, v)
	}
}

// AxeCore returns the source of axe-core, or "". root is the way from the test to the folder of go.mod.
func AxeCore(root string) string {
	dir := os.Getenv("SSOBRIDGE_TEST_NODE_MODULES")
	if dir == "" {
		dir = filepath.Join(root, "node_modules")
	}
	source, err := os.ReadFile(filepath.Join(dir, "axe-core", "axe.min.js"))
	if err != nil {
		return ""
	}
	return string(source)
}

// Visit ends the test of a page, unless it is one of ten by its name, or pictures are taken, or in CI (see [ssotest.InCI]): a look
// with axe-core takes half a second.
func Visit(t *testing.T, page string) {
	t.Helper()
	if Shots() == "" && !slices.Contains(ssotest.Some(page, append(make([]bool, 9), true)...), true) {
		ssotest.InCI(t, "this page in a browser")
	}
}
