package ssobridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

// A keyroom is a store with replicas that sign with its keys, and a clock that all of them share.
type keyroom struct {
	*ssotest.Clock
	t     *testing.T
	file  string
	store *store.Store
}

func newKeyroom(t *testing.T) *keyroom {
	k := &keyroom{t: t, file: filepath.Join(t.TempDir(), "a.db"), Clock: ssotest.NewClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))}
	k.store = k.open(secret)
	t.Cleanup(func() { k.store.Close() })
	if _, err := k.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *keyroom) open(secretKey string) *store.Store {
	k.t.Helper()
	st, err := store.Open(k.t.Context(), "sqlite:"+k.file, store.Options{Secret: []byte(secretKey), Now: k.Now})
	if err != nil {
		k.t.Fatal(err)
	}
	return st
}

func (k *keyroom) signer() *Signer { return k.signerOf("ES256") }

func (k *keyroom) signerOf(assertion string) *Signer {
	k.t.Helper()
	s, err := NewSigner(k.t.Context(), k.store, assertion, k.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, s *Signer) string {
	t.Helper()
	signed, err := s.SignAssertion(map[string]any{"sub": "1"})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func jwks(t *testing.T, s *Signer) []byte {
	t.Helper()
	data, err := s.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func verifies(t *testing.T, signed string, set []byte) error {
	t.Helper()
	keys, err := keyset.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(set, []byte(`"d":`)) {
		t.Errorf("a private key is published: %s", set)
	}
	return token.VerifySignature(t.Context(), signed, keys, "")
}

// Replicas that start at once, and again later, sign with one key that all of them publish; nothing private is published
// (SECURITY F6).
func TestSignersOfReplicasAgree(t *testing.T) {
	k := newKeyroom(t)
	var first sync.WaitGroup
	for range 4 {
		first.Go(func() {
			if _, err := NewSigner(t.Context(), k.store, "ES256", k.Now, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		})
	}
	first.Wait()

	a, b := k.signer(), k.signer()
	if err := verifies(t, sign(t, a), jwks(t, b)); err != nil {
		t.Errorf("an assertion of one replica against the keys of the other: got %v, want no error", err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(jwks(t, a), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 {
		t.Errorf("got %d keys after four first starts at once, want 1", len(set.Keys))
	}
	for _, key := range set.Keys {
		want := []string{"alg", "crv", "kid", "kty", "use", "x", "y"}
		if got := slices.Sorted(maps.Keys(key)); !slices.Equal(got, want) || key["use"] != "sig" {
			t.Errorf("got a published key with %v for %v, want its public part %v for sig", got, key["use"], want)
		}
	}
}

// For a year of rotations no app meets an assertion whose key is missing from the key set: neither one that has kept the
// set for five minutes, nor one that reads the set just before the assertion expires (SECURITY F4).
func TestNoAppMeetsAnUnknownKey(t *testing.T) {
	k := newKeyroom(t)
	// b never tends: it only hears of what a did.
	a, b := k.signer(), k.signer()
	const cached, lifetime, step = 5 * time.Minute, 5 * time.Minute, 20 * time.Minute
	signers := map[string]bool{}
	most := 0
	for end := k.Now().Add(370 * 24 * time.Hour); k.Now().Before(end); k.Pass(step) {
		if err := errors.Join(a.Tend(t.Context()), b.Reload(t.Context())); err != nil {
			t.Fatal(err)
		}
		keys := a.Keys()
		most = max(most, len(keys))
		if len(keys) == 1 && k.Now().Before(keys[0].Changes.Add(-KeyLead-step)) {
			k.Pass(keys[0].Changes.Add(-KeyLead - step).Sub(k.Now())) // nothing happens until then
			continue
		}
		old := jwks(t, a)
		k.Pass(cached)
		signed := sign(t, b)
		k.Pass(lifetime)
		for name, set := range map[string][]byte{"kept before": old, "read after": jwks(t, a)} {
			if err := verifies(t, signed, set); err != nil {
				t.Fatalf("at %v, with a key set %s: got %v, want no error", k.Now(), name, err)
			}
		}
		signers[strings.Split(signed, ".")[0]] = true
	}
	if len(signers) != 5 || most > 2 {
		t.Errorf("got %d keys that signed in 370 days and at most %d at once, want 5 and 2", len(signers), most)
	}
	stored, err := k.store.SigningKeys(t.Context())
	if err != nil || len(stored) > 2 {
		t.Errorf("got %d keys in the store at the end, %v; want those of the past deleted", len(stored), err)
	}
}

// A change of ASSERTION is a rotation: no app meets an assertion whose key is missing from the key set, on no replica, and the
// key of the other algorithm goes (SECURITY F4).
func TestAnotherAlgorithm(t *testing.T) {
	for _, change := range [][2]string{{"ES256", "EdDSA"}, {"EdDSA", "ES256"}} {
		k := newKeyroom(t)
		before := k.signerOf(change[0])
		k.Pass(2 * time.Hour)
		after := k.signerOf(change[1])
		signed := map[string]bool{}
		for range 3 * 12 { // three hours
			if err := errors.Join(after.Tend(t.Context()), before.Reload(t.Context())); err != nil {
				t.Fatal(err)
			}
			old := jwks(t, before)
			k.Pass(5 * time.Minute)
			for _, s := range []*Signer{before, after} {
				text := sign(t, s)
				if err := errors.Join(verifies(t, text, old), verifies(t, text, jwks(t, after))); err != nil {
					t.Errorf("%v: %v", change, err)
				}
				signed[strings.Split(text, ".")[0]] = true
			}
		}
		if keys := *after.keys.Load(); len(signed) != 2 || len(keys) != 1 || keys[0].Public().Algorithm() != change[1] {
			t.Errorf("%v: %d keys have signed, and there are %v; want two, and the new one", change, len(signed), keys)
		}
	}
}

// Replicas that were given different algorithms make no more than a key an hour, and what one signs is in the key set of the other.
func TestReplicasOfDifferentAlgorithms(t *testing.T) {
	k := newKeyroom(t)
	a, b := k.signerOf("ES256"), k.signerOf("EdDSA")
	most := 0
	for range 30 {
		k.Pass(tendEvery)
		for _, s := range []*Signer{a, b} {
			if err := s.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(a.Reload(t.Context()), verifies(t, sign(t, a), jwks(t, b)), verifies(t, sign(t, b), jwks(t, a))); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(*a.keys.Load()))
	}
	if most > 4 {
		t.Errorf("got %d keys at once, want 4 at most", most)
	}
}

// With ASSERTION off nothing is signed and no key is made. A key that there is stays published: other replicas may still sign with it.
func TestNothingIsSigned(t *testing.T) {
	k := newKeyroom(t)
	off := k.signerOf("off")
	if _, err := off.SignAssertion(map[string]any{"sub": "1"}); err == nil || len(off.Keys()) != 0 || string(jwks(t, off)) != `{"keys":[]}` {
		t.Errorf("got %v and the keys %v, %s", err, off.Keys(), jwks(t, off))
	}
	if err := off.Rotate(t.Context(), false, "cli"); err == nil || !strings.Contains(err.Error(), "ASSERTION is off") {
		t.Errorf("a rotation: got %v", err)
	}
	on := k.signer()
	if err := errors.Join(off.Tend(t.Context()), verifies(t, sign(t, on), jwks(t, off))); err != nil {
		t.Error(err)
	}
	if err := errors.Join(off.Rotate(t.Context(), true, "cli"), on.Reload(t.Context())); err != nil || len(on.Keys()) != 0 {
		t.Errorf("after a rotation of what leaked: got %v and the keys %v, want none", err, on.Keys())
	}
	if _, known := off.Made(); known {
		t.Error("a key that does not sign has an age, of which alerts would tell")
	}
}

func TestRotateByHand(t *testing.T) {
	k := newKeyroom(t)
	a, b := k.signer(), k.signer()
	before := sign(t, a)
	k.Pass(time.Hour)
	if err := errors.Join(a.Rotate(t.Context(), false, "cli"), b.Reload(t.Context())); err != nil {
		t.Fatal(err)
	}
	states := func(s *Signer) (all []string) {
		for _, key := range s.Keys() {
			all = append(all, key.State)
		}
		return all
	}
	for _, tt := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"current", "next"}},
		{KeyLead - time.Second, []string{"current", "next"}},
		{time.Second, []string{"last", "current"}},
		{KeyOverlap - time.Second, []string{"last", "current"}},
		{time.Second, []string{"current"}},
	} {
		k.Pass(tt.after)
		if diff := cmp.Diff(tt.want, states(b)); diff != "" {
			t.Errorf("%v later (-want +got):\n%s", tt.after, diff)
		}
	}
	if err := verifies(t, before, jwks(t, b)); err == nil {
		t.Error("the old key after the overlap: got no error, want it gone")
	}

	// A key that leaked is gone at once, on each replica that has heard of it.
	leaked := sign(t, a)
	k.Pass(time.Hour)
	if err := errors.Join(a.Rotate(t.Context(), true, "cli"), b.Reload(t.Context())); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Signer{"here": a, "elsewhere": b} {
		if err := verifies(t, leaked, jwks(t, s)); err == nil {
			t.Errorf("%s, an assertion by a key that was thrown away: got no error, want it refused", name)
		}
		if err := verifies(t, sign(t, s), jwks(t, a)); err != nil {
			t.Errorf("%s, an assertion by its successor: got %v, want no error", name, err)
		}
	}
	events, _, err := k.store.Events(t.Context(), sso.EventQuery{})
	if err != nil || len(events) != 3 || events[0].Actor != "cli" || !strings.Contains(events[0].Detail, "all others deleted") {
		t.Errorf("got the events %+v, %v; want one for each key", events, err)
	}
}

// A copy of the database signs nothing (SECURITY F2).
func TestSigningKeysAreSealed(t *testing.T) {
	k := newKeyroom(t)
	k.signer()
	stored, err := k.store.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{k.file, k.file + "-wal"} {
		data, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(data), string(stored[0].Private[36:68])) {
			t.Errorf("%s holds the private key in clear", filepath.Base(name))
		}
	}
	copied := k.open("another secret key of enough bytes!!")
	defer copied.Close()
	if _, err := NewSigner(t.Context(), copied, "ES256", k.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, seal.ErrOtherKey) {
		t.Errorf("with another SECRET_KEY: got %v, want %v", err, seal.ErrOtherKey)
	}
}

// down is a store that cannot be reached.
type down struct{ KeyStore }

func (down) SigningKeys(context.Context) ([]sso.StoredKey, error) { return nil, sso.StoreUnavailable }

// Without the store a bridge goes on with the keys it has.
func TestSignerSurvivesItsStore(t *testing.T) {
	k := newKeyroom(t)
	s := k.signer()
	s.store = down{}
	if err := s.Tend(t.Context()); sso.CodeOf(err) != sso.StoreUnavailable {
		t.Errorf("Tend: got %v, want %v", err, sso.StoreUnavailable)
	}
	if err := verifies(t, sign(t, s), jwks(t, s)); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}
