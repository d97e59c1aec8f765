package keyset

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// Limits of a key set.
const (
	maxKeySet  = 256 << 10 // bytes of JSON
	maxKeys    = 100
	maxNesting = 8    // of objects and lists in it; the outermost is 1
	minRSABits = 2048 // RFC 7518 §3.3
	maxRSABits = 8192 // more only costs time
)

// ParseKeys reads a JWK or a JWK Set (RFC 7517) of one's own: secrets (kty oct) are allowed, and of a private key the
// public part is taken. What someone else publishes is read by [Remote].
//
// Each key has one algorithm: its alg, else oct HS256, RSA RS256, EC the curve's, Ed25519 EdDSA. Refused are duplicate
// kids, secrets and public keys in one set, RSA moduli under 2048 bits or with the mark of ROCA (CVE-2017-15361), secrets
// shorter than their hash, points off their curve, and JSON that [strictjson.Object] refuses. A key that is not for verifying
// (use, key_ops) or of a kind that we do not support is left out of a set, as RFC 7517 §5 asks; alone, it is refused.
//
// Errors wrap [sso.KeyUnknown].
func ParseKeys(data []byte) (Set, error) {
	return reading{secrets: true, private: true}.keySet(data)
}

// A reading says what a JWK or JWK Set may hold, besides public keys. Of what an issuer publishes it is nothing: private members and
// secrets are errors there (RFC 7517 §9.2; a published secret is none).
type reading struct {
	secrets bool               // kty oct
	private bool               // private members; of such a key the public part is taken
	leave   func(reason error) // is told of a malformed key that is left out; nil: it refuses the set
}

// keyList is a fixed set of keys.
type keyList []Key

// Keys implements [Set]: the keys of that kid, and those without one.
func (l keyList) Keys(_ context.Context, kid string) ([]Key, error) {
	if kid == "" {
		return l, nil
	}
	var fit []Key
	for _, k := range l {
		if k.kid == kid || k.kid == "" {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("no key has the token's kid %s: %w", sso.Quote(kid), sso.KeyUnknown)
	}
	return fit, nil
}

// errNotForUs marks a key that is fine, but not one that verifies signatures here.
var errNotForUs = errors.New("cannot verify tokens")

// errExposed marks a key that was published with what must stay secret. Then the whole set is not to be trusted.
var errExposed = errors.New("was published: it must be replaced")

func (r reading) keySet(data []byte) (Set, error) {
	keys, err := r.keys(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, sso.KeyUnknown)
	}
	return keys, nil
}

