package keyset

import (
	"bytes"
	"cmp"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Spec is a key as somebody configures it.
type Spec struct {
	Name     string    // how messages name it: the setting, or the file
	Data     []byte    // PEM, DER, an X.509 certificate, a JWK or a JWK Set; or a shared secret
	Encoding string    // "text", "base64", or "": whatever Data is. A shared secret needs one of the two
	Alg      string    // "": that of the JWK, else the first that a key of this kind can have. A shared secret needs it
	Kid      string    // "": that of the JWK, else none, and tokens of any kid are tried
	NotAfter time.Time // until when the key verifies tokens; zero: for ever
}

// ParseKey reads a key that verifies tokens; of a JWK Set, all its keys. A key has one algorithm; RSA256, RSA384 and RSA512
// are read as RS256, RS384 and RS512.
//
// Refused are private keys, where a public one is enough; more than one PEM block, since each key is configured on its own;
// what [ParseKeys] refuses; secrets that [CheckSecret] refuses, and public keys as secrets (CVE-2015-9235). Of a certificate
// only the key counts, and not its dates, names or signature. Errors wrap [sso.Invalid] and never repeat the data.
func ParseKey(spec Spec) ([]Key, error) {
	keys, err := spec.keys()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", spec.Name, reasonOf(err), sso.Invalid)
	}
	return keys, nil
}

// reasonOf is what an error says, whatever its code is.
func reasonOf(err error) string {
	if sso.CodeOf(err) == sso.Internal {
		return err.Error()
	}
	return sso.Reason(err)
}

// NewKeys makes the set of these keys, the likeliest first. Two keys with one kid and one algorithm are an error, as a
// token's kid must name one. The error wraps [sso.Invalid].
func NewKeys(keys []Key) (Set, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no key: %w", sso.Invalid)
	}
	for i, k := range keys {
		if k.kid != "" && slices.ContainsFunc(keys[:i], func(l Key) bool { return l.kid == k.kid && l.alg == k.alg }) {
			return nil, fmt.Errorf("two keys have the kid %s and the alg %s: give one of them another kid, or none: %w", sso.Quote(k.kid), k.alg, sso.Invalid)
		}
	}
	return keyList(slices.Clone(keys)), nil
}

// errNoKey says that data is no key in any form that we know.
var errNoKey = errors.New("this is no key that the bridge can read: give PEM (-----BEGIN PUBLIC KEY-----), DER, a certificate, a JWK or a " +
	"JWK Set; for a shared secret say alg: HS256, and encoding: text or base64")

func (s Spec) keys() ([]Key, error) {
	if len(s.Data) > maxKeySet {
		return nil, fmt.Errorf("it has %d bytes; at most %d are allowed", len(s.Data), maxKeySet)
	}
	if s.Alg = canonicalAlg(s.Alg); s.Alg != "" && method(s.Alg) == nil { // a long one may be a secret that went to the wrong place
		what := "alg"
		if len(s.Alg) <= 10 {
			what += " " + sso.Quote(s.Alg)
		}
		return nil, fmt.Errorf("%s is not supported: take one of %s", what, strings.Join(AllAlgorithms(), ", "))
	}
	data, err := s.decoded()
	if err != nil {
		return nil, err
	}
	keys, err := parseForms(data)
	if errors.Is(err, errNoKey) {
		switch inner := fromBase64(data); {
		case s.Encoding == "" && hasKey(inner):
			keys, err = parseForms(inner)
		case strings.HasPrefix(s.Alg, "HS"):
			return s.secret(data)
		case s.Encoding == "text" && hasKey(inner):
			err = errors.New("it is encoded: say encoding: base64")
		}
	}
	if err != nil {
		return nil, err
	}
	return s.settle(keys)
}

// decoded is the data without its encoding.
func (s Spec) decoded() ([]byte, error) {
	data := s.Data
	switch s.Encoding {
	case "", "text":
	case "base64":
		if data = fromBase64(s.Data); data == nil || hasKey(s.Data) {
			return nil, errors.New("it is not base64: leave encoding out if it is the key itself, else correct it")
		}
	default:
		return nil, errors.New("its encoding is not supported: take text or base64")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is empty: give the key")
	}
	return data, nil
}

