package ssobridge

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// openIDProvider makes the parts of an OpenID provider. Its keys are those that it publishes, unless others are configured.
func (m *maker) openIDProvider(cfg *setting.Config, p *setting.Provider) (*sso.Provider, []string, error) {
	authorities, cas, err := authoritiesOf(p)
	if err != nil {
		return nil, nil, err
	}
	published, err := m.openIDKeys(p, cas, authorities)
	if err != nil {
		return nil, nil, err
	}
	discovery, keys := published.discovery, keyset.Set(published)
	var warnings []string
	if p.HasKeys() {
		if keys, warnings, err = m.keysOf(p); err != nil {
			return nil, nil, err
		}
	}
	client := &oidc.Client{
		Discovery: discovery, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.OpenID.ClientSecret, Auth: p.OpenID.ClientAuth,
		RedirectURI: cfg.RedirectURI(p), Scopes: p.OpenID.Scopes, Params: p.OpenID.Params, Prompt: p.OpenID.Prompt,
		MaxAuthAge: p.OpenID.MaxAuthAge, CAs: cas,
	}
	verifier := verifier(p, keys)
	verifier.OpenID = &token.OpenID{
		MaxAuthAge: p.OpenID.MaxAuthAge, VerifiedEmail: p.OpenID.VerifiedEmail, Userinfo: client.Userinfo,
		AlwaysAsk: p.OpenID.Userinfo == setting.UserinfoAlways, Groups: p.GroupSync || len(p.AllowedGroups) > 0,
	}
	made := &sso.Provider{
		Name:       p.Name,
		Label:      p.Label,
		Settings:   p.Settings(),
		Issuer:     p.Issuer,
		Binding:    p.Binding,
		Policy:     policy(cfg, p),
		Beginner:   client,
		Redeemer:   client,
		OwnPage:    true,
		Discovery:  discovery.State,
		KeySources: keySources(keys),
		Login:      verifier,
		Logout:     logoutVerifier(p, keys),
	}
	if p.OpenID.RefreshEvery > 0 {
		made.Refresher, made.RefreshEvery, made.RefreshGrace = client, p.OpenID.RefreshEvery, p.OpenID.RefreshGrace
	}
	return made, warnings, nil
}

// openIDKeys are kept from one Bridge to the next, as other key sets are.
func (m *maker) openIDKeys(p *setting.Provider, cas *x509.CertPool, authorities []byte) (*openIDKeys, error) {
	set, err := m.keyring.kept([]any{"discovery", p.Name, p.Issuer, p.OpenID.DiscoveryURL, sha256.Sum256(authorities)}, func() (keyset.Set, error) {
		d, err := oidc.NewDiscovery(p.Issuer, p.OpenID.DiscoveryURL, cas, m.now, m.log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Setting("ISSUER"), err)
		}
		return &openIDKeys{discovery: d, options: keyset.RemoteOptions{Name: "jwks_uri", CAs: cas, Now: m.now, Log: m.log}}, nil
	})
	keys, _ := set.(*openIDKeys)
	return keys, err
}

// openIDKeys is the key set that a discovery document names: another one, as soon as it names another.
type openIDKeys struct {
	discovery *oidc.Discovery
	options   keyset.RemoteOptions

	mu      sync.Mutex
	address string
	remote  *keyset.Remote // nil: not known yet
	moves   uint64         // how often there was another address
}

// Keys implements [keyset.Set].
func (k *openIDKeys) Keys(ctx context.Context, kid string) ([]keyset.Key, error) {
	remote, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	return remote.Keys(ctx, kid)
}

func (k *openIDKeys) current(ctx context.Context) (*keyset.Remote, error) {
	m, err := k.discovery.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if address := m.JWKSURI.String(); k.remote == nil || k.address != address {
		remote, err := keyset.NewRemote(address, k.options)
		if err != nil {
			return nil, err
		}
		k.remote, k.address = remote, address
		k.moves++
	}
	return k.remote, nil
}

// Generation implements what [keyset.Generation] asks of a set: tokens of API clients that are remembered are judged anew when
// a published key goes.
func (k *openIDKeys) Generation() uint64 {
	k.mu.Lock()
	remote, moves := k.remote, k.moves
	k.mu.Unlock()
	if remote == nil {
		return moves
	}
	return moves<<32 + remote.Generation()
}

// Status says what is known of the keys, for [keyset.StatusOf]. It fetches nothing.
func (k *openIDKeys) Status() keyset.Status {
	k.mu.Lock()
	remote := k.remote
	k.mu.Unlock()
	if d := k.discovery.State(); remote == nil || d.Fault != "" {
		return keyset.Status{Origin: d.Address, LastSuccess: d.LastSuccess, Fault: d.Fault, FaultSince: d.FaultSince}
	}
	return remote.Status()
}
