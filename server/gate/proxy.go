package gate

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// proxied is what reverseProxy hands to the proxy's functions.
type proxied struct {
	entry    *entry // nil: anyone, on a public path
	public   bool   // the path is everyone's
	settings *settings
	gate     *Gate
	asked    *http.Request // as it came
	id       string        // of the request
	upload   *upload       // its body; nil: none
}

type proxiedKey struct{}

// newProxy makes the reverse proxy of UPSTREAM. The standard library's handles WebSockets, streaming and trailers, and
// removes hop-by-hop headers before Rewrite, so that "Connection: Remote-User" removes nothing of ours (SECURITY H5).
func newProxy(upstream *url.URL, transport http.RoundTripper, errorLog *log.Logger) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:      transport,
		ErrorLog:       errorLog,
		Rewrite:        func(pr *httputil.ProxyRequest) { rewrite(pr, upstream) },
		ModifyResponse: mendAnswer,
		ErrorHandler:   upstreamFailed,
		FlushInterval:  -1, // server-sent events and other streams arrive as they are sent
	}
}

func rewrite(pr *httputil.ProxyRequest, upstream *url.URL) {
	p := pr.In.Context().Value(proxiedKey{}).(proxied)
	pr.Out.URL.RawQuery = p.settings.withoutBearer(pr.In.URL.RawQuery) // as it was sent: the library drops what Go cannot parse
	pr.SetURL(upstream)
	pr.Out.Host = pr.In.Host
	h := pr.Out.Header
	keepWebSocketOnly(h)
	p.settings.clean(h, identity, target, forwarded)
	p.settings.stripCredentials(h)
	h.Set("X-Forwarded-For", p.settings.Peer(pr.In))
	h.Set("X-Forwarded-Host", pr.In.Host)
	h.Set("X-Forwarded-Proto", map[bool]string{true: "https", false: "http"}[p.settings.Cookie.Secure])
	p.gate.setIdentity(h, p.entry)
	if len(pr.In.Trailer) > 0 {
		pr.Out.Body = &trailing{pr.Out.Body, pr.In.Trailer, pr.Out.Trailer}
		p.settings.cleanTrailer(pr.Out.Trailer)
	}
}

func upstreamFailed(w http.ResponseWriter, r *http.Request, err error) {
	p := r.Context().Value(proxiedKey{}).(proxied)
	switch {
	case errors.Is(context.Cause(r.Context()), errSessionOver):
		if web.ReaderOf(p.asked).CanSignIn(p.asked.Method) {
			p.comeAgain(w)
			return
		}
		err = sso.NotSignedIn
	case p.upload != nil && p.upload.failed.Load(): // err may quote the client (SECURITY K1)
		err = fmt.Errorf("the body of the request is cut off or malformed: %w", sso.RequestMalformed)
	case errors.Is(err, context.Canceled): // the client went away, or it closed its half: an empty 200 would be a lie
		panic(http.ErrAbortHandler)
	default:
		p.gate.web.Log.Error("upstream does not answer", "error", err)
		p.gate.web.Metrics.UpstreamFailed()
		err = sso.UpstreamDown
	}
	p.upload.endConnection(w.Header())
	w.Header()[web.RequestIDHeader] = []string{p.id}
	p.gate.refuseApp(w, p.asked, p.settings, p.settings.wantedHere(p.asked), err) // r has the app's path, and credentials removed
}

// comeAgain has the browser ask for the same page once more, whose session ended before the app answered. Another tab of it may
// have signed in meanwhile, which ends the session of before: then the page comes. If not, the browser is sent to sign in.
func (p proxied) comeAgain(w http.ResponseWriter) {
	to := *p.asked.URL
	to.RawQuery = urltext.WithoutToken(p.settings.withoutBearer(to.RawQuery))
	p.upload.endConnection(w.Header())
	w.Header()[web.RequestIDHeader] = []string{p.id}
	p.gate.web.Site().Begin(w.Header(), p.asked)
	w.Header().Set("Location", oneSlash(to.RequestURI())) // as it was asked for: http.Redirect would make one slash of two in the path
	w.WriteHeader(http.StatusFound)
}

// ReverseProxy answers for the app behind UPSTREAM: who may pass, passes; a browser that is not signed in is sent to sign
// in and comes back to the page it wanted, and anything else gets 401.
func (g *Gate) ReverseProxy(w http.ResponseWriter, r *http.Request) {
	s := g.settings.Load()
	e, rule, err := g.letIn(r, s)
	switch {
	case err == nil:
		g.pass(w, r, s, e, rule)
	case sso.CodeOf(err) == sso.NotSignedIn && web.ReaderOf(r).CanSignIn(r.Method):
		g.web.WarnStrayToken(r, r.URL.Path, r.URL.RawQuery)
		http.Redirect(w, r, s.signInPath(r), http.StatusFound)
	default:
		g.refuseApp(w, r, s, s.wantedHere(r), err)
	}
}

// letIn decides whether a request may pass to the app, for whom and by which rule. A nil entry without an error is anyone,
// on a public path.
func (g *Gate) letIn(r *http.Request, s *settings) (e *entry, rule access.Rule, err error) {
	if rule, err = s.decide(web.WithoutPort(r.Host), r.Method, r.URL.EscapedPath(), r.Header); err != nil {
		return nil, rule, err
	}
	if err = s.checkTarget(r.URL); err != nil {
		return nil, rule, err
	}
	if e, err = g.admit(r, s, rule); e == nil {
		return nil, rule, err
	}
	if err = s.checkOrigin(r); err != nil && rule.Public {
		return nil, rule, nil
	}
	return e, rule, err
}

// signInPath begins a sign-in that ends where r was to go, without a token that was in it (SECURITY B5).
func (s *settings) signInPath(r *http.Request) string {
	to := *r.URL
	to.RawQuery = urltext.WithoutToken(s.withoutBearer(to.RawQuery))
	return s.Path("/auth/sso?redirect=" + url.QueryEscape(oneSlash(to.RequestURI())))
}

// pass hands a request to the app, for as long as its session lasts.
func (g *Gate) pass(w http.ResponseWriter, r *http.Request, s *settings, e *entry, rule access.Rule) {
	p := proxied{entry: e, public: rule.Public, settings: s, gate: g, asked: r, id: w.Header().Get(web.RequestIDHeader)}
	s.LeaveToApp(w.Header())
	body := r.Body
	if r.ContentLength != 0 && body != nil {
		p.upload = &upload{ReadCloser: body}
		body = p.upload
		answerBeforeEnd(w)
		web.FreeBody(w, r)
		defer func() {
			if !p.upload.ended.Load() {
				web.BoundBody(w, r)
			}
		}()
	}
	ctx := noteUpload(context.WithValue(r.Context(), proxiedKey{}, p), p.upload != nil)
	if e != nil {
		var done func()
		ctx, done = g.watch(r.WithContext(ctx), e, rule.Groups)
		defer done()
		if p.upload != nil { // it stands in a read that no context ends
			defer context.AfterFunc(ctx, func() {
				if errors.Is(context.Cause(ctx), errSessionOver) {
					_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // the connection ends with the answer
				}
			})()
		}
	}
	r = r.WithContext(ctx)
	r.Body = body
	s.proxy.ServeHTTP(w, r)
}

// oneSlash is a target, path and query, with one slash in front, where people write two by mistake: what begins with two
// names a host to browsers, and no sign-in ends there (SECURITY B1).
func oneSlash(target string) string { return "/" + strings.TrimLeft(target, "/") }