func (r reading) keys(data []byte) (keyList, error) {
	list, err := jwkList(data)
	if err != nil {
		return nil, err
	}
	var keys keyList
	var left error
	for i, members := range list {
		k, err := r.key(members)
		switch {
		case errors.Is(err, errNotForUs):
			left = err
		case err != nil && (r.leave == nil || errors.Is(err, errExposed)):
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		case err != nil:
			left = err
			r.leave(fmt.Errorf("key %d: %w", i+1, err))
		default:
			if k.ID = k.kid; k.ID == "" {
				k.ID = fmt.Sprintf("key %d", i+1)
			}
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key of the set can be used: %w", left)
	}
	return keys, nil
}

// jwkList returns the members of each key of a JWK or JWK Set, and judges them as a set.
func jwkList(data []byte) ([]map[string]any, error) {
	if len(data) > maxKeySet {
		return nil, fmt.Errorf("a key set may have at most %d bytes", maxKeySet)
	}
	top, err := strictjson.Object(data, maxNesting)
	if err != nil {
		return nil, fmt.Errorf("not a JWK or JWK Set: %w", err)
	}
	keys, isSet := top["keys"]
	if _, isKey := top["kty"]; isKey == isSet {
		return nil, errors.New("not a JWK or JWK Set: it needs either kty or keys")
	}
	if !isSet {
		return []map[string]any{top}, nil
	}
	elements, ok := keys.([]any)
	if !ok || len(elements) == 0 || len(elements) > maxKeys {
		return nil, fmt.Errorf("keys must be a list of 1 to %d keys", maxKeys)
	}
	list := make([]map[string]any, 0, len(elements))
	for _, e := range elements {
		members, ok := e.(map[string]any)
		if !ok {
			return nil, errors.New("keys must be a list of objects")
		}
		list = append(list, members)
	}
	return list, checkSet(list)
}

// checkSet refuses sets in which a token could choose between a secret and a public key, or between two keys of one name.
func checkSet(list []map[string]any) error {
	seen := map[string]bool{}
	secrets := 0
	for _, members := range list {
		if members["kty"] == "oct" {
			secrets++
		}
		if kid, ok := members["kid"].(string); ok {
			if seen[kid] {
				return fmt.Errorf("two keys have the kid %s", sso.Quote(kid))
			}
			seen[kid] = true
		}
	}
	if secrets > 0 && secrets < len(list) {
		return errors.New("secrets (kty oct) and public keys are mixed in one set")
	}
	return nil
}

func (r reading) key(members map[string]any) (Key, error) {
	j := jwk{members: members}
	private := slices.ContainsFunc([]string{"d", "p", "q", "dp", "dq", "qi", "oth"}, j.has)
	switch {
	case !r.secrets && (private || j.has("k")):
		return Key{}, fmt.Errorf("it has private members, and %w", errExposed)
	case !r.private && private:
		return Key{}, errors.New("it is a private key: give its public part, without d, p, q, dp, dq and qi")
	}
	if err := j.checkUse(private); err != nil {
		return Key{}, err
	}
	k := Key{kid: j.text("kid"), alg: j.text("alg")}
	switch kty := j.text("kty"); kty {
	case "oct":
		k.material = j.secret()
	case "RSA":
		k.material = j.rsa()
	case "EC":
		k.material = j.ec()
	case "OKP":
		k.material = j.okp()
	default:
		j.fail(fmt.Errorf("kty %s %w", sso.Quote(kty), errNotForUs))
	}
	if j.err != nil {
		return Key{}, j.err
	}
	return k.withDefault()
}

// withDefault settles the one algorithm of a key.
func (k Key) withDefault() (Key, error) {
	may := algorithms(k.material)
	switch {
	case len(may) == 0:
		return Key{}, fmt.Errorf("the secret is shorter than %d bytes: make one with: openssl rand -hex 32", MinSecret)
	case k.alg == "":
		k.alg, k.assigned = may[0], true
	case method(k.alg) == nil:
		return Key{}, fmt.Errorf("alg %s %w", sso.Quote(k.alg), errNotForUs)
	case !slices.Contains(may, k.alg):
		return Key{}, fmt.Errorf("it cannot be used with alg %s, only with %s", k.alg, strings.Join(may, ", "))
	}
	k.used = new(usage)
	return k, nil
}

// jwk reads members of a key; the first error stays.
type jwk struct {
	members map[string]any
	err     error
}

func (j *jwk) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

func (j *jwk) has(name string) bool {
	_, ok := j.members[name]
	return ok
}

func (j *jwk) text(name string) string {
	s, ok := j.members[name].(string)
	if !ok && j.has(name) {
		j.fail(fmt.Errorf("%s is not a string", name))
	}
	return s
}

// bytes tolerates padding, which RFC 7515 §2 leaves out and OpenMetadata writes. Tokens have none.
func (j *jwk) bytes(name string) []byte {
	b, err := strictjson.Base64URL(strings.TrimRight(j.text(name), "="))
	if err != nil {
		j.fail(fmt.Errorf("%s %w", name, err))
	}
	return b
}

// checkUse holds the key to what its owner says it is for (RFC 7517 §4.2, §4.3). A private key signs, so its public part
// verifies.
func (j *jwk) checkUse(private bool) error {
	if use := j.text("use"); j.has("use") && j.err == nil && use != "sig" {
		return fmt.Errorf("use %s: it %w", sso.Quote(use), errNotForUs)
	}
	ops, sent := j.members["key_ops"]
	if !sent || j.err != nil {
		return j.err
	}
	list, ok := ops.([]any)
	if !ok {
		return errors.New("key_ops is not a list")
	}
	if slices.Contains(list, any("verify")) || private && j.text("kty") != "oct" && slices.Contains(list, any("sign")) {
		return nil
	}
	return fmt.Errorf("key_ops has no verify: it %w", errNotForUs)
}

// secret is RFC 7518 §6.4.
func (j *jwk) secret() hidden { return hide(j.bytes("k")) }

// rsa is RFC 7518 §6.3.1. n may begin with a zero byte, as Java writes it.
func (j *jwk) rsa() *rsa.PublicKey {
	n, e := new(big.Int).SetBytes(j.bytes("n")), new(big.Int).SetBytes(j.bytes("e"))
	if err := checkRSA(n, e); err != nil {
		j.fail(err)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}

func checkRSA(n, e *big.Int) error {
	switch bits := n.BitLen(); {
	case bits < minRSABits || bits > maxRSABits:
		return fmt.Errorf("the RSA modulus has %d bits; %d to %d are allowed: make a new pair of keys", bits, minRSABits, maxRSABits)
	case n.Bit(0) == 0:
		return errors.New("the RSA modulus is even")
	case e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0:
		return errors.New("the RSA exponent must be odd, at least 3 and below 2^31")
	case roca(n):
		return errors.New("the RSA modulus has the mark of CVE-2017-15361 (ROCA), so that its private key can be computed: make a new pair of keys")
	}
	return nil
}

// ec is RFC 7518 §6.2.1. Coordinates have the full size of the field (§6.2.1.2), and the point lies on the curve.
func (j *jwk) ec() *ecdsa.PublicKey {
	var curve elliptic.Curve
	switch crv := j.text("crv"); crv {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		j.fail(fmt.Errorf("crv %s %w", sso.Quote(crv), errNotForUs))
		return nil
	}
	point := slices.Concat([]byte{4}, j.bytes("x"), j.bytes("y"))
	size := (curve.Params().BitSize + 7) / 8
	if len(j.bytes("x")) != size {
		j.fail(fmt.Errorf("x has %d bytes instead of %d", len(j.bytes("x")), size))
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		j.fail(errors.New("x and y are not a point of the curve"))
	}
	return key
}

// okp is RFC 8037 §2.
func (j *jwk) okp() ed25519.PublicKey {
	if crv := j.text("crv"); crv != "Ed25519" {
		j.fail(fmt.Errorf("crv %s %w", sso.Quote(crv), errNotForUs))
		return nil
	}
	x := j.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		j.fail(fmt.Errorf("x has %d bytes instead of %d", len(x), ed25519.PublicKeySize))
	}
	return x
}

// roca reports whether a modulus has the fingerprint of the weak primes of CVE-2017-15361: they are powers of 65537
// modulo the small primes, and so is their product (Nemec et al., "The Return of Coppersmith's Attack", §2.2). A random
// modulus has it by chance once in 10^9.
func roca(n *big.Int) bool {
	primes := [...]int64{
		3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
		127, 131, 137, 139, 149, 151, 157, 163, 167,
	}
	for _, p := range primes {
		if !powerOf65537(new(big.Int).Mod(n, big.NewInt(p)).Int64(), p) {
			return false
		}
	}
	return true
}

func powerOf65537(x, p int64) bool {
	power := int64(1)
	for range p - 1 {
		if power == x {
			return true
		}
		power = power * 65537 % p
	}
	return false
}
