package web

import (
	"context"
	"net/http"

	"github.com/ssobridge/ssobridge/sso"
)

// SessionEvent is an event of this kind about the session of p, which a request has brought about; p may be nil.
func (web *Web) SessionEvent(r *http.Request, p *sso.Principal, kind sso.EventKind) sso.Event {
	e := sso.Event{At: web.Now(), Kind: kind, Reference: Reference(r), Peer: web.Site().Peer(r)}
	if p != nil {
		e.AccountID, e.Email, e.Provider = p.Account.ID, p.Account.Email, p.Session.Provider
	}
	return e
}

// RecordRefusal leaves an event of what was refused. The refusal stands whatever comes of it.
func (web *Web) RecordRefusal(ctx context.Context, e sso.Event) {
	if err := web.events.Record(ctx, e); err != nil {
		web.Log.ErrorContext(ctx, "event not recorded", "reference", e.Reference, "reason", sso.Reason(err))
	}
}
