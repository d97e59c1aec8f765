package ssobridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssobridge/ssobridge/server/lastuse"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// judgeAgain is how long a good service token is remembered: so its last use is known to the minute, and nothing that the
// feed of changes does not tell of stays longer.
const judgeAgain = time.Minute

// useStore writes when tokens were last used.
type useStore interface {
	service.Reader
	Touch(ctx context.Context, used map[string]time.Time) error
}

// A ServiceBearer judges the tokens of service accounts. It is a [sso.Bearer].
type ServiceBearer struct {
	minter Minter
	store  useStore
	uses   *lastuse.Writer[string] // by jti
}

// NewServiceProvider makes the provider that every bridge has: its own.
func NewServiceProvider(cfg *setting.Config, keys *ServiceKeys, st useStore, log *slog.Logger) (*sso.Provider, *ServiceBearer) {
	m := NewMinter(cfg, keys)
	b := &ServiceBearer{minter: m, store: st, uses: lastuse.New("service tokens", log, st.Touch)}
	return &sso.Provider{Name: service.Provider, Label: "Service accounts", Issuer: m.Issuer, Settings: "SERVICE_", Bearer: b, Issues: true,
		KeySources: func() []sso.KeySource { return []sso.KeySource{keys.Source()} }}, b
}

// Authenticate implements [sso.Bearer]. The database is asked only for a token that one of our keys has signed.
func (b *ServiceBearer) Authenticate(ctx context.Context, text string, x *sso.Exam) *sso.Principal {
	jti := b.minter.Verifier().Verify(ctx, text, x)
	if !x.GoesOn() || jti == "" {
		return nil
	}
	var h *service.Holder
	x.Check("known", func(x *sso.Exam) (err error) {
		x.Note("the claim jti is %s", jti)
		if h, err = b.store.Holder(ctx, jti); errors.Is(err, sso.NotFound) {
			err = fmt.Errorf("no service account has this token: it was deleted, or is of another database: %w", sso.TokenRevoked)
		}
		return err
	})
	if h == nil {
		return nil
	}
	x.Until = h.Token.ExpiresAt
	if !h.Judge(text, x) {
		return nil
	}
	p := h.Principal()
	if again := x.Now.Add(judgeAgain); again.Before(p.Until) {
		p.Until = again
	}
	if !x.Explaining {
		b.uses.Note(jti, x.Now)
	}
	return p
}

// Generation implements [sso.Bearer].
func (b *ServiceBearer) Generation() uint64 { return b.minter.Keys.generation() }

// Follow writes last use back until ctx ends, and once more then.
func (b *ServiceBearer) Follow(ctx context.Context) { b.uses.Follow(ctx) }
