// Package sealed keeps values under SECRET_KEY: in which columns they stand, how they are sealed and opened, and how all of
// them come under another key.
//
// The database knows which key that is: by the check value of the key, which stands in the table secret_key. A program with
// another key opens nothing, and seals nothing that nobody could open later.
package sealed

import (
	"encoding/base64"
	"fmt"

	"github.com/ssobridge/ssobridge/sso/seal"
)

// A Column is one in which sealed values stand.
type Column struct {
	Table string
	Owner string // the column of the primary key: a value can only be opened as that of its row
	Value string

	purpose string
	where   string // the rows whose value is sealed; "" for all
	text    bool   // the value is text: base64
	what    string // one of them, in words
	shown   bool   // Owner is a name that says something
	rest    bool   // the rest of the row is of use without the value
	passing bool   // a value that cannot be opened is worth nothing, and nobody misses it
}

// Columns lists all columns with sealed values. A column that is not here cannot be sealed, since [Keeper.Seal] wants one of
// these. A migration that adds one adds it here.
func Columns() []Column {
	return []Column{Settings(), SigningKeys(), ServiceKeys(), Setup(), Handoffs(), Grants()}
}

// Settings are the saved settings that are secrets.
func Settings() Column {
	return Column{Table: "settings", Owner: "name", Value: "value", purpose: "settings", where: "sealed", text: true, what: "saved secret", shown: true}
}

// SigningKeys are the keys of Remote-Assertion.
func SigningKeys() Column {
	return Column{Table: "signing_keys", Owner: "id", Value: "private", purpose: "signing keys", what: "signing key of Remote-Assertion"}
}

// ServiceKeys are the keys of service tokens that the bridge has made; those of files are not kept. Without its private part
// a key still verifies the tokens that there are.
func ServiceKeys() Column {
	return Column{Table: "service_keys", Owner: "id", Value: "private", purpose: "service keys", where: "length(private) > 0", rest: true, what: "key of service tokens"}
}

// Setup is the secret that makes the first administrator.
func Setup() Column {
	return Column{Table: "setup", Owner: "name", Value: "sealed", purpose: "set-up", what: "set-up link", passing: true}
}

// Handoffs are what waits for a browser for a few minutes: a posted form, a report.
func Handoffs() Column {
	return Column{Table: "handoffs", Owner: "key", Value: "data", purpose: "handoffs", what: "request that waits for its browser", passing: true}
}

// Grants are what OpenID providers gave with sign-ins.
func Grants() Column {
	return Column{Table: "grants", Owner: "session", Value: "sealed", purpose: "grants", what: "ID token or refresh token of a session", passing: true}
}

// box makes the seal of the column under a key.
func (col Column) box(secret []byte) (*seal.Box, error) {
	box, err := seal.New(secret, col.purpose)
	if err != nil {
		return nil, fmt.Errorf("SECRET_KEY: %w", err)
	}
	return box, nil
}

// kept is a sealed value as the column has it.
func (col Column) kept(sealed []byte) any {
	if col.text {
		return base64.StdEncoding.EncodeToString(sealed)
	}
	return sealed
}

// read is the reverse of kept. Damaged text is a value that no key opens.
func (col Column) read(kept []byte) []byte {
	if !col.text {
		return kept
	}
	sealed, err := base64.StdEncoding.DecodeString(string(kept))
	if err != nil {
		return nil
	}
	return sealed
}
