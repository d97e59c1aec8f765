package sso

import "time"

// An Explanation says what a login with a token would meet, or a request of an API client.
type Explanation struct {
	Accepted bool
	Code     Code // of the first failure; "" when accepted
	Use      TokenUse
	Provider string    // the name of the provider that was asked; "" where none was found
	KeyID    string    // of the key that verified the signature, as events name it; "": none did
	Until    time.Time // when the token of an API client ends; zero: not known
	Checks   []Check
	Identity Identity // zero when it could not be established
	SignedIn *SignedIn
	Caller   *Principal // of the token of an API client: whom a request with it acts for
}

// A TokenUse is what a token is for.
type TokenUse string

// The uses.
const (
	UseLogin   TokenUse = "login"
	UseBearer  TokenUse = "bearer"  // an API client presents it with each request
	UseService TokenUse = "service" // so does a service account, whose token the bridge made
	UseLogout  TokenUse = "logout"  // it ends sessions
)

// Endless reports whether the token has no end: [time.Time] has a last year that people write.
func (e Explanation) Endless() bool { return e.Until.Year() >= 9999 }