// settle gives keys what the configuration says of them.
func (s Spec) settle(keys []Key) ([]Key, error) {
	if s.Kid != "" && len(keys) > 1 {
		return nil, fmt.Errorf("it has %d keys, which cannot all have the kid %s: leave kid out", len(keys), sso.Quote(s.Kid))
	}
	for i := range keys {
		k := &keys[i]
		secret, isSecret := k.material.(hidden)
		switch {
		case s.Kid != "" && k.kid != "" && s.Kid != k.kid:
			return nil, fmt.Errorf("the JWK has the kid %s, and kid is %s: leave kid out", sso.Quote(k.kid), sso.Quote(s.Kid))
		case s.Alg != "" && !slices.Contains(algorithms(k.material), s.Alg):
			return nil, fmt.Errorf("it cannot be used with alg %s: take %s%s", s.Alg, strings.Join(algorithms(k.material), ", "), noSecret(s.Alg))
		case s.Alg != "" && !k.assigned && s.Alg != k.alg:
			return nil, fmt.Errorf("the JWK has the alg %s, and alg is %s: leave alg out", k.alg, s.Alg)
		case s.Alg != "":
			k.alg, k.assigned = s.Alg, false
		}
		if isSecret {
			if err := CheckSecret(string(secret())); err != nil {
				return nil, err
			}
		}
		if s.Kid != "" {
			k.kid = s.Kid
		}
		k.ID, k.notAfter, k.origin = cmp.Or(k.kid, k.Fingerprint()), s.NotAfter, s.Name
	}
	return keys, nil
}

// noSecret warns of what CVE-2015-9235 is: everybody has the public key, and could sign with it.
func noSecret(alg string) string {
	if strings.HasPrefix(alg, "HS") {
		return "; a public key is no shared secret"
	}
	return ""
}

func (s Spec) secret(data []byte) ([]Key, error) {
	switch s.Encoding {
	case "":
		return nil, errors.New("a shared secret can be read in two ways: say encoding: text if it is the secret itself, or encoding: base64 if it is encoded")
	case "text": // an editor adds a line end to a file
		data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	}
	k, err := Key{alg: s.Alg, material: hide(data)}.withDefault()
	if err != nil {
		return nil, err
	}
	return s.settle([]Key{k})
}

func canonicalAlg(alg string) string {
	switch alg {
	case "RSA256", "RSA384", "RSA512":
		return "RS" + alg[3:]
	}
	return alg
}

// AllAlgorithms are those that a key may be for.
func AllAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}
}

// fromBase64 decodes either alphabet, with or without padding and line ends; nil when data is no base64.
func fromBase64(data []byte) []byte {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(string(bytes.Join(bytes.Fields(data), nil)))
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// hasKey reports whether data is a key in one of our forms, be it one that is refused.
func hasKey(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	_, err := parseForms(data)
	return !errors.Is(err, errNoKey)
}

// carriesKey reports whether a text that should be a secret is a key, in whatever disguise: encoded in base64 or
// hexadecimal, several times over. Whoever has the public key could sign with it (SECURITY A2).
func carriesKey(data []byte) bool {
	for range 5 {
		if len(data) == 0 {
			return false
		}
		if hasKey(data) || bytes.Contains(bytes.ToUpper(data), []byte("-----BEGIN")) || isSSHBlob(data) || isPoint(data) {
			return true
		}
		digits := bytes.ReplaceAll(bytes.Join(bytes.Fields(data), nil), []byte(":"), nil)
		if plain, err := hex.DecodeString(string(digits)); err == nil {
			data = plain
		} else {
			data = fromBase64(data)
		}
	}
	return false
}

// isSSHBlob reports whether data is what OpenSSH writes in base64 behind the kind of a key (RFC 4253 §6.6): the length of that kind, and
// the kind again.
func isSSHBlob(data []byte) bool {
	return len(data) > 4 && bytes.HasPrefix(data, []byte{0, 0, 0}) && isOpenSSH(string(data[4:]))
}

// isPoint reports whether data is a public key on one of our curves, uncompressed (SEC 1 §2.3.3). Of texts of that length that are none
// hardly one is on the curve. What is compressed, or an Ed25519 key, looks like any other secret.
func isPoint(data []byte) bool {
	return slices.ContainsFunc([]ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()}, func(c ecdh.Curve) bool {
		_, err := c.NewPublicKey(data)
		return err == nil
	})
}
