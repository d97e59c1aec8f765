package web

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server/drain"
	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/static"
	"github.com/ssobridge/ssobridge/templates"
)

// Web is what all answers share: refusals, pages, cookies, the settings in force.
type Web struct {
	Log     *slog.Logger
	Now     func() time.Time
	Metrics *metrics.Metrics
	Drain   *drain.Drain // how the server ends
	events  Recorder

	live           atomic.Pointer[Site]
	pages          *templates.Pages
	pagesElsewhere *templates.Pages // those that a proxy shows under the address of an app
	Box            *seal.Box        // of cookies
	warned         Tally            // causes of proxy_refused that the log has had
	HandlerTimeout time.Duration
}

// Recorder keeps events.
type Recorder interface {
	Record(ctx context.Context, e sso.Event) error
}

// Options are what a web is made of.
type Options struct {
	Log       *slog.Logger
	Now       func() time.Time
	Metrics   *metrics.Metrics
	Events    Recorder
	SecretKey []byte // seals cookies
}

// New makes what all answers share. There are no settings yet: call apply.
func New(o Options, cfg *setting.Config) (*Web, error) {
	w := &Web{Log: o.Log, Now: o.Now, Metrics: o.Metrics, Drain: drain.New(), events: o.Events, HandlerTimeout: handlerTimeout}
	var err error
	if w.Box, err = seal.New(o.SecretKey, "flow"); err != nil {
		return nil, err
	}
	if w.pages, err = templates.New(static.URL, cfg.PathPrefix); err != nil {
		return nil, err
	}
	if w.pagesElsewhere, err = templates.New(static.URL, cfg.URL("")); err != nil {
		return nil, err
	}
	return w, nil
}

// Apply puts settings in force, for requests that begin from now on.
func (web *Web) Apply(cfg *setting.Config, bridge *sso.Bridge) { web.live.Store(newSite(cfg, bridge)) }

// Site returns what is derived from the settings in force.
func (web *Web) Site() *Site { return web.live.Load() }
