package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// sessionOf returns the hash of the session that a request presents: the cookie, else X-Metabase-Session, else a bearer
// token in BEARER_HEADER. A cookie that cannot be ours does not fall back to a header: one request, one credential.
//
// Two cookies of the name are no one's, whatever they name and wherever they stand (SECURITY D3, D6). One may have been
// planted, by a sibling site or with a longer path, and nothing in the request tells which: browsers send longer paths
// first (RFC 6265 §5.4), and servers should not rely on the order (§4.2.2). Who takes the first, as oauth2-proxy and
// net/http do, takes the planted one, and the person goes on as somebody else without a sign of it; who is signed out,
// sees that. With __Host- in the name there are no two.
func (s *settings) sessionOf(r *http.Request) (hash sso.SessionHash, ok bool) {
	if len(r.Header["Cookie"]) > 0 {
		switch v, n := web.SoleCookie(r.Header["Cookie"], s.Cookie.Name); {
		case n == 1:
			return sso.HashSessionID(v)
		case n > 1:
			return hash, false
		}
	}
	if v := r.Header["X-Metabase-Session"]; len(v) == 1 {
		return sso.HashSessionID(v[0])
	}
	return bearerSession(r.Header, s.Config.BearerHeader)
}

// maxNamed is how many sessions a request may name to end them: more than browsers keep cookies for a site.
const maxNamed = 200

// sessionsOf returns the hashes of all sessions that a request names, where those of several cookies are to end:
// whichever of them is the person's, none is good any more.
func (s *settings) sessionsOf(r *http.Request) (all []sso.SessionHash, err error) {
	n := 0
	web.EachCookie(r.Header["Cookie"], s.Cookie.Name, func(v string) {
		n++
		if hash, ok := sso.HashSessionID(v); ok && n <= maxNamed && !slices.Contains(all, hash) {
			all = append(all, hash)
		}
	})
	switch {
	case n > maxNamed:
		return nil, fmt.Errorf("%d cookies %s came: %w", n, s.Cookie.Name, sso.RequestMalformed)
	case n == 0:
		if hash, ok := s.sessionOf(r); ok {
			all = append(all, hash)
		}
	}
	return all, nil
}

// bearerSession returns the session in a header: after "Bearer " (RFC 6750 §2.1), or, where the header is no
// Authorization, alone.
func bearerSession(h http.Header, name string) (hash sso.SessionHash, ok bool) {
	v := h[name]
	switch {
	case len(v) != 1:
		return hash, false
	case len(v[0]) > 7 && strings.EqualFold(v[0][:7], "Bearer "):
		return sso.HashSessionID(v[0][7:])
	case name != "Authorization":
		return sso.HashSessionID(v[0])
	}
	return hash, false
}

