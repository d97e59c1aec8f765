package keyset

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// Diagnose tries the ways in which IdPs get a shared secret wrong, and says which one made this signature; "" for none.
// Events, logs and explanations have it, whose readers configure both sides.
func Diagnose(keys []Key, signed string, signature []byte) string {
	for _, k := range keys {
		secret, ok := k.material.(hidden)
		if !ok {
			continue
		}
		if (Key{alg: k.alg, material: hide(nil)}).Verify(signed, signature) {
			return "; the product signs with an empty secret: it does not find the one that it should have"
		}
		for _, m := range misreadings(secret()) {
			wrong := Key{alg: k.alg, material: hide(m.key)}
			if len(m.key) > 0 && !bytes.Equal(m.key, secret()) && wrong.Verify(signed, signature) {
				return fmt.Sprintf("; it fits %s if %s", k.ID, m.why)
			}
		}
	}
	return ""
}

// Compare says which keys the bridge has that could have made the signature, and how to see whether the product has one of
// them.
func Compare(keys []Key) string {
	var ids, public []string
	for _, k := range keys {
		secret, isSecret := k.material.(hidden)
		switch {
		case isSecret && k.ID == sso.SecretID(string(secret())): // and not a JWK, whose bytes are no text
			ids = append(ids, k.ID)
		case !isSecret && k.origin != "":
			public = append(public, fmt.Sprintf("%s from %s", k, k.origin))
		case !isSecret:
			public = append(public, k.String())
		}
	}
	var text string
	if len(ids) > 0 {
		text = "; the bridge has " + strings.Join(ids, ", ") +
			`: compare it with what this prints where the product runs, with its secret in SSO_SECRET: printf %s "$SSO_SECRET" | sha256sum | cut -c1-8`
	}
	if more := len(public) - maxCompared; more > 0 {
		public = append(public[:maxCompared], fmt.Sprintf("%d more", more))
	}
	if len(public) > 0 {
		text += "; the bridge has " + strings.Join(public, ", ") + ": see that the product signs with the private key of one of them"
	}
	return text
}

// maxCompared is how many public keys a message names.
const maxCompared = 5

// A misreading is a shared secret as an IdP may take it.
type misreading struct {
	key []byte
	why string
}

func misreadings(secret []byte) []misreading {
	const asText = ": let the identity provider sign with the text of the secret as it stands"
	const space = "there is white space around the secret: write it without, on both sides"
	text := string(secret)
	fromHex, _ := hex.DecodeString(text)
	list := []misreading{
		{fromHex, "the secret is decoded from hexadecimal first" + asText},
		{bytes.TrimSpace(secret), space},
		{[]byte(text + "\n"), space},
		{[]byte(text + "\r\n"), space},
		{[]byte(text + " "), space},
		{[]byte(`"` + text + `"`), "there are quotation marks around the secret: write it without, on both sides"},
		{bytes.Trim(secret, `"'`), "there are quotation marks around the secret: write it without, on both sides"},
		{[]byte(base64.StdEncoding.EncodeToString(secret)), "the secret is encoded in base64 first" + asText},
		{[]byte(hex.EncodeToString(secret)), "the secret is encoded in hexadecimal first" + asText},
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(text); err == nil {
			list = append(list, misreading{b, "the secret is decoded from base64 first" + asText})
		}
	}
	return list
}
