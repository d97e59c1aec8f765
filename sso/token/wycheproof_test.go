package token_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
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
				keys, err := token.ParseKeys(key)
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
