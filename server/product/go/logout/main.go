// What a product does when somebody signs out of it. In a clone of this repository: go run ./server/product/go/logout ada@example.com
// Elsewhere: go mod init logout && go get github.com/golang-jwt/jwt/v5 && go run main.go ada@example.com
package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	secret := []byte(os.Getenv("SSO_SECRET")) // the bridge's JWT_SHARED_SECRET
	if len(secret) == 0 || len(os.Args) != 2 {
		log.Fatal("SSO_SECRET is not set, or the person is not named")
	}
	if err := signOut(cmp.Or(os.Getenv("BRIDGE_URL"), "http://localhost:3000"), secret, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// Call signOut when somebody signs out of your product, or loses the account there.
func signOut(bridge string, secret []byte, sub string) error {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(), "iss": "my-product", "aud": bridge, "sub": sub,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	})
	token.Header["typ"] = "logout+jwt"
	signed, err := token.SignedString(secret)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.PostForm(bridge+"/auth/sso/backchannel-logout", url.Values{"logout_token": {signed}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the bridge answered %s", resp.Status)
	}
	return nil
}
