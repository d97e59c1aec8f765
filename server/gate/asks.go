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

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// asks are what a proxy adds to its question: ?group=A&group=B, who is in one of them, and ?with=…, what else is to be
// done.
type asks struct {
	groups []string
	with   string
}

// readAsks reads the query of a route that proxies ask; with lists the values that the route knows of the parameter of
// that name, if any. What is not understood is an error, with which no one is let in: ?Group=Sales
// and ?allowed_groups=Sales were meant to keep people out. Errors name parameters, and no values.
func (s *settings) readAsks(r *http.Request, with ...string) (a asks, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return asks{}, fmt.Errorf("the query of %s cannot be read: %w", r.URL.Path, sso.ProxyRefused)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch {
		case name == "group":
			a.groups = q[name]
			err = checkGroups(a.groups)
		case name == "with" && len(with) > 0:
			if a.with = q[name][0]; len(q[name]) > 1 || !slices.Contains(with, a.with) {
				err = fmt.Errorf("the parameter with of %s is one of %s, once", r.URL.Path, strings.Join(with, ", "))
			}
		case s.readsParameter(name):
		default:
			err = fmt.Errorf("%s is no parameter of %s: groups are asked for as ?group=A&group=B, letter by letter", urltext.ShownName(name), r.URL.Path)
		}
		if err != nil {
			return asks{}, fmt.Errorf("%w: %w", err, sso.ProxyRefused)
		}
	}
	return a, nil
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
