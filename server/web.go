package server

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/static"
	"github.com/ssobridge/ssobridge/templates"
)

// web is what all answers share: refusals, pages, cookies, the settings in force.
type web struct {
	Log     *slog.Logger
	Now     func() time.Time
	metrics *metrics.Metrics
	events  recorder

	live           atomic.Pointer[live]
	pages          *templates.Pages
	pagesElsewhere *templates.Pages // those that a proxy shows under the address of an app
	box            *seal.Box        // of cookies
	warned         tally            // causes of proxy_refused that the log has had
	handlerTimeout time.Duration
}

// recorder keeps events.
type recorder interface {
	Record(ctx context.Context, e sso.Event) error
}

func newWeb(o Options, l Live) (*web, error) {
	w := &web{Log: o.Log, Now: o.Now, metrics: cmp.Or(o.Metrics, metrics.New(o.Version)), events: o.Store, handlerTimeout: handlerTimeout}
	var err error
	if w.box, err = seal.New(o.SecretKey, "flow"); err != nil {
		return nil, err
	}
	if w.pages, err = templates.New(static.URL, l.Config.PathPrefix); err != nil {
		return nil, err
	}
	if w.pagesElsewhere, err = templates.New(static.URL, l.Config.URL("")); err != nil {
		return nil, err
	}
	return w, nil
}
