package gate

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// asks are what a proxy adds to its question: ?group=A&group=B, who is in one of them, and ?with=…, what else is to be
// done.
type asks struct {
	groups []string
	with   string
}

// A route is one that proxies ask. Their questions are few, and the same each time: it remembers the first of those that it
// understands. It does not ask who puts them, since the answer does not hang on that.
type route struct {
	with  []string // the values that it knows of the parameter of that name
	mu    sync.Mutex
	known atomic.Pointer[map[string]asks] // by query; what it points to never changes
}

// How many questions a route remembers, and of what length. One that holds a credential is not among them.
const (
	maxKnown   = 50
	knownBytes = 500
)

// readAsks reads the query of a route. What is not understood is an error, with which no one is let in: ?Group=Sales
// and ?allowed_groups=Sales were meant to keep people out. Errors name parameters, and no values.
func (s *settings) readAsks(r *http.Request, of *route) (asks, error) {
	query := r.URL.RawQuery
	if query == "" {
		return asks{}, nil
	}
	if known := of.known.Load(); known != nil {
		if a, ok := (*known)[query]; ok {
			return a, nil
		}
	}
	query = strings.Clone(query) // what is remembered of it must not hold the whole request
	a, secret, err := s.parseAsks(query, r.URL.Path, of.with)
	if err == nil && !secret && len(query) <= knownBytes {
		of.remember(query, a)
	}
	return a, err
}

func (of *route) remember(query string, a asks) {
	of.mu.Lock()
	defer of.mu.Unlock()
	all := map[string]asks{}
	if known := of.known.Load(); known != nil {
		if len(*known) >= maxKnown {
			return
		}
		maps.Copy(all, *known)
	}
	all[query] = a
	of.known.Store(&all)
}

// parseAsks is readAsks without a memory. secret says that a credential may be in the query.
func (s *settings) parseAsks(query, path string, with []string) (a asks, secret bool, err error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return asks{}, false, fmt.Errorf("the query of %s cannot be read: %w", path, sso.ProxyRefused)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch {
		case name == "group":
			a.groups = q[name]
			err = checkGroups(a.groups)
		case name == "with" && len(with) > 0:
			if a.with = q[name][0]; len(q[name]) > 1 || !slices.Contains(with, a.with) {
				err = fmt.Errorf("the parameter with of %s is one of %s, once", path, strings.Join(with, ", "))
			}
		case s.readsParameter(name):
			secret = true
		default:
			err = fmt.Errorf("%s is no parameter of %s: groups are asked for as ?group=A&group=B, letter by letter", urltext.ShownName(name), path)
		}
		if err != nil {
			return asks{}, false, fmt.Errorf("%w: %w", err, sso.ProxyRefused)
		}
	}
	return a, secret, nil
}

// checkGroups refuses what can be no group's name. Such a requirement lets nobody in, and an empty one is most likely a
// variable that has no value: it does not stand for everyone.
func checkGroups(groups []string) error {
	for _, g := range groups {
		if g == "" {
			return errors.New("the parameter group is empty: name a group, or leave it out to let in whoever is signed in")
		}
		if err := sso.CheckGroupName(g); err != nil {
			return fmt.Errorf("the parameter group is no group's name: %w; of several groups each has a parameter: ?group=A&group=B", err)
		}
	}
	return nil
}

// logAsks tells whoever operates the proxy why it gets 403. Clients may be able to ask as well, so not each time.
func (g *Gate) logAsks(r *http.Request, s *settings, err error) {
	if g.misasked.AllowN(g.web.Now(), 1) {
		g.web.Log.Error("a proxy's question is not understood, so no one is let in: correct its configuration", "reason", sso.Reason(err), "peer", s.Peer(r))
	}
}

// warnOfRules says once, until the settings change, that rules are not followed where somebody may think they are.
func (s *settings) warnOfRules(log *slog.Logger, r *http.Request) {
	if s.warnedOfRules.CompareAndSwap(false, true) {
		log.Error("ACCESS_RULES are not followed by /auth/verify, which is not told the page: have the proxy ask /auth/forward", "peer", s.Peer(r))
	}
}
