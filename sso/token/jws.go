package token

import (
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// MaxSize is the most bytes a token may have.
const MaxSize = 8 << 10

// compact is a token taken apart (RFC 7515 §7.1).
type compact struct {
	signingInput               string // "header.payload" as it was signed, RFC 7515 §5.1
	header, payload, signature []byte
}

// split takes a token apart. Its three parts decode in one way only: base64.RawURLEncoding would skip line ends and
// spare bits, and so let many strings be one token.
func split(token string) (compact, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if strings.Count(token, ".") != 2 {
		return compact{}, fmt.Errorf("%s: %w", wrongParts(token, len(strings.SplitN(token, ".", 6))), sso.TokenMalformed)
	}
	c := compact{signingInput: token[:len(header)+1+len(payload)]}
	for i, part := range [...]struct {
		text string
		to   *[]byte
	}{{header, &c.header}, {payload, &c.payload}, {signature, &c.signature}} {
		var err error
		if *part.to, err = strictjson.Base64URL(part.text); err != nil {
			name := [...]string{"header", "payload", "signature"}[i]
			return compact{}, fmt.Errorf("the token's %s (part %d of 3): %w: %w", name, i+1, err, sso.TokenMalformed)
		}
	}
	return c, nil
}

func wrongParts(token string, n int) string {
	switch {
	case strings.HasPrefix(strings.TrimSpace(token), "{"):
		return "this is JSON, not a compact token: send header.payload.signature"
	case n == 5:
		return "a token of five parts is encrypted (JWE); send a signed one (JWS)"
	case n > 5:
		return "a signed token has three parts separated by dots, this has more than five"
	}
	return fmt.Sprintf("a signed token has three parts separated by dots, this has %d", n)
}

// header is what we read of a JOSE header. Members that we do not know are ignored, as RFC 7515 §4 asks; so are jku, jwk,
// x5u and x5c, which would let the sender choose the key.
type header struct {
	alg string
	kid string // "" when absent
	typ any    // nil when absent
}

func parseHeader(data []byte) (header, error) {
	refuse := func(format string, args ...any) (header, error) {
		return header{}, fmt.Errorf("the token's header: "+format+": %w", append(args, sso.TokenMalformed)...)
	}
	members, err := parseObject(data)
	if err != nil {
		return refuse("%w", err)
	}
	if _, ok := members["crit"]; ok { // RFC 7515 §4.1.11: extensions we do not know must be refused, and we know none
		return refuse("it has crit, and no extension is supported")
	}
	if _, ok := members["b64"]; ok { // RFC 7797 §3, §6: it changes what was signed
		return refuse("it has b64, which is not supported")
	}
	h := header{typ: members["typ"]}
	if typ, ok := members["typ"]; ok && typ == nil {
		return refuse("typ is null")
	}
	var ok bool
	if h.alg, ok = members["alg"].(string); !ok { // RFC 7515 §4.1.1: must be present
		return refuse("it has no alg that is a string")
	}
	if kid, sent := members["kid"]; sent {
		if h.kid, ok = kid.(string); !ok { // RFC 7515 §4.1.4
			return refuse("kid is not a string")
		}
	}
	return h, nil
}
