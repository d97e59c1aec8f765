package keyset

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// parseForms reads the keys in data, in whichever form it is. The error is errNoKey when it is in none.
func parseForms(data []byte) ([]Key, error) {
	if material, err := parseDER(data); !errors.Is(err, errNoKey) {
		return oneKey(material, err)
	}
	if bytes.Contains(data, []byte("-\x00B\x00E\x00G\x00I\x00N\x00 ")) { // in either order of bytes
		return nil, errors.New("it is written in UTF-16: save it as UTF-8")
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // a byte order mark
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return parseJSONForm(text)
	case bytes.Contains(text, []byte("-----BEGIN")):
		return oneKey(parsePEM(string(text)))
	case isOpenSSH(string(text)):
		return nil, errors.New("it is in OpenSSH's own form: write it anew with: ssh-keygen -e -m PKCS8 -f FILE >FILE.pem")
	}
	return nil, errNoKey
}

// oneKey makes a key of what a public key is made of.
func oneKey(material any, err error) ([]Key, error) {
	if err != nil {
		return nil, err
	}
	if err := checkMaterial(material); err != nil {
		return nil, err
	}
	k, err := Key{material: material}.withDefault()
	return []Key{k}, err
}

// checkMaterial refuses keys that the standard library reads and that cannot verify tokens here.
func checkMaterial(material any) error {
	const take = "the bridge verifies with RSA, with EC on P-256, P-384 and P-521, and with Ed25519"
	switch key := material.(type) {
	case *rsa.PublicKey:
		return checkRSA(key.N, big.NewInt(int64(key.E)))
	case *ecdsa.PublicKey:
		if len(algorithms(key)) == 0 {
			return fmt.Errorf("it is a key on the curve %s: %s", key.Curve.Params().Name, take)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	case *ecdh.PublicKey:
		return fmt.Errorf("it is a key on the curve %s, which makes no signatures: %s", key.Curve(), take)
	}
	return fmt.Errorf("it is a key of another kind, such as DSA: %s", take)
}

// parseJSONForm reads a JWK or JWK Set. JSON that is neither is no key.
func parseJSONForm(text []byte) ([]Key, error) {
	top, err := strictjson.Object(text, maxNesting)
	if err != nil && bytes.Contains(text, []byte(`"kty"`)) {
		return nil, fmt.Errorf("it looks like a JWK, but is %w: copy the whole key again", err)
	}
	_, isKey := top["kty"]
	if _, isSet := top["keys"]; !isKey && !isSet {
		return nil, errNoKey
	}
	return reading{secrets: true}.keys(text)
}

func isOpenSSH(text string) bool {
	return slices.ContainsFunc([]string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2"}, func(begin string) bool {
		return strings.HasPrefix(text, begin)
	})
}

const takePublic = "the bridge needs only the public one: write it with: openssl pkey -in FILE -pubout"

// parsePEM reads the one block of a text. Unlike encoding/pem it takes what environment variables make of line ends: `\n`
// in letters, spaces, or nothing at all.
func parsePEM(text string) (any, error) {
	blocks, err := pemBlocks(text)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if strings.HasSuffix(b.kind, "PRIVATE KEY") {
			return nil, privatePEM(b)
		}
	}
	if len(blocks) > 1 {
		return nil, fmt.Errorf("it has %d PEM blocks: leave one, and give every other key an entry of its own", len(blocks))
	}
	b := blocks[0]
	switch b.kind {
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "X509 CERTIFICATE":
	default:
		return nil, fmt.Errorf("it is the PEM of %s: give that of a PUBLIC KEY or CERTIFICATE", sso.Quote(b.kind))
	}
	der, err := base64.StdEncoding.DecodeString(b.body)
	if err != nil {
		return nil, fmt.Errorf("what stands between BEGIN and END %s is not base64: copy the whole key again", b.kind)
	}
	material, err := parseDER(der)
	if errors.Is(err, errNoKey) {
		return nil, fmt.Errorf("what stands between BEGIN and END %s is none: copy the whole key again", b.kind)
	}
	return material, err
}

func privatePEM(b pemBlock) error {
	switch {
	case b.kind == "OPENSSH PRIVATE KEY":
		return errors.New("it has a private key; the bridge needs only the public one: write it with: ssh-keygen -e -m PKCS8 -f FILE >FILE.pem")
	case b.kind == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.body, "ENCRYPTED"):
		return errors.New("it has a private key, which is encrypted; " + takePublic)
	}
	return errors.New("it has a private key; " + takePublic)
}

