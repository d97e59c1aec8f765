package keyset_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// makeKeys is what the documents of others say, and what people do beside it. Of OpenMetadata are the first three commands.
const makeKeys = `
openssl genrsa -out private_key.pem 2048
openssl pkcs8 -topk8 -inform PEM -outform DER -in private_key.pem -out private_key.der -nocrypt
openssl rsa -in private_key.pem -pubout -outform DER -out public_key.der

openssl rsa -in private_key.pem -pubout -out rsa.pub
openssl rsa -in private_key.pem -RSAPublicKey_out -out rsa-pkcs1.pub
openssl rsa -in private_key.pem -RSAPublicKey_out -outform DER -out rsa-pkcs1.der
openssl rsa -in private_key.pem -traditional -out rsa-traditional.pem
openssl rsa -in private_key.pem -traditional -outform DER -out rsa-traditional.der
openssl rsa -in private_key.pem -traditional -aes128 -passout pass:x -out rsa-traditional-encrypted.pem
openssl pkcs8 -topk8 -in private_key.pem -passout pass:x -out rsa-encrypted.pem
openssl pkcs8 -topk8 -in private_key.pem -passout pass:x -outform DER -out rsa-encrypted.der
openssl req -x509 -key private_key.pem -subj /CN=idp -days 30 -out rsa.crt
openssl x509 -in rsa.crt -text -out rsa-text.crt
openssl x509 -in rsa.crt -outform DER -out rsa.cer
openssl req -new -key private_key.pem -subj /CN=idp -out rsa.csr
openssl req -new -key private_key.pem -subj /CN=idp -outform DER -out rsa-csr.der
openssl genrsa -out weak.pem 1024
openssl rsa -in weak.pem -pubout -out weak.pub
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem
openssl pkey -in pss.pem -pubout -out pss.pub
openssl pkey -in pss.pem -outform DER -out pss.der
openssl req -x509 -key pss.pem -subj /CN=idp -days 30 -out pss.crt
for c in prime256v1 secp384r1 secp521r1 secp256k1 secp224r1; do
	openssl ecparam -name $c -genkey -out $c.pem
	openssl ec -in $c.pem -pubout -out $c.pub
done
openssl ec -in prime256v1.pem -outform DER -out prime256v1-sec1.der
openssl ec -in prime256v1.pem -pubout -outform DER -out prime256v1.der
openssl ec -in prime256v1.pem -pubout -param_enc explicit -out explicit.pub
openssl ec -in prime256v1.pem -pubout -conv_form compressed -out compressed.pub
for a in ed25519 ed448 x25519; do
	openssl genpkey -algorithm $a -out $a.pem
	openssl pkey -in $a.pem -pubout -out $a.pub
done
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.param
openssl genpkey -paramfile dsa.param -out dsa.pem
openssl pkey -in dsa.pem -pubout -out dsa.pub
openssl base64 -in public_key.der -out public_key.base64
openssl base64 -A -in rsa.pub -out rsa-pem.base64
cat rsa.pub prime256v1.pub >two.pub
cat rsa.crt pss.crt >chain.crt
cat rsa.pub private_key.pem >both.pem
printf '\357\273\277' | cat - rsa.pub >bom.pub
tr '\n' ' ' <rsa.pub >one-line.pub
tr -d '\n' <rsa.pub >no-line.pub
sed 's/$/\r/' rsa.pub >crlf.pub
awk '{ printf "%s\\n", $0 }' rsa.pub >escaped.pub
head -c 200 rsa.pub >cut.pub
sed 3d rsa.pub >hole.pub
cat cut.pub rsa.pub >cut-and-whole.pub
iconv -t UTF-16 rsa.pub >utf16.pub
: >empty.pub
echo >blank.pub
`

