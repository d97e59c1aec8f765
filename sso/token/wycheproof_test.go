package token_test

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/token"
)

type wycheproof struct {
	TestGroups []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []struct {
			TcID                 int
			Comment, JWS, Result string
		}
	}
}

// differs says why we judge a vector of json_web_signature_test.json other than its result says.
func differs(tcID int, comment string) string {
	switch tcID {
	case 346, 350:
		return "the key says PS256, the token PS384: a key has one algorithm (RFC 8725 §3.1)"
	case 347, 351:
		return "the key says ES521, which no RFC registers"
	case 367, 370:
		return "the very text of vector 357, which is valid: the line end it once had is lost"
	case 372, 373:
		return "a question mark is not base64url (RFC 7515 §2)"
	}
	if comment == "emptyPayload" {
		return "a token has three parts that are not empty (SECURITY A5)"
	}
	return ""
}

func readVectors(t *testing.T, name string) (v wycheproof) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// SECURITY A1, A2, A5, F5: the vectors against which golang-jwt alone fails (SECURITY 0.1).
func TestWycheproof(t *testing.T) {
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json"} {
		accepted, refused := 0, 0
		for _, g := range readVectors(t, name).TestGroups {
			key := g.Public
			if len(key) == 0 {
				key = g.Private
			}
			for _, test := range g.Tests {
				keys, err := keyset.ParseKeys(key)
				if err == nil {
					err = token.VerifySignature(t.Context(), test.JWS, keys, "")
				}
				want := test.Result == "valid"
				if name == "json_web_signature_test.json" && differs(test.TcID, test.Comment) != "" {
					want = !want
				}
				if got := err == nil; got != want {
					t.Errorf("%s %s tcId %d (%s): accepted %v (%v), want %v", name, g.Comment, test.TcID, test.Comment, got, err, want)
				}
				if err == nil {
					accepted++
					continue
				}
				refused++
				switch code := sso.CodeOf(err); code {
				case sso.TokenMalformed, sso.TokenSignature, sso.KeyUnknown:
				default:
					t.Errorf("%s tcId %d: code %q (%v)", name, test.TcID, code, err)
				}
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%s: accepted %d, refused %d", name, accepted, refused)
		}
		t.Logf("%s: accepted %d, refused %d", name, accepted, refused)
	}
}

// rawVectors are signatures of bytes that are no tokens.
type rawVectors struct {
	TestGroups []struct {
		PublicKeyPem, PublicKeyDer string
		Tests                      []struct {
			TcID                      int
			Comment, Msg, Sig, Result string
		}
	}
}

func readRaw(t *testing.T, name string) (v rawVectors) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "wycheproof", name+"_test.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(plain).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// SECURITY A1, A2: the signatures of each public algorithm, with keys as PEM and DER.
func TestWycheproofSignatures(t *testing.T) {
	for name, alg := range map[string]string{
		"ecdsa_secp256r1_sha256_p1363": "ES256", "ecdsa_secp384r1_sha384_p1363": "ES384", "ecdsa_secp521r1_sha512_p1363": "ES512",
		"ed25519": "EdDSA", "rsa_signature_2048_sha256": "RS256", "rsa_signature_2048_sha384": "RS384", "rsa_signature_2048_sha512": "RS512",
		"rsa_pss_2048_sha256_mgf1_32": "PS256", "rsa_pss_2048_sha384_mgf1_48": "PS384", "rsa_pss_4096_sha512_mgf1_64": "PS512",
	} {
		accepted, refused := 0, 0
		for _, g := range readRaw(t, name).TestGroups {
			key := vectorKey(t, alg, []byte(g.PublicKeyPem))
			if der := vectorKey(t, alg, unhex(t, g.PublicKeyDer)); der.Fingerprint() != key.Fingerprint() {
				t.Errorf("%s: as PEM the key is %s, as DER %s", name, key.Fingerprint(), der.Fingerprint())
			}
			for _, test := range g.Tests {
				got := key.Verify(string(unhex(t, test.Msg)), unhex(t, test.Sig))
				if want := test.Result == "valid"; got != want && test.Result != "acceptable" {
					t.Errorf("%s tcId %d (%s): accepted %v, want %v", name, test.TcID, test.Comment, got, want)
				}
				if got {
					accepted++
				} else {
					refused++
				}
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%s: accepted %d, refused %d", name, accepted, refused)
		}
		t.Logf("%s: accepted %d, refused %d", name, accepted, refused)
	}
}

func vectorKey(t *testing.T, alg string, data []byte) keyset.Key {
	t.Helper()
	keys, err := keyset.ParseKey(keyset.Spec{Name: alg, Data: data, Alg: alg})
	if err != nil {
		t.Fatal(err)
	}
	return keys[0]
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
