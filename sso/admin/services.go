package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
)

// A ServiceStore is what service accounts need of package store.
type ServiceStore interface {
	Create(ctx context.Context, a service.Account, e sso.Event) (service.Account, error)
	Account(ctx context.Context, id int64) (service.Account, error)
	Relabel(ctx context.Context, id int64, label string, e sso.Event) error
	SetActive(ctx context.Context, id int64, active bool, e sso.Event) error
	Delete(ctx context.Context, id int64, e sso.Event) error
	AddToken(ctx context.Context, t service.Token, hash service.Hash, replaces string, e sso.Event) error
	RevokeToken(ctx context.Context, accountID int64, id string, e sso.Event) error
	Holder(ctx context.Context, jti string) (*service.Holder, error)
}

// A Minter signs service tokens.
type Minter interface {
	// Mint returns the token of the account with this name, and the id of the key that signed it.
	Mint(ctx context.Context, name string, t service.Token) (text, keyID string, err error)
}

// Services are the service accounts of the bridge: callers that are no people, and their tokens.
type Services struct {
	Store  ServiceStore
	Minter Minter
}

// Create makes a service account, which has no token yet. What is wrong is a [*Refusal] of the field "name" or "label".
func (s Services) Create(ctx context.Context, by Actor, name, label string) (service.Account, error) {
	e, err := by.event(makeService, "service account %q made", name)
	if err != nil {
		return service.Account{}, err
	}
	if err := service.CheckName(name); err != nil {
		return service.Account{}, Invalid("name", "%s", err)
	}
	if err := service.CheckLabel(label); err != nil {
		return service.Account{}, Invalid("label", "%s", err)
	}
	made, err := s.Store.Create(ctx, service.Account{Name: name, Label: label, MakerID: by.AccountID}, e)
	return made, aboutName(err)
}

// Relabel gives a service account another label. Its name, which its tokens have, stays.
func (s Services) Relabel(ctx context.Context, by Actor, id int64, label string) error {
	if err := by.may(changeService); err != nil {
		return err
	}
	a, err := s.Store.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := service.CheckLabel(label); err != nil {
		return Invalid("label", "%s", err)
	}
	e, err := by.event(changeService, "service account %q: label %q → %q", a.Name, a.Label, label)
	if err != nil {
		return err
	}
	return s.Store.Relabel(ctx, id, label, e)
}

// Deactivate stops all tokens of a service account at once, on every replica.
func (s Services) Deactivate(ctx context.Context, by Actor, id int64) error {
	return s.change(ctx, by, stopService, id, "deactivated", func(e sso.Event) error { return s.Store.SetActive(ctx, id, false, e) })
}

// Reactivate lets the tokens of a service account work again.
func (s Services) Reactivate(ctx context.Context, by Actor, id int64) error {
	return s.change(ctx, by, changeService, id, "active again", func(e sso.Event) error { return s.Store.SetActive(ctx, id, true, e) })
}

// Delete deletes a service account with its tokens. It cannot be taken back.
func (s Services) Delete(ctx context.Context, by Actor, id int64) error {
	return s.change(ctx, by, changeService, id, "deleted, with its tokens", func(e sso.Event) error { return s.Store.Delete(ctx, id, e) })
}

func (s Services) change(ctx context.Context, by Actor, a action, id int64, what string, do func(sso.Event) error) error {
	if err := by.may(a); err != nil {
		return err
	}
	account, err := s.Store.Account(ctx, id)
	if err != nil {
		return err
	}
	e, err := by.event(a, "service account %q %s", account.Name, what)
	if err != nil {
		return err
	}
	return do(e)
}

// A NewToken is a token that is asked for.
type NewToken struct {
	Name     string
	TTL      string  // see [service.Ends]
	Groups   []int64 // at most those of whoever makes it
	Replaces string  // the token that is revoked in the same moment; "" for none
}

