package keyset

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// ParsePrivateKey reads a key that the bridge signs with, as spec configures it: PEM or DER, in PKCS #8, PKCS #1 or SEC 1.
// Without Alg it is the first one that such a key can have, without Kid its thumbprint. Errors wrap [sso.Invalid] and never
// repeat the data.
func ParsePrivateKey(spec Spec) (*SigningKey, error) {
	key, err := spec.private()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", spec.Name, reasonOf(err), sso.Invalid)
	}
	return key, nil
}

func (s Spec) private() (*SigningKey, error) {
	if len(s.Data) > maxKeySet {
		return nil, fmt.Errorf("it has %d bytes; at most %d are allowed", len(s.Data), maxKeySet)
	}
	alg := canonicalAlg(s.Alg)
	if alg != "" && method(alg) == nil {
		return nil, fmt.Errorf("alg %s is not supported", sso.Quote(sso.Truncate(alg, 20)))
	}
	key, err := parsePrivate(s.Data)
	if err != nil {
		return nil, err
	}
	return newSigningKey(key, alg, s.Kid)
}

const makeOne = "make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out FILE"

var errNotPrivate = errors.New("this is no private key that the bridge can read: give PEM (-----BEGIN PRIVATE KEY-----) or DER; " + makeOne)

// parsePrivate reads a private key in whichever form it is.
func parsePrivate(data []byte) (crypto.Signer, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // a byte order mark
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty: give the key; " + makeOne)
	case bytes.Contains(data, []byte("-\x00B\x00E\x00G\x00I\x00N\x00 ")):
		return nil, errors.New("it is written in UTF-16: save it as UTF-8")
	case bytes.Contains(text, []byte("-----BEGIN")):
		return privateOfPEM(string(text))
	case isOpenSSH(string(text)), hasKey(text) && text[0] != '{' && !isPrivateDER(data):
		return nil, errors.New("it is a public key; the bridge signs with this one: give the private key")
	}
	return privateOfDER(data)
}

func isPrivateDER(data []byte) bool {
	_, err := privateOfDER(data)
	return !errors.Is(err, errNotPrivate)
}

func privateOfPEM(text string) (crypto.Signer, error) {
	blocks, err := pemBlocks(text)
	if err != nil {
		return nil, err
	}
	var found []pemBlock
	for _, b := range blocks { // openssl writes EC PARAMETERS in front
		if strings.HasSuffix(b.kind, "PRIVATE KEY") {
			found = append(found, b)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("it is the PEM of %s; the bridge signs with this one: give the private key", sso.Quote(blocks[0].kind))
	case len(found) > 1:
		return nil, fmt.Errorf("it has %d private keys: leave one", len(found))
	case found[0].kind == "OPENSSH PRIVATE KEY":
		return nil, errors.New("it is in OpenSSH's own form: write a copy anew with: ssh-keygen -p -m PKCS8 -f FILE")
	case found[0].kind == "ENCRYPTED PRIVATE KEY", strings.Contains(found[0].body, "ENCRYPTED"):
		return nil, errors.New(encryptedKey)
	}
	der, err := base64.StdEncoding.DecodeString(found[0].body)
	if err != nil {
		return nil, fmt.Errorf("what stands between BEGIN and END %s is not base64: copy the whole key again", found[0].kind)
	}
	key, err := privateOfDER(der)
	if errors.Is(err, errNotPrivate) {
		err = fmt.Errorf("what stands between BEGIN and END %s is none: copy the whole key again", found[0].kind)
	}
	return key, err
}

const encryptedKey = "it is encrypted, and the bridge cannot ask for its password: write it without with: openssl pkcs8 -topk8 -nocrypt -in FILE -out NEW"

// privateOfDER returns errNotPrivate for what is no private key.
func privateOfDER(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		if key, err := x509.ParseECPrivateKey(der); err == nil {
			return key, nil
		}
		switch {
		case isWhole(der, new(encryptedPrivateKeyInfo)):
			return nil, errors.New(encryptedKey)
		case isWhole(der, new(privateKeyInfo)):
			return nil, errors.New("it is a private key of a kind that the bridge does not sign with: take RSA, EC on P-256, P-384 or P-521, or Ed25519")
		}
		return nil, errNotPrivate
	}
	if _, is := parsed.(*ecdh.PrivateKey); is {
		return nil, errors.New("it is a key on the curve X25519, which makes no signatures: take Ed25519")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errNotPrivate
	}
	return key, nil
}
