package keyset

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password/strength"
)

// The least number of bytes of a shared secret (RFC 7518 §3.2), and the most: a longer one is a way to make us work, and no
// harder to guess.
const (
	MinSecret = 32
	MaxSecret = 4096
)

// secretList is the shared secrets of a provider, the current one first. It knows no kids: whatever a token's says, each
// secret is tried.
type secretList []Key

// Keys implements [Set].
func (l secretList) Keys(context.Context, string) ([]Key, error) {
	if len(l) == 0 {
		return nil, fmt.Errorf("no shared secret is configured: %w", sso.KeyUnknown)
	}
	return l, nil
}

// NewSecrets makes the key set of shared secrets, each used as the bytes of its text, with HS256: the one algorithm that
// the protocol names. The first is current; all verify, so that they can be rotated.
//
// A secret that [CheckSecret] refuses is an error. With [sso.Metabase] it is a warning, as people bring the secret that
// Metabase took from them; only an empty one and a public key are errors then. No message contains a secret.
func NewSecrets(secrets []string, p sso.Profile) (keys Set, warnings []string, err error) {
	if len(secrets) == 0 {
		return nil, nil, fmt.Errorf("no shared secret: %w", sso.Invalid)
	}
	var list secretList
	for _, s := range secrets {
		id := sso.SecretID(s)
		if weak := CheckSecret(s); weak != nil {
			if p != sso.Metabase || s == "" || carriesKey([]byte(s)) {
				return nil, nil, fmt.Errorf("%s: %w", id, weak)
			}
			warnings = append(warnings, fmt.Sprintf("%s: %s", id, sso.Reason(weak)))
		}
		list = append(list, Key{ID: id, alg: "HS256", material: hide([]byte(s))})
	}
	return list, warnings, nil
}

// CheckSecret refuses a shared secret that is short, a public key, or can be guessed: whoever has one token can try secrets
// on it without asking us. The error wraps [sso.Invalid] and says how to make a good one.
func CheckSecret(secret string) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s: make one with: openssl rand -hex 32: %w", fmt.Sprintf(format, args...), sso.Invalid)
	}
	if len(secret) < MinSecret {
		return refuse("the shared secret has %d bytes; it needs at least %d", len(secret), MinSecret)
	}
	if len(secret) > MaxSecret {
		return refuse("the shared secret has %d bytes; %d are allowed", len(secret), MaxSecret)
	}
	if carriesKey([]byte(secret)) {
		return refuse("the shared secret is a key: everybody may have a public key, and could sign with it")
	}
	if published(secret) {
		return refuse("the shared secret is an example that anyone can read")
	}
	if placeholder(secret) {
		return refuse("the shared secret is a text that stands for one: what should have put the secret in its place has not")
	}
	if reference().MatchString(secret) {
		return refuse("the shared secret is the name of a file or an address, and not what is there: name the file in the setting that has _FILE behind its name")
	}
	if strength.Bits(secret, words()...) < needed(secret) {
		return refuse("the shared secret is guessable: it repeats, or is made of words, names or keyboard rows")
	}
	return nil
}

// published reports whether secret is, or merely repeats, the key of a well-known document or tutorial.
func published(secret string) bool {
	secret = strings.ToLower(secret)
	for _, known := range []string{
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", // RFC 7515 A.1, RFC 7517 A.3
		"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",                                            // RFC 7520 §3.5
		"your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret", // jwt.io
		"a-string-secret-at-least-256-bits-long", // jwt.io
		"a-valid-string-secret-that-is-at-least-384-bits-long",
		"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
		"qwertyuiopasdfghjklzxcvbnm123456",                                 // jwt.io, earlier
		"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970", // Java tutorials
		"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI's tutorial
		"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", // Flask's documentation
		"your-super-secret-jwt-token-with-at-least-32-characters-long",     // Supabase
		"550e8400-e29b-41d4-a716-446655440000",                             // examples of UUIDs
		"123e4567-e89b-12d3-a456-426614174000",
		"000102030405060708090a0b0c0d0e0f", // test vectors
		"d41d8cd98f00b204e9800998ecf8427e", // MD5, SHA-1 and SHA-256 of nothing, and of "password" and "secret"
		"da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"5f4dcc3b5aa765d61d8327deb882cf99",
		"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
		"5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
		"5ebe2294ecd0e0f08eab7690d2a6ee69",
		"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
		"the quick brown fox jumps over the lazy dog",
	} {
		if strings.Contains(secret, strings.ToLower(known)) {
			return true
		}
	}
	return false
}

// placeholder reports whether secret is a text that a shell, a template or a person should have replaced.
func placeholder(secret string) bool {
	plain := strings.ToLower(secret)
	for begin, end := range map[string]string{"${": "}", "$(": ")", "{{": "}}"} {
		if strings.HasPrefix(plain, begin) && strings.Contains(plain, end) {
			return true
		}
	}
	if strings.HasPrefix(plain, "<") && strings.HasSuffix(plain, ">") {
		return true
	}
	plain = strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(plain)
	for _, part := range []string{"changeme", "changethis", "replaceme", "replacethis", "replacewith", "insertyour", "putyour", "yoursecret"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return false
}

// reference matches where a secret is, as people write it in the place of the secret, or a program that should have fetched it leaves it
// there: "file:///etc/okera/id_rsa.pub", "/opt/app/conf/public_key.der", "op://vault/item". Such a text is long enough, and the
// same wherever the product is installed. Base64 begins with "/" too, but with no name of a folder.
var reference = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i)@?(?:[a-z][a-z0-9+.-]*://|arn:aws|[a-z]:\\|~?/(?:app|conf|config|data|etc|home|mnt|opt|private|root|run|secrets?|srv|tmp|users|usr|var|vault|workspace)/)`)
})

// words are what examples of secrets are made of.
func words() []string {
	return []string{"secret", "jwt", "key", "token", "bit", "bits", "your", "hs256", "shared", "signing", "metabase", "ssobridge"}
}

// needed is the least estimate for a good secret, in bits. Of 1,500 times 128 random bits in hexadecimal the least came out
// as 86, of as many digits as 71, while eight common words in a row come to 96 to 125.
func needed(secret string) float64 {
	if strings.Trim(strings.ToLower(secret), "0123456789abcdef-") == "" {
		return 60
	}
	return 100
}