// Token makes a token. text is shown once, and kept nowhere. What is wrong is a [*Refusal] of the field "name", "ttl" or
// "groups".
func (s Services) Token(ctx context.Context, by Actor, accountID int64, n NewToken) (t service.Token, text string, err error) {
	if err := by.may(makeToken); err != nil {
		return t, "", err
	}
	if by.AccountID == 0 && by.Name != Shell { // the shell may give every group
		return t, "", errors.New("an actor without an account makes no token")
	}
	account, err := s.Store.Account(ctx, accountID)
	if err != nil {
		return t, "", err
	}
	if !account.Active {
		return t, "", conflict("the service account is deactivated: activate it first")
	}
	if err := service.CheckLabel(n.Name); err != nil {
		return t, "", Invalid("name", "%s", err)
	}
	t = service.Token{ID: rand.Text(), AccountID: account.ID, Name: n.Name, MakerID: by.AccountID, MakerActive: true, CreatedAt: by.At}
	if t.ExpiresAt, err = service.Ends(n.TTL, by.At); err != nil {
		return t, "", Invalid("ttl", "%s", err)
	}
	for _, id := range n.Groups {
		t.Groups = append(t.Groups, sso.Group{ID: id})
	}
	if text, t.KeyID, err = s.Minter.Mint(ctx, account.Name, t); err != nil {
		return t, "", err
	}
	e, err := by.event(makeToken, "token %s of the service account %q made%s, good %s", named(t), account.Name, instead(n.Replaces), until(t))
	if err != nil {
		return t, "", err
	}
	switch err = s.Store.AddToken(ctx, t, service.HashToken(text), n.Replaces, e); sso.CodeOf(err) {
	case sso.Forbidden:
		err = AtField("groups", fmt.Errorf("%s: %w", sso.Reason(err), sso.Invalid))
	case sso.NotFound:
		if n.Replaces == "" {
			err = AtField("groups", fmt.Errorf("%s: %w", sso.Reason(err), sso.Invalid))
		}
	}
	if err != nil {
		return t, "", err
	}
	made, err := s.Store.Holder(ctx, t.ID)
	if err != nil {
		return t, "", err
	}
	return made.Token, text, nil
}

func instead(replaces string) string {
	if replaces == "" {
		return ""
	}
	return " in the place of " + short(replaces)
}

func until(t service.Token) string {
	if t.Endless() {
		return "without end"
	}
	return "until " + t.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC")
}

// named is how events call a token: nobody learns the token from it.
func named(t service.Token) string {
	if t.Name == "" {
		return short(t.ID)
	}
	return fmt.Sprintf("%q (%s)", t.Name, short(t.ID))
}

func short(id string) string { return sso.Truncate(id, 8) }

// Regenerate makes a token in the place of another one, with its name and its groups. Whoever asks must be in all of them, as
// for a new token: it acts for its new maker. ttl "" is as long as the other one lived.
func (s Services) Regenerate(ctx context.Context, by Actor, accountID int64, id, ttl string) (service.Token, string, error) {
	old, err := s.token(ctx, by, makeToken, accountID, id)
	if err != nil {
		return old, "", err
	}
	if ttl == "" {
		ttl = "Unlimited"
		if !old.Endless() {
			ttl = old.ExpiresAt.Sub(old.CreatedAt).String()
		}
	}
	n := NewToken{Name: old.Name, TTL: ttl, Replaces: id}
	for _, g := range old.Groups {
		n.Groups = append(n.Groups, g.ID)
	}
	return s.Token(ctx, by, accountID, n)
}

// Revoke ends one token at once, on every replica.
func (s Services) Revoke(ctx context.Context, by Actor, accountID int64, id string) error {
	t, err := s.token(ctx, by, stopService, accountID, id)
	if err != nil {
		return err
	}
	a, err := s.Store.Account(ctx, accountID)
	if err != nil {
		return err
	}
	e, err := by.event(stopService, "token %s of the service account %q revoked", named(t), a.Name)
	if err != nil {
		return err
	}
	return s.Store.RevokeToken(ctx, accountID, id, e)
}

// token returns a token of the account that is not revoked.
func (s Services) token(ctx context.Context, by Actor, a action, accountID int64, id string) (service.Token, error) {
	if err := by.may(a); err != nil {
		return service.Token{}, err
	}
	h, err := s.Store.Holder(ctx, id)
	switch {
	case err != nil:
		return service.Token{}, err
	case h.Account.ID != accountID:
		return service.Token{}, fmt.Errorf("no such token: %w", sso.NotFound)
	case !h.Token.RevokedAt.IsZero():
		return service.Token{}, conflict("this token is revoked already")
	}
	return h.Token, nil
}
