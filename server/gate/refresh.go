package gate

import (
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Refresher asks providers again about the sessions that they opened. No request waits for it.
type Refresher interface {
	// Due is when it is to be told of a use of a session; zero: never.
	Due(s sso.Session) time.Time

	// Take has a session of a provider refreshed soon, and calls over when that is done. It is false when too many wait.
	Take(provider string, session sso.SessionHash, over func()) bool
}

// noteDue notes when the session of an entry is to be refreshed.
func (p *principals) noteDue(e *entry, s sso.Session) {
	if p.refresher == nil {
		return
	}
	if due := p.refresher.Due(s); !due.IsZero() {
		e.due.Store(due.UnixMicro())
	}
}

// refreshIfDue hands a session over that is used and due. What is not taken is due again at its next use; what is done is read
// anew, with the time at which it is due next.
func (p *principals) refreshIfDue(e *entry, now time.Time) {
	due := e.due.Load()
	if due == 0 || now.UnixMicro() < due || !e.due.CompareAndSwap(due, 0) {
		return
	}
	if hash := e.hash; !p.refresher.Take(e.provider, hash, func() { p.forget(hash) }) {
		e.due.Store(due)
	}
}
