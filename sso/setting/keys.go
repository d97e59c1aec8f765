package setting

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// A Key is a key that verifies tokens, as it is configured: in a file, or as it stands in Data.
type Key struct {
	File     string
	Data     string
	Alg      string // "": that of the JWK, or the first one that such a key can have
	Kid      string
	Encoding string // "text", "base64" or ""
	NotAfter time.Time
}

// Bounds of the keys of one provider. A token that names no key is held against each of them.
const (
	maxKeys    = 10
	maxKeyURLs = 5
	maxAlg     = 10 // bytes of the name of an algorithm that is shown
)

// keyForm is an entry of KEYS. One of the first four says where the key is.
type keyForm struct {
	File     string          `json:"file"`
	JWKSFile string          `json:"jwks_file"`
	Key      string          `json:"key"`
	JWK      json.RawMessage `json:"jwk"`
	Alg      string          `json:"alg"`
	Kid      string          `json:"kid"`
	Encoding string          `json:"encoding"`
	NotAfter *time.Time      `json:"not_after"`
}

// keyList reads KEYS: a JSON list of entries; or one key alone, as PEM, in base64, as a JWK or as a JWK Set.
func keyList(text string) (keys []Key, err error) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return nil, nil
	case strings.HasPrefix(trimmed, "{"):
		object, err := jsonObject(trimmed)
		if err != nil {
			return nil, keyJSON(err)
		}
		if object["kty"] == nil && object["keys"] == nil {
			return nil, errors.New(`is an object that is no JWK: write a list such as [{"file":"/etc/ssobridge/idp.pem","alg":"RS256"}]`)
		}
		return []Key{{Data: trimmed}}, nil
	case !strings.HasPrefix(trimmed, "["):
		return []Key{{Data: trimmed}}, nil
	}
	var entries []json.RawMessage
	if err := parse.StrictJSON(trimmed, &entries); err != nil {
		return nil, keyJSON(err)
	}
	if len(entries) > maxKeys {
		return nil, fmt.Errorf("has %d keys; at most %d are allowed", len(entries), maxKeys)
	}
	for i, raw := range entries {
		k, err := keyEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// KeysText writes keys as the setting KEYS has them.
func KeysText(keys []Key) (string, error) {
	entries := []map[string]any{}
	for _, k := range keys {
		entry := map[string]any{}
		for name, text := range map[string]string{"file": k.File, "key": k.Data, "alg": k.Alg, "kid": k.Kid, "encoding": k.Encoding} {
			if text != "" {
				entry[name] = text
			}
		}
		if !k.NotAfter.IsZero() {
			entry["not_after"] = k.NotAfter
		}
		entries = append(entries, entry)
	}
	raw, err := json.Marshal(entries)
	return string(raw), err
}

// keyJSON keeps what the library quotes out of messages: it may be a secret.
func keyJSON(err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok || errors.Is(err, strictjson.ErrNotJSON) {
		return errors.New("is no JSON: write a list such as [{\"file\":\"/etc/ssobridge/idp.pem\",\"alg\":\"RS256\"}]")
	}
	return errors.New(`is not a list of objects such as [{"file":"/etc/ssobridge/idp.pem","alg":"RS256"}]`)
}

func keyEntry(raw json.RawMessage) (Key, error) {
	var form keyForm
	if _, err := jsonObject(string(raw)); err != nil {
		return Key{}, errors.New("it is no JSON object, or has a name twice")
	}
	if err := parse.StrictJSON(string(raw), &form); err != nil {
		return Key{}, errors.New("it has a member that is unknown or of the wrong type: file, jwks_file, key, jwk, alg, kid, encoding and not_after " +
			"are known, each a text, and jwk may be an object")
	}
	k := Key{Alg: form.Alg, Kid: form.Kid, Encoding: form.Encoding}
	if form.NotAfter != nil {
		k.NotAfter = *form.NotAfter
	}
	var jwk string
	if len(form.JWK) > 0 && json.Unmarshal(form.JWK, &jwk) != nil {
		jwk = string(form.JWK)
	}
	places := 0
	for _, place := range []struct {
		text string
		into *string
	}{{form.File, &k.File}, {form.JWKSFile, &k.File}, {form.Key, &k.Data}, {jwk, &k.Data}} {
		if place.text != "" {
			places++
			*place.into = place.text
		}
	}
	switch {
	case places != 1:
		return Key{}, errors.New("name one of file, jwks_file, key and jwk")
	case k.File != "":
		return k, checkFileName(k.File)
	}
	return k, nil
}

// checkFileName does not repeat the name: some write the key itself there.
func checkFileName(name string) error {
	if name != sso.CleanText(name) || !filepath.IsAbs(name) {
		return errors.New("is not the whole path of a file, such as /etc/ssobridge/idp.pem")
	}
	return nil
}

// shownFiles masks what is no list of files, and shownURLs what is no address to be shown: it may be a secret (SECURITY F3).
func shownFiles(_ *Config, text string) string { return shownIf(fileList, text) }

func shownURLs(_ *Config, text string) string { return shownIf(keyURLs, text) }

func shownIf(parse func(string) ([]string, error), text string) string {
	if _, err := parse(text); err != nil {
		return masked
	}
	return text
}

// fileList reads a list of whole paths. file:// is left out, as some write it.
func fileList(text string) (names []string, err error) {
	if names, err = parse.List(text); err != nil {
		return nil, err
	}
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, "file://")
		if err := checkFileName(names[i]); err != nil {
			return nil, err
		}
	}
	if len(names) > maxKeys {
		return nil, fmt.Errorf("names %d files; at most %d are allowed", len(names), maxKeys)
	}
	return names, nil
}

