package ssobridge

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/groupsource"
	"github.com/ssobridge/ssobridge/sso/groupsource/ldap"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A sourcebook keeps the sources of groups, with their connections and what they remember, from one Bridge to the next. Settings
// that changed make another source. The zero sourcebook is empty.
type sourcebook struct {
	mu      sync.Mutex
	sources map[[sha256.Size]byte]groupsource.Source
}

func (b *sourcebook) kept(description any, make func() (groupsource.Source, error)) (groupsource.Source, error) {
	text, err := json.Marshal(description)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(text) // there is a password in it
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.sources[key]; ok {
		return s, nil
	}
	s, err := make()
	if err != nil {
		return nil, err
	}
	if b.sources == nil || len(b.sources) >= maxKept {
		b.sources = map[[sha256.Size]byte]groupsource.Source{}
	}
	b.sources[key] = s
	return s, nil
}

// groups is what finds the groups of a provider's people; nil where the token says them all.
func (m *maker) groups(cfg *setting.Config, p *setting.Provider) (sso.GroupFinder, error) {
	if !p.Groups.Asks() {
		return nil, nil
	}
	order := &groupsource.Order{Domain: p.UserDomain(), Prefix: p.Claims.GroupPrefix, Log: m.log}
	for _, name := range p.Groups.Order {
		var source groupsource.Source
		var err error
		switch name {
		case setting.GroupsFromLDAP:
			source, err = m.directory(cfg.LDAP)
		case setting.GroupsFromEndpoint:
			source, err = m.endpoint(p)
		}
		if err != nil {
			return nil, err
		}
		order.Sources = append(order.Sources, groupsource.Named{Name: name, Source: source})
	}
	return order, nil
}

// unused makes what the settings describe although no provider asks it, for its faults.
func (m *maker) unused(cfg *setting.Config) error {
	asked := slices.ContainsFunc(cfg.EnabledProviders(), func(p *setting.Provider) bool {
		return slices.Contains(p.Groups.Order, setting.GroupsFromLDAP)
	})
	if asked || len(cfg.LDAP.URLs) == 0 {
		return nil
	}
	_, err := m.directory(cfg.LDAP)
	return err
}

func (m *maker) directory(l setting.LDAP) (groupsource.Source, error) {
	pem, authorities, err := authorities("LDAP_CA_FILE", l.CAFile)
	if err != nil {
		return nil, err
	}
	return m.sources.kept([]any{l, pem}, func() (groupsource.Source, error) {
		d, err := ldap.New(ldap.Options{
			URLs: l.URLs, BindDN: l.BindDN, BindPassword: l.BindPassword, CAs: authorities, StartTLS: l.StartTLS, Insecure: l.Insecure,
			UserBase: l.UserBase, UserFilter: l.UserFilter, EnabledFilter: l.EnabledFilter,
			GroupBase: l.GroupBase, GroupFilter: l.GroupFilter, GroupName: l.GroupName,
			Nested: l.Nested, Depth: l.Depth, Timeout: l.Timeout,
		})
		if err != nil {
			return nil, err
		}
		return groupsource.Remember(d, d.Timeout(), l.Cache, m.now), nil
	})
}

func (m *maker) endpoint(p *setting.Provider) (groupsource.Source, error) {
	g, name := p.Groups, p.Setting("GROUPS_ENDPOINT_URL")
	u, err := outbound.ParseURL(g.EndpointURL)
	if err == nil {
		err = groupsource.CheckEndpoint(u)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, err, sso.Invalid)
	}
	pem, authorities, err := authorities(p.Setting("CA_FILE"), p.CAFile)
	if err != nil {
		return nil, err
	}
	return m.sources.kept([]any{p.Name, g, pem}, func() (groupsource.Source, error) {
		source := &groupsource.HTTP{URL: u, Post: g.EndpointMethod == "post", Secret: g.EndpointToken, Client: outbound.Client(u, authorities)}
		return groupsource.Remember(source, g.EndpointTimeout, g.EndpointCache, m.now), nil
	})
}

// authorities reads the file of a setting; without one the system's are trusted.
func authorities(name, file string) (pem []byte, pool *x509.CertPool, err error) {
	if file == "" {
		return nil, nil, nil
	}
	if pem, err = inputfile.Read(file); err != nil {
		return nil, nil, fmt.Errorf("%s: cannot be read: %w: %w", name, err, sso.Invalid)
	}
	pool, err = outbound.ParseCAs(name, pem)
	return pem, pool, err
}
