package gate

import (
	"context"
	"maps"
	"net/http"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// Mount returns a handler that has own answer the bridge's own paths, and hands everything else to next, for anyone, without
// what clients send under the names of the identity headers.
func (g *Gate) Mount(own, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case web.OwnPath(g.settings.Load().Config, r.URL.Path):
			own.ServeHTTP(w, r)
		case g.letInBefore(r) != nil: // RequireSignIn stands in front, and the identity is ours
			next.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, g.settings.Load().withoutIdentity(r))
		}
	})
}

// RequireSignIn returns a middleware that lets next answer those who are signed in and, if groups are named, are in one of
// them; [PrincipalFrom] tells next who that is. A browser that is not signed in is sent to sign in and comes back to the
// page it wanted; other clients get 401, those in none of the groups 403, everyone 503 while it cannot be told.
//
// Next gets the request as an app behind UPSTREAM does: with the identity headers, and without the bridge's cookies and
// tokens. The context of a request that runs ends when its session does, or loses the groups.
func (g *Gate) RequireSignIn(groups ...string) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e, p, err := g.signedIn(r, groups)
			switch {
			case err == nil:
				ctx, done := g.watch(r, e, groups)
				defer done()
				web.SetPrivate(w.Header())
				next.ServeHTTP(w, g.handOn(ctx, r, e, p))
			case sso.CodeOf(err) == sso.NotSignedIn && web.ReaderOf(r).CanSignIn(r.Method):
				s := g.settings.Load()
				s.Begin(w.Header(), r)
				g.web.WarnStrayToken(r, r.URL.Path, r.URL.RawQuery)
				http.Redirect(w, r, s.signInPath(r), http.StatusFound)
			default:
				s := g.settings.Load()
				g.refuseApp(w, r, s, s.wantedHere(r), err)
			}
		})
	}
}

func (g *Gate) signedIn(r *http.Request, groups []string) (e *entry, p *sso.Principal, err error) {
	if before := g.letInBefore(r); before != nil {
		e, err = before.again(r.Context())
	} else {
		e, err = g.check(r, g.settings.Load())
	}
	if err != nil {
		return nil, nil, err
	}
	if len(groups) > 0 && !e.inAny(groups) {
		return nil, nil, notIn(e, groups)
	}
	p, err = g.wholeOf(g.AsSent(r), e)
	return e, p, err
}

type principalKey struct{}

// guest is what RequireSignIn leaves in the context of a request.
type guest struct {
	by        *Gate
	again     func(context.Context) (*entry, error)
	principal *sso.Principal
	sent      http.Header // as it came, with the credentials
}

// letInBefore returns what this gate's RequireSignIn left in r; nil: it was not asked.
func (g *Gate) letInBefore(r *http.Request) *guest {
	if in, ok := r.Context().Value(principalKey{}).(*guest); ok && in.by == g {
		return in
	}
	return nil
}

// handOn is r as a handler behind RequireSignIn gets it (SECURITY H3, H6). X-Forwarded-For and the like stay: they are
// between the program and the proxy in front of it.
func (g *Gate) handOn(ctx context.Context, r *http.Request, e *entry, p *sso.Principal) *http.Request {
	in := &guest{by: g, again: g.again(r, e), principal: p, sent: r.Header}
	if before := g.letInBefore(r); before != nil {
		in.sent = before.sent
	}
	s := g.settings.Load()
	r = r.WithContext(context.WithValue(ctx, principalKey{}, in))
	r.Header = r.Header.Clone()
	s.clean(r.Header, identity)
	s.stripCredentials(r.Header)
	g.setIdentity(r.Header, e)
	if query := s.withoutBearer(r.URL.RawQuery); query != r.URL.RawQuery {
		to := *r.URL
		to.RawQuery = query
		r.URL, r.RequestURI = &to, to.RequestURI()
	}
	return r
}

// AsSent is r with the credentials that handOn took away, for the bridge's own pages behind RequireSignIn.
func (g *Gate) AsSent(r *http.Request) *http.Request {
	if before := g.letInBefore(r); before != nil {
		r = r.WithContext(r.Context())
		r.Header = before.sent
	}
	return r
}

// withoutIdentity is r without identity headers.
func (s *settings) withoutIdentity(r *http.Request) *http.Request {
	posing := func(name string, _ []string) bool { return s.kindOf(name) == identity }
	for name := range r.Header {
		if posing(name, nil) {
			r = r.WithContext(r.Context())
			r.Header = r.Header.Clone()
			maps.DeleteFunc(r.Header, posing)
			return r
		}
	}
	return r
}

// PrincipalFrom returns whom a request acts for, after [Gate.RequireSignIn]; nil elsewhere. It is shared with other
// requests: do not change it.
func PrincipalFrom(ctx context.Context) *sso.Principal {
	if in, ok := ctx.Value(principalKey{}).(*guest); ok {
		return in.principal
	}
	return nil
}
