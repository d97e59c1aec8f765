package server

import (
	"context"
	"net/http"

	"github.com/ssobridge/ssobridge/sso"
)

// Mount returns a handler that answers the bridge's own paths (/auth/…, /login, /admin/… and the like; see
// [Server.Routes]) and hands everything else to next, for anyone. Put it in front of all of a program's routes, with
// [Server.RequireSignIn] before those that are not for everyone. The path / stays next's.
func (s *Server) Mount(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ownPath(r.URL.Path) {
			s.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireSignIn returns a middleware that lets next answer those who are signed in and, if groups are named, are in one of
// them; [PrincipalFrom] tells next who that is. A browser that is not signed in is sent to sign in and comes back to the
// page it wanted; other clients get 401, those in none of the groups 403, everyone 503 while it cannot be told.
//
// The context of a request that runs ends when its session does, or loses the groups.
func (s *Server) RequireSignIn(groups ...string) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e, p, err := s.signedIn(r, groups)
			switch {
			case err == nil:
				ctx, done := s.principals.watch(r.Context(), e, groups)
				defer done()
				setPrivate(w.Header())
				next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, principalKey{}, p)))
			case sso.CodeOf(err) == sso.NotSignedIn && wantsPage(r.Method, r.Header):
				setPrivate(w.Header())
				http.Redirect(w, r, s.live.Load().signInPath(r), http.StatusFound)
			default:
				s.serveRefusal(w, r, err)
			}
		})
	}
}

func (s *Server) signedIn(r *http.Request, groups []string) (*entry, *sso.Principal, error) {
	e, err := s.check(r, s.live.Load())
	if err != nil {
		return nil, nil, err
	}
	if len(groups) > 0 && !e.inAny(groups) {
		return nil, nil, notIn(e, groups)
	}
	p, err := s.principals.whole(r.Context(), e)
	return e, p, err
}

type principalKey struct{}

// PrincipalFrom returns whom a request acts for, after [Server.RequireSignIn]; nil elsewhere. It is shared with other
// requests: do not change it.
func PrincipalFrom(ctx context.Context) *sso.Principal {
	p, _ := ctx.Value(principalKey{}).(*sso.Principal)
	return p
}
