// Package chromium opens a real browser for tests. It stands apart from ssotest because few tests need it and it takes
// long to compile.
package chromium

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Need returns the path of Chromium, and ends a test without one before it has started anything else.
func Need(t testing.TB) string {
	t.Helper()
	return ssotest.Need(t, "chromium", "apt-get install chromium")
}

// Open starts Chromium with an empty profile and returns the context of a tab, whose whole use may take as long as limit.
// The browser ends with the test. Where there is no Chromium, the test is skipped (see ssotest.Missing).
func Open(t testing.TB, limit time.Duration, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := Need(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start of %s: %v", path, err)
	}
	return ctx
}
