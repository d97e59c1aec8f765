package token

import (
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Mint signs a login token with a shared secret (HS256), as an identity provider does. It adds nothing to the claims; see
// that exp and iat are among them. It fails for an empty secret and for claims that JSON cannot say.
func Mint(secret string, claims map[string]any) (string, error) {
	if secret == "" {
		return "", errors.New("cannot sign with an empty secret")
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("sign a login token: %w", err)
	}
	return signed, nil
}
