package ssobridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// AssertionType is the typ of the bridge's assertions (RFC 8725 §3.11): no one can take one for a login token.
const AssertionType = "assertion+jwt"

// The life of a signing key. It is published as soon as it is made, signs from KeyLead later until the next key does so,
// and stays published for KeyOverlap after that. Apps keep the key set for five minutes and an assertion lives for five,
// so that none ever meets an assertion whose key it cannot find (SECURITY F4).
const (
	KeyLifetime = 90 * 24 * time.Hour // from when it is made until the next one signs
	KeyLead     = time.Hour
	KeyOverlap  = time.Hour
)

// tendEvery is how often it is seen whether a new key is due.
const tendEvery = 10 * time.Minute

// KeyStore keeps signing keys, sealed; package store has it.
type KeyStore interface {
	// SigningKeys returns all of them.
	SigningKeys(ctx context.Context) ([]sso.StoredKey, error)
	// EnsureSigningKey adds a key, unless one in use was made after since: of replicas that ask at once, one adds its key.
	EnsureSigningKey(ctx context.Context, id string, private []byte, at, since time.Time) (added bool, err error)
	// DeleteSigningKey returns [sso.NotFound] when another replica was first.
	DeleteSigningKey(ctx context.Context, id string) error
	Record(ctx context.Context, e sso.Event) error
}

// A Signer signs what the bridge asserts to the app behind it (Remote-Assertion), with keys that are kept sealed in the
// store and shared by all replicas. It is a gate.Signer. Make one with [NewSigner]; run [Signer.Follow] beside it, and
// call [Signer.Reload] when the store says that something changed.
type Signer struct {
	store KeyStore
	now   func() time.Time
	log   *slog.Logger
	keys  atomic.Pointer[[]signingKey]
	alg   string       // "": nothing is signed
	also  *ServiceKeys // published beside them; nil: none
	mu    sync.Mutex   // held while keys are read and put in force, so that older ones never replace newer ones
}

// A signingKey is one key and its dates. All replicas derive the same from the same rows.
type signingKey struct {
	*keyset.SigningKey
	made    time.Time
	signs   time.Time // from then on
	retired time.Time // zero: in use
	until   time.Time // published until then; zero: no end is known
}

// NewSigner reads the bridge's signing keys, makes the first one, and the next one when it is due. assertion is ASSERTION; with
// [setting.AssertionOff] no key is made, and those that there are stay as they are.
func NewSigner(ctx context.Context, st KeyStore, assertion string, now func() time.Time, log *slog.Logger) (*Signer, error) {
	s := &Signer{store: st, alg: assertion, now: now, log: log}
	if assertion == setting.AssertionOff {
		s.alg = ""
	}
	s.keys.Store(&[]signingKey{})
	if err := s.Tend(ctx); err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return s, nil
}

// Reload takes in the keys as they are in the store now.
func (s *Signer) Reload(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, err := s.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	keys, err := arrange(stored)
	if err == nil {
		s.keys.Store(&keys)
	}
	return err
}

