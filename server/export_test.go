package server

import (
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// SetHandlerTimeout bounds the handlers of s, before it gets requests.
func SetHandlerTimeout(s *Server, d time.Duration) { s.handlerTimeout = d }

// ParsePasskey reads a body as both kinds of answers that a passkey gives.
func ParsePasskey(body string) []error {
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
