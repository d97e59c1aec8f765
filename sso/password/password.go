// Package password keeps the passwords of the few accounts that have one: the administrators' way in when the identity
// provider does not work. [Hasher] hashes and verifies with Argon2id; [Check] says whether a password may be chosen.
//
// A password is the bytes that were typed: nothing is trimmed, cut, folded or normalised. An account without a password
// has an empty hash, which no password fits and from which nothing is derived (CVE-2018-15727).
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password/strength"
)

// Limits of a password. A longer one than MaxBytes is a way to make us work, not a password.
const (
	MinCharacters = 15 // ASVS 6.2.1, NIST SP 800-63B-4 §3.1.1.2
	MaxBytes      = 1024
)

// A Hasher hashes passwords, a few at a time, so that a flood of guesses takes neither the memory nor the processors from
// everything else (SECURITY I4). Use one for the whole program. The zero Hasher is ready for use.
type Hasher struct {
	// Limit is how many are hashed at once, 19 MiB and about 30 ms of a processor each; others wait. 0: half the
	// processors, at least 1 and at most 4.
	Limit int

	once    sync.Once
	slots   chan struct{}
	waiting atomic.Int64
}

// Waiting returns how many passwords wait for their turn now.
func (h *Hasher) Waiting() int64 { return h.waiting.Load() }

// current are the parameters of new hashes: OWASP's first choice for Argon2id (SECURITY I1).
func current() params { return params{memory: 19 << 10, time: 2, threads: 1} }

// Sizes of what [Hasher.Hash] makes, in bytes (RFC 9106 §3.1, §4).
const (
	saltSize = 16
	keySize  = 32
)

// Hash returns the hash of a password as a PHC string, such as $argon2id$v=19$m=19456,t=2,p=1$…$…. It does not judge the
// password, see [Check]; only an empty one, or one over [MaxBytes], is [sso.Invalid]. It returns [sso.Throttled] when ctx
// ends before its turn comes.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if password == "" || len(password) > MaxBytes {
		return "", fmt.Errorf("a password has 1 to %d bytes: %w", MaxBytes, sso.Invalid)
	}
	hash := hash{params: current(), salt: make([]byte, saltSize), key: make([]byte, keySize)}
	rand.Read(hash.salt)
	key, err := h.derive(ctx, hash, password)
	if err != nil {
		return "", err
	}
	hash.key = key
	return hash.String(), nil
}

// Verify reports whether password is the one that phc was made of, and whether it should be hashed anew because today's
// parameters are others. An empty phc, an account without a password or none at all, takes as long as any other and is
// never right (SECURITY I3).
//
// An error says that phc is damaged, or wraps [sso.Throttled] when ctx ends before its turn comes; ok is false then.
func (h *Hasher) Verify(ctx context.Context, phc, password string) (ok, rehash bool, err error) {
	stored := hash{params: current(), salt: make([]byte, saltSize), key: make([]byte, keySize)}
	real := phc != "" && len(password) <= MaxBytes && password != ""
	if real {
		if stored, err = parse(phc); err != nil {
			return false, false, err
		}
	}
	key, err := h.derive(ctx, stored, password[:min(len(password), MaxBytes)])
	if err != nil {
		return false, false, err
	}
	same := subtle.ConstantTimeCompare(key, stored.key) == 1
	ok = real && same
	return ok, ok && stored.params != current(), nil
}

// derive computes the key of a password with the parameters and the salt of a hash.
func (h *Hasher) derive(ctx context.Context, with hash, password string) ([]byte, error) {
	h.once.Do(func() {
		limit := h.Limit
		if limit <= 0 {
			limit = min(4, max(1, runtime.GOMAXPROCS(0)/2))
		}
		h.slots = make(chan struct{}, limit)
	})
	h.waiting.Add(1)
	select {
	case h.slots <- struct{}{}:
		h.waiting.Add(-1)
	case <-ctx.Done():
		h.waiting.Add(-1)
		return nil, fmt.Errorf("wait to hash a password: %w: %w", context.Cause(ctx), sso.Throttled)
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), with.salt, with.time, with.memory, with.threads, uint32(len(with.key))), nil
}

// params are the costs of Argon2id.
type params struct {
	memory, time uint32 // KiB, passes
	threads      uint8
}

// hash is a PHC string taken apart.
type hash struct {
	params
	salt, key []byte
}

func (h hash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.key))
}

var errDamaged = errors.New("a stored password hash is damaged, or not Argon2id")

// parse reads what [hash.String] writes, in that one spelling. The bounds keep a damaged database from taking the memory
// or the time of the whole machine, and an empty key from fitting everything.
func parse(phc string) (h hash, err error) {
	fields := strings.Split(phc, "$")
	if len(phc) > 512 || len(fields) != 6 {
		return hash{}, errDamaged
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return hash{}, errDamaged
	}
	decode := base64.RawStdEncoding.Strict().DecodeString
	if h.salt, err = decode(fields[4]); err != nil {
		return hash{}, errDamaged
	}
	if h.key, err = decode(fields[5]); err != nil {
		return hash{}, errDamaged
	}
	within := func(n, least, most int) bool { return least <= n && n <= most }
	if !within(int(h.memory), 8<<10, 1<<18) || !within(int(h.time), 1, 16) || !within(int(h.threads), 1, 16) ||
		!within(len(h.salt), 8, 64) || !within(len(h.key), 16, 64) || h.String() != phc {
		return hash{}, errDamaged
	}
	return h, nil
}

// needed is the least strength of a password, in bits that someone who knows dictionaries and the account must guess.
// Words and keyboard rows of 15 characters stay under it; four of the 1,000 commonest words with spaces between them have 46 to 58.
const needed = 40

// A Fault is why a password may not be chosen, for the person who types it. It wraps [sso.Invalid].
type Fault struct {
	Format string // in English, as fmt takes it; pages have it in other languages
	Args   []any
}

func (f *Fault) Error() string {
	return fmt.Sprintf(f.Format+": %v", append(f.Args[:len(f.Args):len(f.Args)], sso.Invalid)...)
}

// Unwrap is [sso.Invalid].
func (*Fault) Unwrap() error { return sso.Invalid }

// Check reports whether a password may be chosen: at least [MinCharacters] characters, at most [MaxBytes] bytes of any
// kind, and not one that others try first. context is what is known about the account, such as its e-mail and names; it
// counts as known. The error is a [*Fault].
func Check(password string, context ...string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinCharacters:
		return &Fault{"the password has %d characters; choose at least %d, such as four or five words that do not belong together", []any{n, MinCharacters}}
	case len(password) > MaxBytes:
		return &Fault{"the password has %d bytes; %d are allowed", []any{len(password), MaxBytes}}
	}
	if strength.Bits(password, known(context)...) < needed {
		return &Fault{"the password is easy to guess: it is common, repeats, follows the keyboard, or is made of your name or address; choose four or five words that do not belong together", nil}
	}
	return nil
}

// known returns the words of a context, whole and in parts, after those that everybody tries: of this program, and of the
// one passphrase that everybody has read (xkcd 936).
func known(context []string) []string {
	words := []string{"ssobridge", "metabase", "password", "administrator", "correct", "horse", "battery", "staple"}
	for _, c := range context {
		c = sso.Truncate(c, math.MaxUint8)
		words = append(words, c)
		words = append(words, strings.FieldsFunc(c, func(r rune) bool { return strings.ContainsRune(" .,;:@_-+/", r) })...)
	}
	return words
}