// arrange puts keys in order of their age and derives their dates.
func arrange(stored []sso.StoredKey) ([]signingKey, error) {
	stored = slices.SortedFunc(slices.Values(stored), func(a, b sso.StoredKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	keys := make([]signingKey, len(stored))
	next := time.Time{} // when the next younger key in use begins to sign
	for i, k := range slices.Backward(stored) {
		key, err := keyset.ParseSigningKey(k.Private)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		keys[i] = signingKey{SigningKey: key, made: k.CreatedAt, signs: k.CreatedAt.Add(KeyLead), retired: k.RetiredAt}
		switch {
		case !k.RetiredAt.IsZero():
			keys[i].until = k.RetiredAt.Add(KeyOverlap)
			continue
		case !next.IsZero():
			keys[i].until = next.Add(KeyOverlap)
		}
		next = keys[i].signs
	}
	return keys, nil
}

// current is the key that signs at now: the youngest that is due; before any is, the oldest. nil: there is none.
func current(keys []signingKey, now time.Time) *signingKey {
	var found *signingKey
	for i := range keys {
		k := &keys[i]
		if k.retired.IsZero() && (found == nil || !now.Before(k.signs)) {
			found = k
		}
	}
	return found
}

func (k *signingKey) published(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// SignAssertion signs claims as they are. Where ASSERTION has just been changed, the key that there is signs until the next one
// does so.
func (s *Signer) SignAssertion(claims any) (string, error) {
	if s.alg == "" {
		return "", errOff
	}
	k := current(*s.keys.Load(), s.now())
	if k == nil {
		return "", errors.New("no signing key is in use")
	}
	return k.Sign(claims, AssertionType)
}

var errOff = errors.New("ASSERTION is off, so nothing is signed")

// Made returns when the key was made that signs now; ok is false when there is none.
func (s *Signer) Made() (at time.Time, ok bool) {
	k := current(*s.keys.Load(), s.now())
	if k == nil || s.alg == "" {
		return time.Time{}, false
	}
	return k.made, true
}

// JWKS is the public key set, RFC 7517: the key that signs, the next one, and those that did so lately.
func (s *Signer) JWKS() ([]byte, error) {
	now := s.now()
	var public []keyset.Key
	for _, k := range *s.keys.Load() {
		if k.published(now) {
			public = append(public, k.Public())
		}
	}
	if s.also != nil {
		public = append(public, s.also.Public()...)
	}
	return keyset.PublicJWKS(public...)
}

// Follow sees to the keys until ctx ends. What fails is logged and tried again.
func (s *Signer) Follow(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Tend(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "signing keys not seen to; it will be tried again", "error", err)
		}
	}
}

// Tend makes a key when one is due, and deletes those that are published no more.
func (s *Signer) Tend(ctx context.Context) error {
	if err := s.Reload(ctx); err != nil {
		return err
	}
	now := s.now()
	keys := *s.keys.Load()
	if why, since := s.due(keys, now); why != "" {
		if err := s.add(ctx, since, "", why); err != nil {
			return err
		}
		return s.Reload(ctx)
	}
	for _, k := range keys {
		if !k.published(now) {
			if err := s.drop(ctx, k.ID()); err != nil {
				return err
			}
		}
	}
	return nil
}

// due says why a key must be made, unless one was made after since; "": none must. A clock that was set back makes no key due.
//
// A key for another algorithm is a key like any other: it is published before it signs, and the one before stays for a while.
// Replicas that were given different algorithms take turns, and make one in [KeyLead] at most.
func (s *Signer) due(keys []signingKey, now time.Time) (why string, since time.Time) {
	if s.alg == "" {
		return "", since
	}
	for _, k := range slices.Backward(keys) {
		switch {
		case !k.retired.IsZero():
			continue
		case !now.Before(k.made.Add(KeyLifetime - KeyLead)):
			return "made, since it was due", now.Add(KeyLead - KeyLifetime)
		case k.Public().Algorithm() != s.alg && !now.Before(k.made.Add(KeyLead)):
			return "made, since ASSERTION is now " + s.alg, now.Add(-KeyLead)
		}
		return "", since
	}
	return "made, since it was due", now.Add(KeyLead - KeyLifetime)
}

// add makes a key, unless another replica made one after since.
func (s *Signer) add(ctx context.Context, since time.Time, actor, why string) error {
	if s.alg == "" {
		return errOff
	}
	key, err := keyset.GenerateSigningKey(s.alg)
	if err != nil {
		return err
	}
	der, err := key.PKCS8()
	if err != nil {
		return err
	}
	added, err := s.store.EnsureSigningKey(ctx, key.ID(), der, s.now(), since)
	if err == nil && added {
		s.note(ctx, actor, "key "+key.ID()+" of Remote-Assertion "+why)
	}
	return err
}

// drop deletes a key; that another replica was first is no error.
func (s *Signer) drop(ctx context.Context, id string) error {
	err := s.store.DeleteSigningKey(ctx, id)
	if sso.CodeOf(err) == sso.NotFound {
		return nil
	}
	return err
}

// note leaves an event. That it cannot be kept undoes nothing.
func (s *Signer) note(ctx context.Context, actor, detail string) {
	if err := s.store.Record(ctx, sso.Event{At: s.now(), Kind: sso.EventSetting, Actor: actor, Detail: detail}); err != nil {
		s.log.ErrorContext(ctx, "event not recorded", "detail", detail, "error", err)
	}
}

// Rotate makes the next key, which signs from KeyLead later. With compromised, it signs at once and all others are
// deleted: assertions that are on their way may then be refused, for as long as apps keep the old key set. actor is who
// asks.
func (s *Signer) Rotate(ctx context.Context, compromised bool, actor string) error {
	before := *s.keys.Load()
	why := fmt.Sprintf("made by hand; it signs from %v later", KeyLead)
	if compromised {
		why = "made by hand, and all others deleted"
	}
	never := s.now().Add(KeyLifetime) // whatever there is, another one is wanted
	if s.alg != "" || !compromised {  // where nothing is signed, there is nothing to make
		if err := s.add(ctx, never, actor, why); err != nil {
			return err
		}
	}
	if compromised {
		for _, k := range before {
			if err := s.drop(ctx, k.ID()); err != nil {
				return err
			}
		}
	}
	return s.Reload(ctx)
}

// A KeyState is one signing key as people see it.
type KeyState struct {
	ID      string
	Made    time.Time
	State   string    // "next", "current" or "last"
	Changes time.Time // when it begins to sign, when it is replaced, or when it is published no more
}

// Keys lists the published keys, oldest first.
func (s *Signer) Keys() []KeyState {
	keys, now := *s.keys.Load(), s.now()
	signing := current(keys, now)
	var all []KeyState
	for i := range keys {
		k := &keys[i]
		switch {
		case !k.published(now):
		case k == signing && k.until.IsZero():
			all = append(all, KeyState{k.ID(), k.made, "current", k.made.Add(KeyLifetime)})
		case k == signing:
			all = append(all, KeyState{k.ID(), k.made, "current", k.until.Add(-KeyOverlap)})
		case k.retired.IsZero() && now.Before(k.signs):
			all = append(all, KeyState{k.ID(), k.made, "next", k.signs})
		default:
			all = append(all, KeyState{k.ID(), k.made, "last", k.until})
		}
	}
	return all
}
