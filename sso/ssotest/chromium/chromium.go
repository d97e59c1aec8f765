// Package chromium opens a real browser for tests. It stands apart from ssotest because few tests need it and it takes
// long to compile.
package chromium

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Need returns the path of Chromium, and ends a test without one before it has started anything else.
func Need(t testing.TB) string {
	t.Helper()
	return ssotest.Need(t, "chromium", "apt-get install chromium")
}

// InCI is Need for a walk that outside CI is left out (see [ssotest.InCI]): without a browser a test of the server has the same rule.
func InCI(t testing.TB) {
	t.Helper()
	ssotest.InCI(t, "a walk in a browser")
	Need(t)
}

// Open starts Chromium with an empty profile and returns the context of a tab, whose whole use may take as long as limit.
// The browser ends with the test. Where there is no Chromium, the test is skipped (see ssotest.Missing).
func Open(t testing.TB, limit time.Duration, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	ctx, cancel, err := start(ctx, Need(t), more...)
	t.Cleanup(cancel)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func start(ctx context.Context, path string, more ...chromedp.ExecAllocatorOption) (context.Context, context.CancelFunc, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("disable-component-update", true),
		// Most of what a tab costs is its process: the tabs of a site share one. Each window would have two more for the
		// pages of its address bar, which nobody types into. The first three are what chromedp switches off by itself.
		chromedp.Flag("process-per-site", true), chromedp.Flag("in-process-gpu", true),
		chromedp.Flag("disable-features", "site-per-process,Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	ctx, cancel := chromedp.NewContext(ctx)
	if err := chromedp.Run(ctx); err != nil {
		return ctx, func() { cancel(); stop() }, fmt.Errorf("start of %s: %w", path, err)
	}
	return ctx, func() { cancel(); stop() }, nil
}

// A Shared is one Chromium for many tests of a package: its start takes longer than most of them. TestMain calls
// [Shared.Main], or Close after the last test.
type Shared struct {
	mu    sync.Mutex
	ctx   context.Context // nil: not started yet
	close context.CancelFunc
}

// Open returns the context of a tab in a profile of its own, whose whole use may take as long as limit. No other test
// sees its cookies, and it ends with the test. Where there is no Chromium, the test is skipped.
func (s *Shared) Open(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	browser, err := s.browser(Need(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(browser, limit)
	t.Cleanup(cancel)
	profile, tab, err := newProfile(browser)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithTargetID(tab))
	t.Cleanup(func() {
		cancel()
		target.DisposeBrowserContext(profile).Do(cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser))
	})
	chromedp.FromContext(ctx).BrowserContextID = profile // for further tabs
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("a tab of a new profile: %v", err)
	}
	return ctx
}

// newProfile makes a profile with one window. chromedp's own way asks for a tab, and a profile without a window refuses it.
func newProfile(browser context.Context) (cdp.BrowserContextID, target.ID, error) {
	ctx := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	profile, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		return "", "", fmt.Errorf("a new profile: %w", err)
	}
	tab, err := target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
	if err != nil {
		return "", "", fmt.Errorf("a window of a new profile: %w", err)
	}
	return profile, tab, nil
}

func (s *Shared) browser(path string) (context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil && s.ctx.Err() == nil {
		return s.ctx, nil
	}
	ctx, cancel, err := start(context.Background(), path)
	if err != nil {
		cancel()
		return nil, err
	}
	s.ctx, s.close = ctx, cancel
	return ctx, nil
}

// Close ends the browser, if it was started.
func (s *Shared) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.close != nil {
		s.close()
	}
}

// Main is what TestMain does in a package that shares nothing else.
func (s *Shared) Main(m *testing.M) {
	ssotest.TempInMemory()
	status := m.Run()
	s.Close()
	os.Exit(status)
}