func keyFolder(t *testing.T) string {
	t.Helper()
	ssotest.Need(t, "openssl", "apt-get install openssl")
	dir := t.TempDir()
	cmd := exec.Command("sh", "-ec", makeKeys)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func TestParseKeyOpenSSL(t *testing.T) {
	dir := keyFolder(t)
	for _, test := range []struct {
		file, encoding, alg string
		want                string // the algorithm, or what the refusal says
	}{
		{"public_key.der", "", "", "RS256"},
		{"public_key.der", "", "RSA512", "RS512"},
		{"public_key.der", "", "PS384", "PS384"},
		{"rsa.pub", "", "", "RS256"},
		{"rsa.pub", "text", "", "RS256"},
		{"rsa.pub", "", "RSA256", "RS256"},
		{"rsa-pkcs1.pub", "", "RS384", "RS384"},
		{"rsa-pkcs1.der", "", "", "RS256"},
		{"rsa.crt", "", "", "RS256"},
		{"rsa-text.crt", "", "", "RS256"},
		{"rsa.cer", "", "", "RS256"},
		{"public_key.base64", "base64", "", "RS256"},
		{"public_key.base64", "", "", "RS256"},
		{"rsa-pem.base64", "base64", "", "RS256"},
		{"rsa-pem.base64", "", "", "RS256"},
		{"bom.pub", "", "", "RS256"},
		{"one-line.pub", "", "", "RS256"},
		{"no-line.pub", "", "", "RS256"},
		{"crlf.pub", "", "", "RS256"},
		{"escaped.pub", "", "", "RS256"},
		{"prime256v1.pub", "", "", "ES256"},
		{"prime256v1.der", "", "ES256", "ES256"},
		{"secp384r1.pub", "", "", "ES384"},
		{"secp521r1.pub", "", "", "ES512"},
		{"ed25519.pub", "", "", "EdDSA"},

		{"private_key.pem", "", "", "openssl pkey -in FILE -pubout"},
		{"private_key.der", "", "", "openssl pkey -inform DER -in FILE -pubout"},
		{"rsa-traditional.pem", "", "", "openssl pkey -in FILE -pubout"},
		{"rsa-traditional.der", "", "", "openssl pkey -inform DER -in FILE -pubout"},
		{"rsa-traditional-encrypted.pem", "", "", "encrypted"},
		{"rsa-encrypted.pem", "", "", "encrypted"},
		{"rsa-encrypted.der", "", "", "encrypted"},
		{"prime256v1.pem", "", "", "openssl pkey -in FILE -pubout"},
		{"prime256v1-sec1.der", "", "", "openssl pkey -inform DER -in FILE -pubout"},
		{"secp256k1.pem", "", "", "private key"},
		{"ed25519.pem", "", "", "private key"},
		{"pss.pem", "", "", "private key"},
		{"pss.der", "", "", "openssl pkey -inform DER -in FILE -pubout"},
		{"both.pem", "", "", "private key"},
		{"weak.pub", "", "", "1024 bits; 2048 to 8192 are allowed"},
		{"pss.pub", "", "", "marked for PSS alone"},
		{"pss.crt", "", "", "marked for PSS alone"},
		{"secp256k1.pub", "", "", "take P-256"},
		{"secp224r1.pub", "", "", "P-224"},
		{"explicit.pub", "", "", "spelt out instead of named"},
		{"x25519.pub", "", "", "makes no signatures"},
		{"ed448.pub", "", "", "take Ed25519"},
		{"dsa.pub", "", "", "DSA"},
		{"rsa.csr", "", "", `"CERTIFICATE REQUEST"`},
		{"rsa-csr.der", "", "", "request for a certificate"},
		{"dsa.param", "", "", `"DSA PARAMETERS"`},
		{"two.pub", "", "", "2 PEM blocks"},
		{"chain.crt", "", "", "2 PEM blocks"},
		{"cut.pub", "", "", "-----END PUBLIC KEY----- is missing"},
		{"cut-and-whole.pub", "", "", "-----END PUBLIC KEY----- is missing"},
		{"hole.pub", "", "", "copy the whole key again"},
		{"utf16.pub", "", "", "UTF-8"},
		{"empty.pub", "", "", "empty"},
		{"blank.pub", "", "", "empty"},
		{"rsa.pub", "base64", "", "not base64"},
		{"rsa.pub", "hex", "", "take text or base64"},
		{"public_key.base64", "text", "", "say encoding: base64"},
		{"rsa.pub", "", "ES256", "take RS256, RS384"},
		{"rsa.pub", "", "none", "take one of RS256"},
		{"rsa.pub", "", "rs256", "take one of RS256"},
		{"prime256v1.pub", "", "ES384", "take ES256"},
		// SECURITY A2, CVE-2015-9235: a public key is no shared secret.
		{"rsa.pub", "", "HS256", "no shared secret"},
		{"rsa.pub", "text", "HS256", "no shared secret"},
		{"public_key.der", "", "HS256", "no shared secret"},
		{"public_key.base64", "base64", "HS256", "no shared secret"},
		{"public_key.base64", "text", "HS256", "everybody may have a public key"},
		{"rsa-pem.base64", "text", "HS512", "everybody may have a public key"},
		{"rsa.crt", "text", "HS256", "no shared secret"},
		{"weak.pub", "text", "HS256", "1024 bits"},
	} {
		data, err := os.ReadFile(filepath.Join(dir, test.file))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := keyset.ParseKey(keyset.Spec{Name: "keys[0]", Data: data, Encoding: test.encoding, Alg: test.alg})
		if err == nil {
			if len(keys) != 1 || keys[0].Algorithm() != test.want || len(keys[0].Fingerprint()) != 43 || keys[0].ID != keys[0].Fingerprint() {
				t.Errorf("%s %s %s: got %v, want one key of %s", test.file, test.encoding, test.alg, keys, test.want)
			}
			continue
		}
		if sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "keys[0]: ") ||
			strings.Contains(sso.Reason(err), "\n") {
			t.Errorf("%s %s %s: got %v, want %q", test.file, test.encoding, test.alg, err, test.want)
		}
	}
	// One key has one fingerprint, whatever its file is.
	for _, file := range []string{"public_key.der", "rsa-pkcs1.pub", "rsa.crt", "rsa-pem.base64"} {
		if got, want := fingerprint(t, dir, file), fingerprint(t, dir, "rsa.pub"); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
}

func fingerprint(t *testing.T, dir, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParseKey(keyset.Spec{Name: file, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return keys[0].Fingerprint()
}

// SECURITY A2: in no form and no encoding does a public key become a shared secret.
func TestPublicKeysAreNoSecrets(t *testing.T) {
	dir := keyFolder(t)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Base(path) {
		case "empty.pub", "blank.pub":
			continue
		}
		for name, form := range map[string]string{
			"itself": string(data), "base64": base64.StdEncoding.EncodeToString(data), "base64url": base64.RawURLEncoding.EncodeToString(data),
			"hex": hex.EncodeToString(data), "base64 twice": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(data))),
			"hex in lines": strings.TrimSpace(regexp.MustCompile(`.{60}`).ReplaceAllString(strings.ToUpper(hex.EncodeToString(data)), "$0\n")),
			"with spaces":  "\n " + string(data) + "\n",
		} {
			for _, profile := range []sso.Profile{sso.Metabase, sso.Standard} {
				if name == "with spaces" && !utf8.Valid(data) { // DER is no text
					continue
				}
				if _, _, err := keyset.NewSecrets([]string{form}, profile); sso.CodeOf(err) != sso.Invalid {
					t.Errorf("%s as %s, %s: got %v, want %q", filepath.Base(path), name, profile, err, sso.Invalid)
				}
			}
		}
	}
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := p256.PublicKey().Bytes()
	blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), point[:32]...)
	for _, bytes := range [][]byte{point, blob} {
		for _, form := range []string{string(bytes), hex.EncodeToString(bytes), base64.StdEncoding.EncodeToString(bytes), base64.RawURLEncoding.EncodeToString(bytes)} {
			if _, _, err := keyset.NewSecrets([]string{form}, sso.Metabase); sso.CodeOf(err) != sso.Invalid {
				t.Errorf("%q: got %v, want %q", form, err, sso.Invalid)
			}
		}
	}
	lower := strings.ToLower("-----BEGIN PUBLIC KEY-----\n" + base64.StdEncoding.EncodeToString(point) + "\n-----END PUBLIC KEY-----\n")
	for _, form := range []string{lower, base64.StdEncoding.EncodeToString([]byte(lower)), jwk(rsaMembers()), set(jwk(rsaMembers())), base64.StdEncoding.EncodeToString([]byte(jwk(rsaMembers())))} {
		if _, _, err := keyset.NewSecrets([]string{form}, sso.Metabase); sso.CodeOf(err) != sso.Invalid {
			t.Errorf("%.50s: got %v, want %q", form, err, sso.Invalid)
		}
	}
}

