package server_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/ssobridge/ssobridge/sso"
)

// A hash of lower costs is replaced at the next sign-in, and by a fresh proof; the password stays what it is. A password
// that is exchanged meanwhile stays exchanged (SECURITY D8).
func TestRaisedCostsReachOldHashes(t *testing.T) {
	salt := []byte("a salt of a test")
	key := argon2.IDKey([]byte(goodPassword), salt, 1, 8<<10, 1, 32)
	b64 := base64.RawStdEncoding.EncodeToString
	old := fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$%s$%s", b64(salt), b64(key))
	cli := sso.Event{Kind: sso.EventAccount, Actor: "cli"}
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		root := b.root()
		kept := func() string {
			_, hash, err := b.store.PasswordHash(t.Context(), root.Email)
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		set := func(hash string) {
			if err := b.store.SetPassword(t.Context(), root.ID, hash, cli); err != nil {
				t.Error(err)
			}
		}
		set(old)
		c := b.browser()
		c.password(root.Email, "wrong").want(t, 401, "")
		if kept() != old {
			t.Error("a wrong password changed the hash")
		}
		c.password(root.Email, goodPassword).want(t, 303, "/")
		raised := kept()
		if raised == old || !strings.Contains(raised, "m=19456,t=2,p=1") {
			t.Errorf("after a sign-in: got %q, want today's costs", raised)
		}
		c.password(root.Email, goodPassword).want(t, 303, "/")
		if kept() != raised {
			t.Error("a hash of today's costs was replaced")
		}
		set(old)
		exchange := func() { set("$argon2id$another") }
		b.meddler.once.Store(&exchange)
		if resp := b.browser().password(root.Email, goodPassword); resp.StatusCode == 303 {
			t.Errorf("an exchanged password: got %d", resp.StatusCode)
		}
		if got := kept(); got != "$argon2id$another" {
			t.Errorf("an exchanged password: got %q back", got)
		}
	})
}
