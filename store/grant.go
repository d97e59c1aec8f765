package store

import (
	"context"
	"encoding/hex"
	"encoding/json"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sealed"
)

const (
	insertGrant = "INSERT INTO grants (session, hash, sealed) VALUES ($1, $2, $3)"
	findGrant   = "SELECT session, sealed FROM grants WHERE hash = $1"
	asksAgain   = "UPDATE sessions SET refreshed_at = created_at WHERE hash = $1"
)

// ownerOf names the row of a session's grant, for as long as it lives: the session may get another id.
func ownerOf(session sso.SessionHash) string { return hex.EncodeToString(session[:]) }

// keepGrant keeps with a session what the provider gave, if that is of use later.
func (l *attempt) keepGrant(ctx context.Context) error {
	if l.in.Granted.IDToken == "" {
		return nil
	}
	owner := ownerOf(l.in.Session.Hash)
	kept, err := l.sealGrant(ctx, l.c, owner, l.in.Granted)
	if err == nil {
		_, err = l.c.Exec(ctx, insertGrant, owner, l.in.Session.Hash, kept)
	}
	if err == nil && l.in.Granted.RefreshToken != "" {
		_, err = l.c.Exec(ctx, asksAgain, l.in.Session.Hash)
	}
	return err
}

func (s *Store) sealGrant(ctx context.Context, c *conn, owner string, g sso.Granted) (any, error) {
	plain, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	return s.sealed.Seal(ctx, c, sealed.Grants(), plain, owner)
}

// Granted returns what a provider gave with the sign-in of a session, the zero Granted when nothing is kept. What the
// SECRET_KEY of this store does not open counts as not kept.
func (s *Store) Granted(ctx context.Context, session sso.SessionHash) (g sso.Granted, err error) {
	_, g, err = s.granted(ctx, s.reading(), session)
	return g, err
}

func (s *Store) granted(ctx context.Context, c *conn, session sso.SessionHash) (owner string, g sso.Granted, err error) {
	var kept []byte
	found, err := c.One(ctx, []any{&owner, &kept}, findGrant, session)
	if err != nil || !found {
		return owner, g, err
	}
	plain, err := s.sealed.Open(sealed.Grants(), kept, owner)
	if err != nil {
		s.log.WarnContext(ctx, "what the provider gave with a session cannot be opened", "error", err)
		return owner, sso.Granted{}, nil
	}
	return owner, g, json.Unmarshal(plain, &g)
}
