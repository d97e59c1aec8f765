package keyset_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/token"
)

const (
	secret  = "f3a1c0de94b7725d0c68e19fb2a46d83577e0b19ac4d62f8e5310d7b9c26a84f"
	older   = "0b6e2d9c51f84a37b8e0c4d25a7193f66c8fd12be7350a49d1c37be8f2460a95"
	nowUnix = 1_790_000_000
)

var b64 = base64.RawURLEncoding.EncodeToString

// raw signs any header and payload, however wrong, with HS256.
func raw(header, payload, secret string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(input))
	return input + "." + b64(m.Sum(nil))
}

// verifier judges login tokens. Its keys are for the test to set.
func verifier(t testing.TB, p sso.Profile) *token.Verifier {
	t.Helper()
	return &token.Verifier{
		Provider: "jwt", Settings: "JWT_", Profile: p, Names: claim.Mapping{Email: "email"},
		MaxAge: 180 * time.Second, Leeway: 30 * time.Second, MaxLifetime: 10 * time.Minute,
	}
}

func judge(t testing.TB, v *token.Verifier, tok string) *sso.Exam {
	t.Helper()
	x := &sso.Exam{Now: time.Unix(nowUnix, 0)}
	v.Verify(t.Context(), tok, x)
	return x
}
