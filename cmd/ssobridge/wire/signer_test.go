package wire

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

// Replicas that start at once, and again later, sign with a key that all of them publish; nothing private is published
// (SECURITY F6).
func TestSignersOfReplicasAgree(t *testing.T) {
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "a.db"), store.Options{Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var first sync.WaitGroup
	for range 4 {
		first.Go(func() {
			if _, err := NewSigner(t.Context(), st, time.Now); err != nil {
				t.Error(err)
			}
		})
	}
	first.Wait()

	a, err := NewSigner(t.Context(), st, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSigner(t.Context(), st, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := a.SignAssertion(map[string]any{"sub": "1"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.ParsePublicKeys(b.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	if err := token.VerifySignature(t.Context(), signed, keys, "ES256"); err != nil {
		t.Errorf("an assertion of one replica against the keys of the other: got %v, want no error", err)
	}
	if string(a.JWKS()) != string(b.JWKS()) || a.key.ID() != b.key.ID() {
		t.Errorf("got signers %s and %s, want the same", a.key, b.key)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(a.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		if _, private := k["d"]; private || k["use"] != "sig" {
			t.Errorf("got the published key %v, want its public part, for signatures", k)
		}
	}
	if parts := strings.Split(signed, "."); len(parts) != 3 {
		t.Errorf("got %q, want a compact JWS", signed)
	}
}
