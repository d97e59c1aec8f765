package ssobridge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// A keyMark tells a key from others, or the address where keys are published, and says which setting has it.
type keyMark struct{ what, setting string }

// marksOf are the marks of what can sign for a provider. Of secrets there is the digest alone.
func marksOf(cfg *setting.Config, made *sso.Provider) (secrets, public []keyMark) {
	p := cfg.Provider(made.Name)
	for _, s := range p.SharedSecrets {
		secrets = append(secrets, keyMark{sso.SecretID(s), p.Setting("SHARED_SECRET")})
	}
	for _, address := range p.JWKSURLs {
		public = append(public, keyMark{address, p.Setting("JWKS_URL")})
	}
	v := verifierOf(made)
	if v == nil {
		return secrets, public
	}
	for _, status := range keyset.StatusOf(v.Keys) {
		for _, k := range status.Keys {
			name, _, _ := strings.Cut(k.Origin, ":")
			if cfg.Find(name) == nil {
				name = p.Setting("KEYS")
			}
			if mark := (keyMark{k.Fingerprint, name}); strings.HasPrefix(k.Algorithm, "HS") {
				secrets = append(secrets, mark)
			} else {
				public = append(public, mark)
			}
		}
	}
	return secrets, public
}

// verifierOf is what judges the tokens of a provider; nil where that has no keys.
func verifierOf(made *sso.Provider) *token.Verifier {
	if v, ok := made.Login.(*token.Verifier); ok {
		return v
	}
	if j, ok := made.Bearer.(*bearer.Judge); ok {
		v, _ := j.Verifier.(*token.Verifier)
		return v
	}
	return nil
}

// keysApart refuses two providers with one key that take each other's tokens: what holds for the people of one of them would not
// hold, since a token could choose the other one (SECURITY A10). The issuer keeps apart what one signer says of two. Who has a
// secret can write any issuer, so of secrets only the audience does, for which the owner of both vouches.
func keysApart(cfg *setting.Config, made sso.Providers) error {
	for i, one := range made {
		p := cfg.Provider(one.Name)
		secrets, public := marksOf(cfg, one)
		for _, other := range made[:i] {
			q := cfg.Provider(other.Name)
			otherSecrets, otherPublic := marksOf(cfg, other)
			shared := both(secrets, otherSecrets)
			if shared == "" && !p.OtherIssuer(q) {
				shared = both(public, otherPublic)
			}
			if shared != "" && !p.OtherAudience(q) {
				return fmt.Errorf("%s: a key is that of the provider %s, too, so each takes the tokens of the other: give each its own key, "+
					"or set %s and %s, with values that differ: %w", shared, q.Name, p.Setting("AUDIENCE"), q.Setting("AUDIENCE"), sso.Invalid)
			}
		}
	}
	return nil
}

// both is the setting that has one of the marks of another provider; "" for none.
func both(marks, others []keyMark) string {
	for _, m := range marks {
		if slices.ContainsFunc(others, func(o keyMark) bool { return o.what == m.what }) {
			return m.setting
		}
	}
	return ""
}
