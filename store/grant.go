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
	findGrant   = "SELECT sealed FROM grants WHERE session = $1"
)

// ownerOf names the row of a session's grant.
func ownerOf(session sso.SessionHash) string { return hex.EncodeToString(session[:]) }

// keepGrant keeps with a session what the provider gave, if that is of use later.
func (l *attempt) keepGrant(ctx context.Context) error {
	if l.in.Granted.IDToken == "" {
		return nil
	}
	kept, err := l.sealGrant(ctx, l.c, l.in.Session.Hash, l.in.Granted)
	if err == nil {
		_, err = l.c.Exec(ctx, insertGrant, ownerOf(l.in.Session.Hash), l.in.Session.Hash, kept)
	}
	return err
}

func (s *Store) sealGrant(ctx context.Context, c *conn, session sso.SessionHash, g sso.Granted) (any, error) {
	plain, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	return s.sealed.Seal(ctx, c, sealed.Grants(), plain, ownerOf(session))
}

// Granted returns what a provider gave with the sign-in of a session, the zero Granted when nothing is kept. What the
// SECRET_KEY of this store does not open counts as not kept.
func (s *Store) Granted(ctx context.Context, session sso.SessionHash) (g sso.Granted, err error) {
	return s.granted(ctx, s.reading(), session)
}

func (s *Store) granted(ctx context.Context, c *conn, session sso.SessionHash) (g sso.Granted, err error) {
	var kept []byte
	found, err := c.One(ctx, []any{&kept}, findGrant, ownerOf(session))
	if err != nil || !found {
		return g, err
	}
	plain, err := s.sealed.Open(sealed.Grants(), kept, ownerOf(session))
	if err != nil {
		s.log.WarnContext(ctx, "what the provider gave with a session cannot be opened", "error", err)
		return sso.Granted{}, nil
	}
	return g, json.Unmarshal(plain, &g)
}