// sessionInQuery returns the session in BEARER_PARAMETER. Two of the name are none.
func (s *settings) sessionInQuery(r *http.Request) (hash sso.SessionHash, ok bool) {
	if s.Config.BearerParameter == "" || r.URL.RawQuery == "" {
		return hash, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if v := q[s.Config.BearerParameter]; err == nil && len(v) == 1 {
		return sso.HashSessionID(v[0])
	}
	return hash, false
}

// Principal returns who a request acts for; nil, nil when no one.
func (g *Gate) Principal(r *http.Request) (*sso.Principal, error) {
	hash, ok := g.settings.Load().sessionOf(r)
	if !ok {
		return nil, nil
	}
	return g.principalOf(r.Context(), hash)
}

// principalOf returns whose session it is; nil, nil when no one's.
func (g *Gate) principalOf(ctx context.Context, hash sso.SessionHash) (*sso.Principal, error) {
	var p *sso.Principal
	e, err := g.principals.find(ctx, hash)
	if err == nil {
		p, err = g.principals.whole(ctx, e)
	}
	if sso.CodeOf(err) == sso.NotSignedIn {
		return nil, nil
	}
	return p, err
}

// WhileAdministrator returns a context for an answer to an administrator that takes as long as they look at it: it ends within a
// second of the session's end or of its loss of Administrators, see [Gate.watch]. That the answer goes on is no use of the
// session. Call done when it is over.
func (g *Gate) WhileAdministrator(r *http.Request) (ctx context.Context, done func(), err error) {
	hash, ok := g.settings.Load().sessionOf(r)
	if !ok {
		return nil, nil, sso.NotSignedIn
	}
	groups := []string{sso.AdministratorsName}
	e, err := g.principals.look(r.Context(), hash, g.principals.now())
	if err != nil {
		return nil, nil, err
	}
	if !e.inAny(groups) {
		return nil, nil, notIn(e, groups)
	}
	ctx, done = g.watch(web.Patient(r), e, groups)
	return ctx, done, nil
}

// AnyOf returns a person whose session a request names, also where several cookies came: of a sign-out this is the way out.
func (g *Gate) AnyOf(r *http.Request) (p *sso.Principal, err error) {
	named, err := g.settings.Load().sessionsOf(r)
	for i := 0; i < len(named) && p == nil && err == nil; i++ {
		p, err = g.principalOf(r.Context(), named[i])
	}
	return p, err
}

// EndNamed ends every session that a request names, each with an event of its own. A sign-out also ends those that
// nobody could use now.
func (g *Gate) EndNamed(r *http.Request, kind sso.EventKind, detail string) error {
	named, err := g.settings.Load().sessionsOf(r)
	if err != nil || len(named) == 0 {
		return err
	}
	for _, hash := range named {
		p, err := g.principalOf(r.Context(), hash)
		if err != nil {
			return err
		}
		if p == nil && kind != sso.EventSignOut {
			continue
		}
		e := g.web.SessionEvent(r, p, kind)
		e.Detail = detail
		if _, err := g.store.EndSession(r.Context(), hash, e); err != nil {
			return err
		}
		g.principals.forget(hash)
	}
	g.SeeChanges(r)
	return nil
}

// Besides returns whose live sessions a request names with several cookies. None of these counts as signed in; a sign-in
// ends them all, so it must not pass over the question for that reason (SECURITY C8).
func (g *Gate) Besides(r *http.Request) (all []*sso.Principal, err error) {
	s := g.settings.Load()
	if _, n := web.SoleCookie(r.Header["Cookie"], s.Cookie.Name); n < 2 {
		return nil, nil
	}
	named, err := s.sessionsOf(r)
	if err != nil {
		return nil, err
	}
	for _, hash := range named {
		p, err := g.principalOf(r.Context(), hash)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// EndReplaced ends what sessions this browser has had, once it has another: whoever knows an old id, knows nothing any more
// (SECURITY D3; ASVS 7.2.4). The sign-in stands whatever comes of it.
func (g *Gate) EndReplaced(r *http.Request) {
	if err := g.EndNamed(r, sso.EventSession, "replaced by a new sign-in in the same browser"); err != nil {
		g.web.Log.WarnContext(r.Context(), "the session before was not ended", "error", err)
	}
}

// SeeChanges makes this replica act on what was just changed, before the answer goes out.
func (g *Gate) SeeChanges(r *http.Request) {
	if err := g.principals.catchUp(r.Context()); err != nil {
		g.web.Log.WarnContext(r.Context(), "changes not followed", "error", err)
	}
}

// maxAnew bounds how often what somebody has shown is judged, when it is not what it was by the time it is acted on.
const maxAnew = 4

// BySettings runs a sign-in by the settings in force, and anew when others were saved before it was finished (SECURITY
// D8). Run writes no answer when it returns [sso.SettingsChanged].
func (g *Gate) BySettings(ctx context.Context, run func(*web.Site) error) error {
	for try := 1; ; try++ {
		err := run(g.web.Site())
		if _, changed := errors.AsType[sso.SettingsChanged](err); !changed || try == maxAnew {
			return err
		}
		if err := g.principals.catchUp(ctx); err != nil {
			return err
		}
	}
}

// Forget has the next request of a session ask the database.
func (g *Gate) Forget(hash sso.SessionHash) { g.principals.forget(hash) }
