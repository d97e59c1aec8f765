package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
)

const (
	// lookEvery is how often a window looks for what came: with what the page then takes, that is within a second.
	lookEvery = 300 * time.Millisecond
	// beatEvery keeps proxies from taking a stream without an event for one that hangs.
	beatEvery = 15 * time.Second
	// slowest is how long a browser may take for one event.
	slowest = 5 * time.Second

	// maxWindows bounds the streams of a replica, and ofOnePerson those of an administrator: over HTTP/1.1 a browser has six
	// connections to a site, and every tab with a stream keeps one of them.
	maxWindows  = 30
	ofOnePerson = 3
)

// An ending is why a stream ends, for whoever looks at the page.
type ending string

func (e ending) Error() string { return string(e) }

const (
	elsewhere ending = "You watch in other tabs. This one has stopped."
	full      ending = "As many of these windows are open as this bridge allows. Look again to see what came."
	long      ending = "This window has watched for as long as one does, and has stopped."
	noMore    ending = "You are signed out, or no administrator any more. This window has stopped."
)

// windows are the streams that are open.
type windows struct {
	mu   sync.Mutex
	open []*window // the oldest first
}

// A window is one stream.
type window struct {
	account int64
	end     context.CancelCauseFunc
}

// add opens a window for an administrator. The oldest of too many of one person ends. false: there are too many of all.
func (w *windows) add(ctx context.Context, account int64) (watching context.Context, done func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var own []*window
	for _, o := range w.open {
		if o.account == account {
			own = append(own, o)
		}
	}
	if len(own) >= ofOnePerson {
		own[0].end(elsewhere)
		w.remove(own[0])
	}
	if len(w.open) >= maxWindows {
		return nil, nil, false
	}
	watching, end := context.WithCancelCause(ctx)
	n := &window{account, end}
	w.open = append(w.open, n)
	return watching, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.remove(n)
		end(nil)
	}, true
}

// remove takes a window out, if it is there. The lock is held.
func (w *windows) remove(n *window) {
	for i, o := range w.open {
		if o == n {
			w.open = append(w.open[:i:i], w.open[i+1:]...)
			return
		}
	}
}

// events tells a window that something came, by server-sent events (HTML §9.2): only that, and the page is loaded again. What ends a
// stream for good is an event, too; a browser opens any other again by itself.
func (a liveArea) events(c *area.Call) error {
	w, opened := a.watchOf(c)
	if !opened {
		return fmt.Errorf("the address is not that of a window: open %s: %w", LivePath, sso.RequestMalformed)
	}
	if err := a.ownPage(c.Request()); err != nil {
		return err
	}
	s := &stream{to: http.NewResponseController(c.Response()), response: c.Response()}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps it back
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	defer s.end()
	ctx, done, err := a.Host.While(c.Request())
	if err != nil {
		s.send("end", string(noMore))
		return nil
	}
	defer done()
	watching, close, ok := a.windows.add(ctx, c.Who.Account.ID)
	if !ok {
		s.send("end", string(full))
		return nil
	}
	defer close()
	a.follow(watching, w, s)
	switch {
	case errors.Is(context.Cause(watching), elsewhere):
		s.send("end", string(elsewhere))
	case ctx.Err() != nil: // when the browser has gone, nobody reads it
		s.send("end", string(noMore))
	case w.over(a.Now()):
		s.send("end", string(long))
	}
	return nil
}

// ownPage refuses a stream to a page of another site. It could read nothing, but a sibling host gets the session's cookie sent, and
// each stream takes the place of one that its administrator watches.
func (a liveArea) ownPage(r *http.Request) error {
	asked := r.WithContext(r.Context())
	asked.Method = http.MethodPost // a GET may come from anywhere
	return a.Host.SameOrigin(asked)
}

// follow sends what comes until the window ends. At the end of the server the stream does, and the browser comes back to another
// one.
func (a liveArea) follow(ctx context.Context, w watch, s *stream) {
	look, beat := time.NewTicker(lookEvery), time.NewTicker(beatEvery)
	defer look.Stop()
	defer beat.Stop()
	known := int64(-1)
	for !w.over(a.Now()) && !a.Host.Ending() {
		asking, cancel := context.WithTimeout(ctx, slowest)
		_, last, err := a.came(asking, w, shownAtOnce)
		cancel()
		if err == nil && last != known { // a database that does not answer will again
			known = last
			s.send("came", fmt.Sprint(last))
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			s.beat()
		case <-look.C:
		}
		if s.failed {
			return
		}
	}
}

// A stream is an answer of server-sent events.
type stream struct {
	response *echo.Response
	to       *http.ResponseController
	failed   bool // the browser does not read, or has gone
}

// send writes one event. Its parts have no line breaks.
func (s *stream) send(event, data string) {
	s.write("event: " + event + "\ndata: " + data + "\n\n")
}

// beat writes a comment, which says nothing.
func (s *stream) beat() { s.write(": still here\n\n") }

func (s *stream) write(text string) {
	if s.failed {
		return
	}
	_ = s.to.SetWriteDeadline(time.Now().Add(slowest)) // where it is not supported, the connection has its own
	_, err := s.response.Write([]byte(text))
	if err == nil {
		err = s.to.Flush()
	}
	s.failed = err != nil
}

// end lets the connection serve others.
func (s *stream) end() { _ = s.to.SetWriteDeadline(time.Time{}) }
