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

// ownApart refuses a provider of API clients that has a key of the bridge's own and looks at no issuer: tokens of service
// accounts that are revoked would be good there, once SERVICE_ISSUER or SITE_URL is another one (SECURITY J2).
func ownApart(cfg *setting.Config, made, own sso.Providers) error {
	for _, p := range made.Bearers() {
		if p.Issuer != "" { // another one than ours, as the settings see to
			continue
		}
		of := cfg.Provider(p.Name)
		shared := slices.ContainsFunc(of.JWKSURLs, func(address string) bool { return strings.HasPrefix(address, string(cfg.SiteURL)+"/") })
		for _, o := range own {
			shared = shared || slices.ContainsFunc(fingerprints(p), func(f string) bool { return slices.Contains(fingerprints(o), f) })
		}
		if shared {
			return fmt.Errorf("%s: is not set, and the provider has a key of the bridge's own, which signs for service accounts: set it to the iss of "+
				"the provider's tokens, or leave that key out: %w", of.Setting("ISSUER"), sso.Invalid)
		}
	}
	return nil
}

// OwnApart refuses settings that a start would refuse, since a provider of b has a key of the bridge's own.
func OwnApart(cfg *setting.Config, b *sso.Bridge, keys *ServiceKeys) error {
	return ownApart(cfg, b.Providers, sso.Providers{{KeySources: func() []sso.KeySource { return []sso.KeySource{keys.Source()} }}})
}

func fingerprints(p *sso.Provider) (all []string) {
	for _, s := range p.PublicKeys() {
		for _, k := range s.Keys {
			all = append(all, k.Fingerprint)
		}
	}
	return all
}