func fileName(text string) (string, error) { return text, checkFileName(text) }

func folderName(text string) (string, error) {
	if checkFileName(text) != nil {
		return "", errors.New("is not the whole path of a folder, such as /var/backups/ssobridge")
	}
	return text, nil
}

// algorithmList reads ALGORITHM, one for each file of PUBLIC_KEY. Whether there are such algorithms is said where keys are made.
func algorithmList(text string) ([]string, error) { return parse.List(text) }

// keyURLs reads JWKS_URL. What else is wrong with an address is said where keys are fetched.
func keyURLs(text string) (addresses []string, err error) {
	if addresses, err = parse.List(text); err != nil {
		return nil, err
	}
	for _, a := range addresses {
		u, err := url.Parse(a)
		switch {
		case err != nil || u.User != nil: // neither is repeated: there may be a password in it
			return nil, errors.New("is not an address such as https://idp.example.com/jwks.json, without a name or a password in it")
		case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			return nil, fmt.Errorf("%q is not an address such as https://idp.example.com/jwks.json", sso.Shorten(a, 100))
		}
	}
	if len(addresses) > maxKeyURLs {
		return nil, fmt.Errorf("names %d addresses; at most %d are allowed", len(addresses), maxKeyURLs)
	}
	return addresses, nil
}

// shownKeys says of each key where it is and what it is for, and nothing of a key that stands there itself.
func shownKeys(keys []Key) string {
	var all []string
	for _, k := range keys {
		where := k.File
		if where == "" {
			where = "a key"
		}
		if k.Alg != "" && len(k.Alg) <= maxAlg {
			where += " (" + k.Alg + ")"
		}
		all = append(all, where)
	}
	return strings.Join(all, ", ")
}

// HasKeys reports whether anything can verify a token of the provider.
func (p *Provider) HasKeys() bool {
	return len(p.SharedSecrets)+len(p.Keys)+len(p.PublicKeyFiles)+len(p.JWKSFiles)+len(p.JWKSURLs) > 0 || p.DescribesKeys()
}

// DescribesKeys reports whether the keys of API clients are those that a discovery document names.
func (p *Provider) DescribesKeys() bool { return p.Kind == KindBearer && p.OpenID.DiscoveryURL != "" }

// AllKeys are the keys that are configured one by one: those of KEYS, PUBLIC_KEY and JWKS_FILE.
func (p *Provider) AllKeys() []Key {
	all := slices.Clone(p.Keys)
	for i, file := range p.PublicKeyFiles {
		k := Key{File: file}
		if i < len(p.Algorithms) {
			k.Alg = p.Algorithms[i]
		}
		all = append(all, k)
	}
	for _, file := range p.JWKSFiles {
		all = append(all, Key{File: file})
	}
	return all
}

func (j *judge) keys(p *Provider) {
	of := p.Setting
	if n, m := len(p.PublicKeyFiles), len(p.Algorithms); m != 0 && n != m {
		j.fault(of("ALGORITHM"), fmt.Sprintf("names %d algorithms, and %s names %d files", m, of("PUBLIC_KEY"), n), "name one for each, in the same order", of("PUBLIC_KEY"))
	}
	if j.c.Source(of("KEYS")).Kind == FromSaved { // an administrator must not find out which files there are
		for _, k := range p.Keys {
			if k.File != "" {
				j.fault(of("KEYS"), "names a file, which only whoever starts the bridge can do", "write the key itself, as key or jwk")
				break
			}
		}
	}
	if p.CAFile != "" && !p.calls() && p.Groups.EndpointURL == "" && p.TokenURI == nil && p.Kind != KindOIDC {
		j.warn("%s has no effect: %s and %s are not set", of("CA_FILE"), of("JWKS_URL"), of("TOKEN_URI"))
	}
}

func shownFile(_ *Config, text string) string {
	if text != "" && checkFileName(text) != nil {
		return masked
	}
	return text
}
