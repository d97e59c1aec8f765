// Package seal encrypts small things under the bridge's SECRET_KEY: keys and secrets at rest, and the cookie of a login
// that a browser began. It promises secrecy and integrity (AES-256-GCM with a random nonce); what is sealed for one
// purpose or one owner cannot be opened as another's.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// MinSecret is the least number of bytes of a SECRET_KEY.
const MinSecret = 32

// A Box seals and opens. Make one for each purpose with [New]; the zero Box seals nothing and opens nothing.
type Box struct {
	aead cipher.AEAD
	id   byte // which secret it was, to tell "another SECRET_KEY" from "damaged"
}

// Errors of [Box.Open].
var (
	ErrDamaged  = errors.New("sealed data is damaged or was sealed for something else")
	ErrOtherKey = errors.New("sealed under another SECRET_KEY")
)

const version = 1

// New makes the box of one purpose, such as "settings". It fails for a secret under [MinSecret] bytes.
func New(secret []byte, purpose string) (*Box, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret key has %d bytes; it needs at least %d", len(secret), MinSecret)
	}
	// RFC 5869; the secret is uniformly random by contract, so no salt is needed.
	key, err := hkdf.Key(sha256.New, secret, nil, "ssobridge/"+purpose, 33)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:32])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead: aead, id: key[32]}, nil
}

// Seal encrypts plain for owner: whatever names the place where it is kept, such as a row's key.
func (b *Box) Seal(plain []byte, owner string) []byte {
	head := []byte{version, b.id}
	return b.aead.Seal(head, nil, plain, []byte(owner))
}

// Open decrypts what [Box.Seal] made for the same owner. It returns [ErrOtherKey] or [ErrDamaged].
func (b *Box) Open(sealed []byte, owner string) ([]byte, error) {
	switch {
	case b == nil || b.aead == nil || len(sealed) < 2 || sealed[0] != version:
		return nil, ErrDamaged
	case sealed[1] != b.id:
		return nil, ErrOtherKey
	}
	plain, err := b.aead.Open(nil, nil, sealed[2:], []byte(owner))
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}
