package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
)

// handoffStore keeps something for a moment. Data is sealed at rest.
type handoffStore interface {
	KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error
	// TakeHandoff returns what was kept, once; then, and after its time, [sso.NotFound].
	TakeHandoff(ctx context.Context, key string) ([]byte, error)
}

const handoffLifetime = time.Minute

// handoff is what a form of another site posted.
type handoff struct {
	JWT      string `json:"j,omitempty"`
	Code     string `json:"c,omitempty"`
	State    string `json:"s,omitempty"`
	ReturnTo string `json:"r,omitempty"`
	IDPError string `json:"e,omitempty"`
}

// keepHandoff answers a form that was posted from a page of another site, which is how an IdP keeps a token out of URLs.
// Browsers send no SameSite=Lax cookie with such a POST, so neither the flow this browser began nor who is signed in can
// be seen. What came is kept on the server for a moment, and the browser comes back for it with a GET, which does bring
// those cookies. The link is good once, and the flow is checked when it is followed: whoever steals it has no more than
// the token he could not use either.
func (s *Server) keepHandoff(c echo.Context, l *live, in params) error {
	if in.returnTo != "" { // refused first, before anything is kept
		if _, err := l.bridge.Return.Parse(in.returnTo); err != nil {
			return err
		}
	}
	data, err := json.Marshal(handoff{in.jwt, in.code, in.state, in.returnTo, in.idpError})
	if err != nil {
		return err
	}
	id := rand.Text()
	if err := s.Store.KeepHandoff(c.Request().Context(), handoffKey(id), data, s.Now().Add(handoffLifetime)); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/auth/sso?handoff="+id)
}

func (s *Server) takeHandoff(r *http.Request, id string) (params, error) {
	data, err := s.Store.TakeHandoff(r.Context(), handoffKey(id))
	if errors.Is(err, sso.NotFound) {
		return params{}, fmt.Errorf("this step of the sign-in was taken already, or took over %v: %w", handoffLifetime, sso.FlowMissing)
	}
	if err != nil {
		return params{}, err
	}
	var h handoff
	if err := json.Unmarshal(data, &h); err != nil {
		return params{}, err
	}
	return params{jwt: h.JWT, code: h.Code, state: h.State, returnTo: h.ReturnTo, idpError: h.IDPError}, nil
}

func handoffKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