// pemBlock is RFC 7468 §2. body has no white space.
type pemBlock struct{ kind, body string }

func pemBlocks(text string) (blocks []pemBlock, err error) {
	text = strings.NewReplacer(`\r`, "\n", `\n`, "\n").Replace(text)
	for {
		_, rest, ok := strings.Cut(text, "-----BEGIN ")
		if !ok {
			break
		}
		kind, rest, ok := strings.Cut(rest, "-----")
		if !ok {
			return nil, errors.New("a line -----BEGIN … is cut off: copy the whole key again")
		}
		body, rest, ok := strings.Cut(rest, "-----END "+kind+"-----")
		if !ok || strings.Contains(body, "-----BEGIN ") {
			return nil, fmt.Errorf("the line -----END %s----- is missing: copy the whole key again", strings.Trim(sso.Quote(kind), `"`))
		}
		blocks = append(blocks, pemBlock{kind, strings.Join(strings.Fields(body), "")})
		text = rest
	}
	if len(blocks) == 0 {
		return nil, errors.New("a line -----BEGIN … is cut off: copy the whole key again")
	}
	return blocks, nil
}

// subjectPublicKeyInfo is RFC 5280 §4.1.
type subjectPublicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// parseDER reads a public key (RFC 5280 SubjectPublicKeyInfo, or PKCS #1) or a certificate. The error is errNoKey when der
// is none of them, and no private key either.
func parseDER(der []byte) (any, error) {
	if len(der) == 0 || der[0] != 0x30 { // all of them are a SEQUENCE
		return nil, errNoKey
	}
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	if isWhole(der, new(subjectPublicKeyInfo)) {
		return nil, unreadable(der)
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		if cert.PublicKey == nil { // the standard library says nothing of kinds that it does not know, such as RSA-PSS
			return nil, unreadable(cert.RawSubjectPublicKeyInfo)
		}
		return cert.PublicKey, nil
	}
	return nil, notPublic(der)
}

// notPublic says what a file of DER is, if it is something that people take for a public key.
func notPublic(der []byte) error {
	const fromDER = "openssl pkey -inform DER -in FILE -pubout"
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, sec1 := x509.ParseECPrivateKey(der)
	_, request := x509.ParseCertificateRequest(der)
	switch {
	case pkcs8 == nil || pkcs1 == nil || sec1 == nil || isWhole(der, new(privateKeyInfo)):
		return errors.New("it is a private key; the bridge needs only the public one: write it with: " + fromDER)
	case isWhole(der, new(encryptedPrivateKeyInfo)):
		return errors.New("it is a private key, which is encrypted; the bridge needs only the public one: write it with: " + fromDER)
	case request == nil:
		return errors.New("it is a request for a certificate: give the certificate, or the public key")
	}
	return errNoKey
}

// privateKeyInfo and encryptedPrivateKeyInfo are RFC 5958 §2 and §3: private keys of kinds that package x509 does not read.
type (
	privateKeyInfo struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
		Attributes asn1.RawValue `asn1:"optional"`
	}
	encryptedPrivateKeyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
)

// isWhole reports whether der is that structure and nothing else.
func isWhole(der []byte, structure any) bool {
	rest, err := asn1.Unmarshal(der, structure)
	return err == nil && len(rest) == 0
}

// unreadable says which kind of public key it is that package x509 does not read.
func unreadable(spki []byte) error {
	var info subjectPublicKeyInfo
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return errors.New("its public key cannot be read: take RSA, EC on P-256, or Ed25519")
	}
	id := info.Algorithm.Algorithm.String()
	if id == "1.2.840.10045.2.1" { // an EC key: the parameter says which curve (RFC 5480 §2.1.1)
		var curve asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err != nil {
			return errors.New("it is an EC key whose curve is spelt out instead of named: make it with: openssl ecparam -name prime256v1 -genkey")
		}
		id = curve.String()
	}
	switch id {
	case "1.2.840.113549.1.1.10":
		return errors.New("it is an RSA key that is marked for PSS alone: make a plain RSA key, and say alg: PS256")
	case "1.3.132.0.10":
		return errors.New("it is an EC key on secp256k1: take P-256 (prime256v1)")
	case "1.3.101.111", "1.3.101.113":
		return errors.New("it is a key on the curve 448: take Ed25519")
	case "1.2.840.113549.1.1.1":
		return errors.New("it is an RSA key that is damaged: copy the whole key again")
	}
	return fmt.Errorf("it is a key of the kind %s: take RSA, EC on P-256, or Ed25519", id)
}
