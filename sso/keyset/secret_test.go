package keyset_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
)

// SECURITY F1
func TestWeakSecretsAreRefused(t *testing.T) {
	for _, weak := range []string{
		"", "secret", strings.Repeat("s", 31), strings.Repeat("a", 32), strings.Repeat("a", 1<<20), strings.Repeat("00", 32),
		strings.Repeat("ab", 32), strings.Repeat("deadbeef", 8), strings.Repeat("0123456789abcdef", 4), strings.Repeat("1234567890", 4),
		"passwordpasswordpasswordpassword", "qwertyuiopasdfghjklzxcvbnm123456", "your-256-bit-secret-your-256-bit-secret",
		"a-string-secret-at-least-256-bits-long", "A-STRING-SECRET-AT-LEAST-256-BITS-LONG", "my_super_secret_jwt_signing_key_12345",
		"supersecretkeythatshouldbeatleast32characters", "thisisaverylongsecretkeythatnobodyknows",
		strings.Repeat("0123456789abcdef", 300), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "P@ssw0rd-S3cr3t-K3y-P@ssw0rd-S3cr3t",
		"change-me-change-me-change-me-change-me", "example_key_of_sufficient_length_for_hs256", "this-is-my-secret-key-for-metabase-sso",
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", // RFC 7515 A.1
		"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",                                            // RFC 7520 3.5
		"the quick brown fox jumps over the lazy dog",
		"your-super-secret-jwt-token-with-at-least-32-characters-long",     // Supabase
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI's tutorial
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", // SHA-256 of nothing
		"${JWT_SHARED_SECRET:?set it in the environment}", "$(openssl rand -hex 32) $(openssl rand", "{{ .Values.ssobridge.jwtSharedSecret }}",
		"<paste-the-32-byte-secret-from-admin-here>", "REPLACE_ME_WITH_OPENSSL_RAND_HEX_32!!", "Xk-Change.This.ssobridge.9fK2-q0ZzR7-wLm4",
		"file:///etc/okera/keys/id_rsa.pub.pem", "https://sso.example.com/realms/main/protocol/openid-connect/certs", "op://Production/ssobridge/jwt-secret-credential",
		"ref+vault://secret/bi/jwt#/shared_secret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bi/jwt-AbCdEf", `C:\ProgramData\ssobridge\keys\public.pem`,
		"/opt/openmetadata/conf/public_key.der", "/etc/opensearch/certs/jwt_signing_pub.pem", "@/run/secrets/jwt-2026-11-27-a8Zq3.txt", "~/etc/keys/jwt-2026-11-27-a8Zq3.pem",
	} {
		err := keyset.CheckSecret(weak)
		if sso.CodeOf(err) != sso.Invalid || !strings.Contains(sso.Reason(err), "openssl rand -hex 32") {
			t.Errorf("%.80q: got %v, want %q and how to make a good one", weak, err, sso.Invalid)
		}
		if err != nil && len(weak) > 10 && strings.Contains(err.Error(), weak[:10]) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func TestRandomSecretsPass(t *testing.T) {
	for range 8 { // 1,500 of each kind were tried once
		b := make([]byte, 48)
		rand.Read(b)
		h := hex.EncodeToString(b)
		for _, s := range []string{
			h[:32], h[:64], strings.ToUpper(h[:64]), h, string(b),
			base64.StdEncoding.EncodeToString(b[:24]), base64.StdEncoding.EncodeToString(b[:32]), base64.RawURLEncoding.EncodeToString(b),
			fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32]), rand.Text() + rand.Text(),
			h[:64] + h[:64], "prod-" + h[:40], "<" + h[:40], "${" + h[:40], "/" + h[:40], "etc/" + h[:40], "/v/" + base64.StdEncoding.EncodeToString(b),
			"\x04" + string(b) + string(b[:16]), "\x00\x00\x00\x07" + string(b), // as long as a point, as a key of OpenSSH begins
		} {
			if err := keyset.CheckSecret(s); err != nil {
				t.Errorf("%q: got %v, want no error", s, err)
			}
		}
	}
}

// Random bytes that begin as a key may, or as a text in UTF-16, are no key.
func TestRandomBytesAreNoKey(t *testing.T) {
	for _, begin := range []string{"\xff\xfe", "\xfe\xff", "\x30\x2e", "\x30\x82\x01", "\xef\xbb\xbf{", "\x30\x30\x06\x03"} {
		b := make([]byte, 48)
		rand.Read(b)
		copy(b, begin)
		for _, s := range []string{base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), hex.EncodeToString(b), string(b)} {
			if err := keyset.CheckSecret(s); err != nil {
				t.Errorf("%q: got %v, want no error", s, err)
			}
		}
	}
}

func TestNewSecrets(t *testing.T) {
	for _, test := range []struct {
		name     string
		secrets  []string
		profile  sso.Profile
		warnings int
		want     sso.Code
	}{
		{"good", []string{secret}, sso.Standard, 0, ""},
		{"two", []string{secret, older}, sso.Strict, 0, ""},
		{"weak, standard", []string{"secret"}, sso.Standard, 0, sso.Invalid},
		{"weak, strict", []string{"secret"}, sso.Strict, 0, sso.Invalid},
		{"weak, no profile", []string{"secret"}, "", 0, sso.Invalid},
		{"one of two weak", []string{secret, "secret"}, sso.Standard, 0, sso.Invalid},
		{"weak, metabase", []string{"secret", secret, "x"}, sso.Metabase, 2, ""},
		{"empty, metabase", []string{""}, sso.Metabase, 0, sso.Invalid},
		{"one of two empty, metabase", []string{secret, ""}, sso.Metabase, 0, sso.Invalid},
		{"none", nil, sso.Metabase, 0, sso.Invalid},
	} {
		keys, warnings, err := keyset.NewSecrets(test.secrets, test.profile)
		if got := sso.CodeOf(err); got != test.want || len(warnings) != test.warnings || (keys == nil) != (err != nil) {
			t.Errorf("%s: got %q (%v), warnings %q; want %q and %d", test.name, got, err, warnings, test.want, test.warnings)
		}
	}
}

// SECURITY F4: old and new secret verify together; afterwards the old one does not.
func TestRotation(t *testing.T) {
	v := verifier(t, sso.Standard)
	both, _, err := keyset.NewSecrets([]string{secret, older}, sso.Standard)
	if err != nil {
		t.Fatal(err)
	}
	v.Keys = both
	tok := raw(`{"alg":"HS256","typ":"JWT"}`, `{"email":"ada@example.com","exp":1790000060}`, older)
	if x := judge(t, v, tok); x.Err != nil || x.KeyID != sso.SecretID(older) {
		t.Errorf("the older secret: got %v with %q, want its fingerprint", x.Err, x.KeyID)
	}
	keys, _, err := keyset.NewSecrets([]string{secret}, sso.Standard)
	if err != nil {
		t.Fatal(err)
	}
	v.Keys = keys
	if got := sso.CodeOf(judge(t, v, tok).Err); got != sso.TokenSignature {
		t.Errorf("after the rotation: got %q, want %q", got, sso.TokenSignature)
	}
}
