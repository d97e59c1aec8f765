package admin

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// An action is something that an administrator does to people, groups and sessions. Settings are not among them: the
// table of settings says which of those need a proof.
type action int

const (
	makeAccount action = iota
	deactivate
	reactivate
	changeAttribute
	endSession
	makeGroup
	renameGroup
	deleteGroup
	emptyGroup
	addMember
	removeMember
)

// needsProof says which actions need a recent proof of who the administrator is (SECURITY G6). What gives a person anything
// does: a way in, a group, a name that a rule or a token speaks of, an attribute that the app trusts. So does what cannot be
// undone. What shuts somebody out, and can be taken back, does not: it must be quick.
func (a action) needsProof() bool {
	switch a {
	case deactivate, endSession, removeMember:
		return false
	}
	return true
}

func (a action) kind() sso.EventKind {
	switch a {
	case makeAccount, deactivate, reactivate, changeAttribute:
		return sso.EventAccount
	case endSession:
		return sso.EventSession
	}
	return sso.EventGroup
}

// event is the line of the audit trail for an action of this administrator, or the refusal of it. Whatever changes people,
// groups or sessions gets its event here, and so no action can be without its rule.
func (c *call) event(a action, format string, args ...any) (sso.Event, error) {
	if a.needsProof() {
		if err := c.notRecent(); err != nil {
			return sso.Event{}, err
		}
	}
	return sso.Event{
		At: c.a.Now(), Kind: a.kind(), Actor: c.who.Account.Email, Peer: c.a.Host.Peer(c.Request()),
		Reference: c.a.Host.Reference(c.Request()), Detail: fmt.Sprintf(format, args...),
	}, nil
}

// about is the event of an action that is about a person.
func (c *call) about(a action, email, format string, args ...any) (sso.Event, error) {
	e, err := c.event(a, format, args...)
	e.Email = email
	return e, err
}

// needsProof reports whether these settings include one that must not be changed, nor unset, without a recent proof. What
// is not known here is a setting of some provider, or none, which is refused later with words.
func needsProof(values map[string]*string) bool {
	for name := range values {
		if s := setting.Find(name); s == nil || !s.WithoutProof {
			return true
		}
	}
	return false
}

// notRecent refuses what needs a recent proof of who the person is.
func (c *call) notRecent() error {
	if c.a.Host.Recent == nil || c.a.Host.Recent(c.Request()) {
		return nil
	}
	return c.a.proofNeeded()
}

// proofNeeded says where the proof is given.
func (a *Admin) proofNeeded() error {
	at := a.path("/auth/confirm")
	return &Refusal{Err: sso.ProofNeeded.About(at, "this needs a recent proof of who you are: sign in again, or confirm it at %s, and repeat the request", at)}
}

// proveFirst answers a form that needs a recent proof: the form waits until the person has given one.
func (c *call) proveFirst(form url.Values) error {
	location, err := c.a.Host.KeepForm(c.Request(), form)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, location)
}
