package local

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/ssobridge/ssobridge/sso"
)

// FuzzPasskeyAnswers: whatever is posted is refused as malformed or as no passkey; nothing panics.
func FuzzPasskeyAnswers(f *testing.F) {
	f.Add(`{"credential":{"id":"AAEC","rawId":"AAEC","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}}`)
	f.Add(`{"credential":{"id":"AAEC","rawId":"AAEC","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}},"name":"x"}`)
	f.Add(`{"credential":null}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, err := range parsePasskey(body) {
			if code := sso.CodeOf(err); err != nil && code != sso.RequestMalformed && code != sso.PasskeyRefused {
				t.Errorf("got %v", err)
			}
		}
	})
}

// parsePasskey reads a body as both kinds of answers that a passkey gives.
func parsePasskey(body string) []error {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	in, err := readPasskey(r)
	if err != nil {
		return []error{err}
	}
	_, made := protocol.ParseCredentialCreationResponseBytes(in.Credential)
	_, signed := protocol.ParseCredentialRequestResponseBytes(in.Credential)
	var all []error
	for _, err := range []error{made, signed} {
		if err != nil {
			all = append(all, passkeyError(err))
		}
	}
	return all
}