func TestParseKeyJWK(t *testing.T) {
	padded := rsaMembers()
	padded["n"] = base64.URLEncoding.EncodeToString(append([]byte{0}, rsaKey().N.Bytes()...)) // as OpenMetadata writes it
	private := rsaMembers()
	private["d"] = b64(rsaKey().D.Bytes())
	secrets := jwk(map[string]any{"kty": "oct", "k": b64([]byte(secret)), "kid": "s"})
	for _, test := range []struct {
		name string
		spec keyset.Spec
		want string
	}{
		{"a key", keyset.Spec{Data: []byte(jwk(rsaMembers(), "kid", "a"))}, `a (RS256)`},
		{"padding, a zero byte", keyset.Spec{Data: []byte(jwk(padded, "kid", "a"))}, `a (RS256)`},
		{"base64", keyset.Spec{Data: []byte(b64([]byte(jwk(rsaMembers(), "kid", "a")))), Encoding: "base64"}, `a (RS256)`},
		{"alg added", keyset.Spec{Data: []byte(jwk(rsaMembers(), "kid", "a")), Alg: "PS256"}, `a (PS256)`},
		{"alg the same", keyset.Spec{Data: []byte(jwk(rsaMembers(), "kid", "a", "alg", "RS512")), Alg: "RSA512"}, `a (RS512)`},
		{"kid added", keyset.Spec{Data: []byte(jwk(rsaMembers())), Kid: "b"}, `b (RS256)`},
		{"a set", keyset.Spec{Data: []byte(set(jwk(rsaMembers(), "kid", "a"), jwk(rsaMembers(), "kid", "b", "alg", "PS256")))}, `a (RS256), b (PS256)`},
		{"a secret", keyset.Spec{Data: []byte(secrets)}, `s (HS256)`},
		{"a secret, alg", keyset.Spec{Data: []byte(secrets), Alg: "HS512"}, `s (HS512)`},

		{"another alg", keyset.Spec{Data: []byte(jwk(rsaMembers(), "alg", "RS512")), Alg: "RS256"}, "leave alg out"},
		{"another kid", keyset.Spec{Data: []byte(jwk(rsaMembers(), "kid", "a")), Kid: "b"}, "leave kid out"},
		{"kid of a set", keyset.Spec{Data: []byte(set(jwk(rsaMembers()), jwk(rsaMembers()))), Kid: "b"}, "leave kid out"},
		{"private", keyset.Spec{Data: []byte(jwk(private))}, "give its public part"},
		{"private, for encryption", keyset.Spec{Data: []byte(jwk(private, "use", "enc"))}, "give its public part"},
		{"one of a set is bad", keyset.Spec{Data: []byte(set(jwk(rsaMembers()), `{"kty":"RSA","n":"AA","e":"AQAB"}`))}, "key 2"},
		{"kid twice", keyset.Spec{Data: []byte(set(jwk(rsaMembers(), "kid", "a"), jwk(rsaMembers(), "kid", "a")))}, `two keys have the kid "a"`},
		{"mixed", keyset.Spec{Data: []byte(set(jwk(rsaMembers()), secrets))}, "mixed"},
		{"a weak secret", keyset.Spec{Data: []byte(jwk(map[string]any{"kty": "oct", "k": b64(bytes.Repeat([]byte("a"), 64))}))}, "guessable"},
		{"a secret that is a public key", keyset.Spec{Data: []byte(jwk(map[string]any{"kty": "oct", "k": b64([]byte(jwk(rsaMembers())))}))}, "is a key"},
		{"a secret as RS256", keyset.Spec{Data: []byte(secrets), Alg: "RS256"}, "take HS256"},
		{"no key of ours", keyset.Spec{Data: []byte(jwk(rsaMembers(), "use", "enc"))}, "cannot verify tokens"},
		{"not JSON", keyset.Spec{Data: []byte(jwk(rsaMembers()) + ",")}, "not JSON: copy the whole key again"},
		{"other JSON", keyset.Spec{Data: []byte(`{"issuer":"x"}`)}, "no key that the bridge can read"},
		{"an address", keyset.Spec{Data: []byte("https://idp.example.com/jwks")}, "no key that the bridge can read"},
		{"OpenSSH", keyset.Spec{Data: []byte("ssh-rsa AAAAB3NzaC1yc2E ann@host")}, "ssh-keygen -e -m PKCS8"},
		{"OpenSSH, private", keyset.Spec{Data: []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----")}, "ssh-keygen -e -m PKCS8"},
		{"large", keyset.Spec{Data: bytes.Repeat([]byte(" "), 256<<10+1)}, "at most 262144"},
	} {
		test.spec.Name = "keys[0]"
		checkParseKey(t, test.name, test.spec, test.want)
	}
}

func checkParseKey(t *testing.T, name string, spec keyset.Spec, want string) {
	t.Helper()
	keys, err := keyset.ParseKey(spec)
	if err != nil {
		if sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "keys[0]: ") ||
			strings.Contains(err.Error(), string(sso.KeyUnknown)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
		return
	}
	var got []string
	for _, k := range keys {
		got = append(got, k.String())
	}
	if strings.Join(got, ", ") != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// SECURITY F1
func TestParseKeySecret(t *testing.T) {
	inBase64 := base64.StdEncoding.EncodeToString([]byte(secret))
	for _, test := range []struct {
		name string
		spec keyset.Spec
		want string
	}{
		{"text", keyset.Spec{Data: []byte(secret), Encoding: "text", Alg: "HS256"}, sso.SecretID(secret) + " (HS256)"},
		{"a line end", keyset.Spec{Data: []byte(secret + "\r\n"), Encoding: "text", Alg: "HS256"}, sso.SecretID(secret) + " (HS256)"},
		{"base64", keyset.Spec{Data: []byte(inBase64 + "\n"), Encoding: "base64", Alg: "HS256"}, sso.SecretID(secret) + " (HS256)"},
		{"kid", keyset.Spec{Data: []byte(inBase64), Encoding: "base64", Alg: "HS384", Kid: "s"}, "s (HS384)"},

		{"no encoding", keyset.Spec{Data: []byte(inBase64), Alg: "HS256"}, "say encoding: text"},
		{"no alg", keyset.Spec{Data: []byte(inBase64), Encoding: "base64"}, "say alg: HS256"},
		{"short", keyset.Spec{Data: []byte("secret"), Encoding: "text", Alg: "HS256"}, "shorter than 32 bytes"},
		{"short for HS512", keyset.Spec{Data: []byte(older[:40]), Encoding: "text", Alg: "HS512"}, "only with HS256"},
		{"guessable", keyset.Spec{Data: []byte(strings.Repeat("a", 64)), Encoding: "text", Alg: "HS256"}, "guessable"},
		{"a cut public key", keyset.Spec{Data: []byte(base64.StdEncoding.EncodeToString([]byte("-----BEGIN PUBLIC KEY-----\n"))), Encoding: "base64", Alg: "HS256"}, "is missing"},
	} {
		test.spec.Name = "keys[0]"
		checkParseKey(t, test.name, test.spec, test.want)
	}
}

// A key verifies until NotAfter, and its kid chooses it.
func TestNotAfter(t *testing.T) {
	now := time.Unix(1790000000, 0)
	v := verifier(t, sso.Standard)
	keys, err := keyset.ParseKey(keyset.Spec{Data: []byte(jwk(rsaMembers(), "kid", "a")), NotAfter: now})
	if err != nil {
		t.Fatal(err)
	}
	if v.Keys, err = keyset.NewKeys(keys); err != nil {
		t.Fatal(err)
	}
	signed := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"email": "ada@example.com", "exp": now.Unix() + 60})
	tok, err := signed.SignedString(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]sso.Code{now: "", now.Add(time.Second): sso.KeyUnknown} {
		x := sso.Exam{Now: at}
		v.Verify(t.Context(), tok, &x)
		if got := sso.CodeOf(x.Err); got != want {
			t.Errorf("at %s: got %q (%v), want %q", at, got, x.Err, want)
		}
	}
	if _, err := keyset.NewKeys(append(keys, keys...)); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("one kid twice: got %v, want %q", err, sso.Invalid)
	}
}

// What ParseKey takes for a public key is never a shared secret, and what it takes has one algorithm and a fingerprint.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte(jwk(rsaMembers())), "", "")
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"), "text", "EdDSA")
	f.Add([]byte(`MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE`), "base64", "")
	f.Add([]byte(secret), "text", "HS256")
	f.Fuzz(func(t *testing.T, data []byte, encoding, alg string) {
		keys, err := keyset.ParseKey(keyset.Spec{Name: "k", Data: data, Encoding: encoding, Alg: alg})
		if err != nil {
			if sso.CodeOf(err) != sso.Invalid {
				t.Errorf("got %v, want %q", err, sso.Invalid)
			}
			return
		}
		for _, k := range keys {
			if k.Algorithm() == "" || k.Fingerprint() == "" || k.ID == "" {
				t.Errorf("a key without a name or an algorithm: %v", k)
			}
			if strings.HasPrefix(k.Algorithm(), "HS") {
				continue
			}
			if _, _, err := keyset.NewSecrets([]string{string(data)}, sso.Metabase); err == nil {
				t.Error("a public key is accepted as a shared secret")
			}
		}
	})
}
