package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// used is a store that knows how often each secret signed in.
type used map[string]int

func (u used) KeyUses(_ context.Context, ids []string, _ time.Time) (map[string]sso.KeyUse, error) {
	uses := map[string]sso.KeyUse{}
	for _, id := range ids {
		uses[id] = sso.KeyUse{SignIns: u[id]}
	}
	return uses, nil
}

// SECURITY F4, G6, G8: a secret is added in front and the ones before stay; what people still sign in with is not dropped
// unless that is confirmed; the last one stays; and nothing is done, nor told, without a proof.
func TestSecrets(t *testing.T) {
	ctx, now := t.Context(), time.Unix(1_800_000_000, 0)
	one, two := "one-secret-of-enough-length-0123456789", "two-secret-of-enough-length-0123456789"
	proved := Actor{Name: "root@example.com", At: now, Proved: true}
	confirmed := func(n int) SecretEdit { return SecretEdit{Version: 1, SignIns: n} }
	for _, tt := range []struct {
		name  string
		saved []string
		by    Actor
		do    func(Secrets, Actor) error
		want  []string // nil: nothing is saved
		err   error
	}{
		{"added", []string{one}, proved, func(s Secrets, by Actor) error { _, _, err := s.Add(ctx, by, two, false, confirmed(0)); return err }, []string{two, one}, nil},
		{"added again", []string{one, two}, proved, func(s Secrets, by Actor) error { _, _, err := s.Add(ctx, by, two, false, confirmed(0)); return err }, []string{two, one}, nil},
		{"replaced", []string{one}, proved, func(s Secrets, by Actor) error { _, _, err := s.Add(ctx, by, two, true, confirmed(3)); return err }, []string{two}, nil},
		{"replaced in use", []string{one}, proved, func(s Secrets, by Actor) error { _, _, err := s.Add(ctx, by, two, true, confirmed(2)); return err }, nil, ErrNotConfirmed},
		{"retired in use", []string{two, one}, proved, func(s Secrets, by Actor) error { _, err := s.Retire(ctx, by, confirmed(0)); return err }, nil, ErrNotConfirmed},
		{"retired", []string{two, one}, proved, func(s Secrets, by Actor) error { _, err := s.Retire(ctx, by, confirmed(3)); return err }, []string{two}, nil},
		{"none to retire", []string{one}, proved, func(s Secrets, by Actor) error { _, err := s.Retire(ctx, by, confirmed(9)); return err }, nil, sso.Invalid},
		{"removed", []string{one, two}, proved, func(s Secrets, by Actor) error {
			_, _, err := s.Remove(ctx, by, SecretName(two), confirmed(0))
			return err
		}, []string{one}, nil},
		{"the last one", []string{two}, proved, func(s Secrets, by Actor) error {
			_, _, err := s.Remove(ctx, by, SecretName(two), confirmed(9))
			return err
		}, nil, sso.Invalid},
		{"unknown", []string{one}, proved, func(s Secrets, by Actor) error { _, _, err := s.Remove(ctx, by, "0badc0de", confirmed(9)); return err }, nil, sso.NotFound},
		{"unproved", []string{one}, Actor{At: now}, func(s Secrets, by Actor) error { _, _, err := s.Remove(ctx, by, "0badc0de", confirmed(9)); return err }, nil, ErrProofNeeded},
		{"added unproved", []string{one}, Actor{At: now}, func(s Secrets, by Actor) error { _, _, err := s.Add(ctx, by, two, false, confirmed(0)); return err }, nil, ErrProofNeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var saved []string
			s := Secrets{
				Store: used{sso.SecretID(one): 3}, Setting: "JWT_SHARED_SECRET",
				Saved: func(context.Context) ([]string, error) { return slices.Clone(tt.saved), nil },
				Save: func(_ context.Context, c Change) (int64, error) {
					text := *c.Values["JWT_SHARED_SECRET"]
					saved = strings.Split(strings.Trim(text, `[]"`), `","`)
					return c.Version + 1, nil
				},
			}
			if err := tt.do(s, tt.by); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if !slices.Equal(saved, tt.want) {
				t.Errorf("saved %d secrets (%.60q), want %.60q", len(saved), saved, tt.want)
			}
		})
	}
}
