package keyset_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

// openssl runs the tool as its users do, and returns what it wrote to the file OUT of its arguments.
func openssl(t *testing.T, dir, arguments string) []byte {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.Command("openssl", strings.Fields(arguments)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", arguments, err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "OUT"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encryptedDER(t *testing.T, dir string) []byte {
	plain := filepath.Join(dir, "plain.pem")
	if err := os.WriteFile(plain, openssl(t, dir, "genpkey -algorithm ed25519 -out OUT"), 0o600); err != nil {
		t.Fatal(err)
	}
	return openssl(t, dir, "pkcs8 -topk8 -in plain.pem -outform DER -passout pass:x -out OUT")
}

// TestParsePrivateKey reads what openssl makes, in the forms that OpenMetadata, Okera and people have it, and signs with it.
func TestParsePrivateKey(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name     string
		commands []string
		alg      string // asked for
		want     string
	}{
		{"OpenMetadata's three commands", []string{"genrsa -out private_key.pem 2048",
			"pkcs8 -topk8 -inform PEM -outform DER -in private_key.pem -out OUT -nocrypt"}, "", "RS256"},
		{"RSA in PKCS #1", []string{"genrsa -traditional -out OUT 2048"}, "RS512", "RS512"},
		{"RSA in PKCS #8, named as Okera does", []string{"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out OUT"}, "RSA512", "RS512"},
		{"EC with its parameters in front", []string{"ecparam -name prime256v1 -genkey -out OUT"}, "", "ES256"},
		{"EC on P-384", []string{"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -outform DER -out OUT"}, "", "ES384"},
		{"Ed25519", []string{"genpkey -algorithm ed25519 -out OUT"}, "", "EdDSA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var data []byte
			for i, c := range tt.commands {
				if i == len(tt.commands)-1 {
					data = openssl(t, dir, c)
				} else {
					cmd := exec.Command("openssl", strings.Fields(c)...)
					cmd.Dir = dir
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Skipf("openssl: %v %s", err, out)
					}
				}
			}
			for _, data := range [][]byte{data, append([]byte("\xef\xbb\xbf"), data...)} {
				if data[0] == 0xef && !bytes.Contains(data, []byte("-----BEGIN")) {
					continue // an editor puts its mark before text only
				}
				key, err := keyset.ParsePrivateKey(keyset.Spec{Name: "SERVICE_KEY_FILE", Data: data, Alg: tt.alg})
				if err != nil {
					t.Fatal(err)
				}
				if got := key.Public().Algorithm(); got != tt.want || key.ID() != key.Public().Fingerprint() {
					t.Errorf("alg %s, kid %s", got, key.ID())
				}
				signed, err := key.Sign(map[string]any{"sub": "x"}, "at+jwt")
				if err != nil {
					t.Fatal(err)
				}
				set, err := keyset.PublicJWKS(key.Public())
				if err != nil {
					t.Fatal(err)
				}
				keys, err := keyset.ParseKeys(set)
				if err != nil {
					t.Fatal(err)
				}
				if err := token.VerifySignature(context.Background(), signed, keys, tt.want); err != nil {
					t.Errorf("its own key does not verify it: %v", err)
				}
				spki, err := key.Public().SPKI()
				if err != nil {
					t.Fatal(err)
				}
				again, err := keyset.ParseKey(keyset.Spec{Data: spki, Alg: tt.want, Kid: key.ID()})
				if err != nil || again[0].Fingerprint() != key.ID() {
					t.Errorf("written as SPKI it is %v, %v", again, err)
				}
			}
		})
	}
}

// TestParsePrivateKeyRefuses says of each file that people give instead what to do, and repeats none of it (SECURITY K1).
func TestParsePrivateKeyRefuses(t *testing.T) {
	dir := t.TempDir()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good, err := keyset.GenerateSigningKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	der, _ := good.PKCS8()
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	set, _ := keyset.PublicJWKS(good.Public())
	spki, _ := good.Public().SPKI()
	for _, tt := range []struct {
		name, want string
		spec       keyset.Spec
	}{
		{"empty", "it is empty", keyset.Spec{Data: []byte(" \n")}},
		{"text", "no private key", keyset.Spec{Data: []byte("hello")}},
		{"a public key", "give the private key", keyset.Spec{Data: spki}},
		{"a public PEM", "give the private key", keyset.Spec{Data: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})}},
		{"a JWK Set", "no private key", keyset.Spec{Data: set}},
		{"two", "2 private keys", keyset.Spec{Data: append(bytes.Clone(block), block...)}},
		{"cut off", "is missing", keyset.Spec{Data: block[:len(block)-10]}},
		{"damaged", "copy the whole key again", keyset.Spec{Data: bytes.Replace(block, []byte("MI"), []byte("!!"), 1)}},
		{"encrypted", "it is encrypted", keyset.Spec{Data: openssl(t, dir, "genpkey -algorithm ed25519 -aes256 -pass pass:x -out OUT")}},
		{"encrypted DER", "it is encrypted", keyset.Spec{Data: encryptedDER(t, dir)}},
		{"RSA of 1024 bits", "1024", keyset.Spec{Data: x509.MarshalPKCS1PrivateKey(weak)}},
		{"X25519", "X25519", keyset.Spec{Data: openssl(t, dir, "genpkey -algorithm x25519 -out OUT")}},
		{"Ed448", "does not sign with", keyset.Spec{Data: openssl(t, dir, "genpkey -algorithm ed448 -out OUT")}},
		{"another alg", "cannot be used with alg RS256", keyset.Spec{Data: der, Alg: "RS256"}},
		{"no alg", "not supported", keyset.Spec{Data: der, Alg: "none"}},
		{"a secret's alg", "cannot be used with alg HS256", keyset.Spec{Data: der, Alg: "HS256"}},
		{"huge", "at most", keyset.Spec{Data: make([]byte, 1<<20)}},
	} {
		tt.spec.Name = "SERVICE_KEY_FILE"
		_, err := keyset.ParsePrivateKey(tt.spec)
		if sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && len(tt.spec.Data) > 40 && strings.Contains(err.Error(), string(tt.spec.Data[30:40])) {
			t.Errorf("%s: the error repeats the key", tt.name)
		}
	}
}

// TestPublicJWKSRefusesSecrets: a set that is published has no shared secret in it (SECURITY F1).
func TestPublicJWKSRefusesSecrets(t *testing.T) {
	keys, err := keyset.ParseKey(keyset.Spec{Name: "k", Data: []byte("c3b1f0a97d264e58b1a09f6de2754c8310fbe9d27a6485"), Alg: "HS256", Encoding: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if set, err := keyset.PublicJWKS(keys...); err == nil {
		t.Errorf("got %s", set)
	}
}

// FuzzParsePrivateKey: whatever the file has, there is a key or an error of ours, and the key is one that verifies here.
func FuzzParsePrivateKey(f *testing.F) {
	key, err := keyset.GenerateSigningKey("ES256")
	if err != nil {
		f.Fatal(err)
	}
	der, _ := key.PKCS8()
	f.Add(der, "")
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "ES256")
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "RSA512")
	f.Fuzz(func(t *testing.T, data []byte, alg string) {
		key, err := keyset.ParsePrivateKey(keyset.Spec{Name: "k", Data: data, Alg: alg})
		if err != nil {
			if sso.CodeOf(err) != sso.Invalid {
				t.Fatal(err)
			}
			return
		}
		if _, err := keyset.PublicJWKS(key.Public()); err != nil {
			t.Fatal(err)
		}
	})
}
