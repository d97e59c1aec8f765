package ssobridge

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// keyring keeps the key sets that have a life of their own, files and addresses, from one Bridge to the next: what was fetched
// is not fetched anew because somebody has changed the name of the site. The zero keyring is empty.
type keyring struct {
	mu   sync.Mutex
	sets map[string]keyset.Set
}

// maxKept is how many sets a keyring keeps: more than all providers can have. Beyond it, it begins anew.
const maxKept = 300

// kept returns the set that was made of the same description before, or makes it.
func (k *keyring) kept(description any, make func() (keyset.Set, error)) (keyset.Set, error) {
	text, err := json.Marshal(description)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if set, ok := k.sets[string(text)]; ok {
		return set, nil
	}
	set, err := make()
	if err != nil {
		return nil, err
	}
	if k.sets == nil || len(k.sets) >= maxKept {
		k.sets = map[string]keyset.Set{}
	}
	k.sets[string(text)] = set
	return set, nil
}

// keysOf makes the keys with which a provider may sign. The error begins with the setting that is to be changed.
func (m *maker) keysOf(p *setting.Provider) (keys keyset.Set, warnings []string, err error) {
	var sets []keyset.Set
	if len(p.SharedSecrets) > 0 {
		name := p.Setting("SHARED_SECRET")
		secrets, weak, err := keyset.NewSecrets(p.SharedSecrets, p.Profile)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, w := range weak {
			warnings = append(warnings, name+": "+w)
		}
		sets = append(sets, secrets)
	}
	var written []keyset.Key
	for i, k := range p.Keys {
		if k.File != "" {
			continue
		}
		some, err := keyset.ParseKey(spec(k, fmt.Sprintf("%s: key %d", p.Setting("KEYS"), i+1)))
		if err != nil {
			return nil, nil, err
		}
		written = append(written, some...)
	}
	if len(written) > 0 {
		set, err := keyset.NewKeys(written)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.Setting("KEYS"), err)
		}
		sets = append(sets, set)
	}
	files, err := m.files(p)
	if err != nil {
		return nil, nil, err
	}
	published, err := m.published(p)
	if err != nil {
		return nil, nil, err
	}
	sets = append(append(sets, files...), published...)
	if len(sets) == 1 {
		return sets[0], warnings, nil
	}
	return keyset.Union(sets...), warnings, nil
}

func spec(k setting.Key, name string) keyset.Spec {
	return keyset.Spec{Name: name, Data: []byte(k.Data), Alg: k.Alg, Kid: k.Kid, Encoding: k.Encoding, NotAfter: k.NotAfter}
}

// files is the set of the keys that are in files, if there are any.
func (m *maker) files(p *setting.Provider) ([]keyset.Set, error) {
	var files []keyset.File
	var names []setting.Key
	for i, k := range p.AllKeys() {
		if k.File == "" {
			continue
		}
		name := p.Setting("KEYS")
		switch {
		case i >= len(p.Keys)+len(p.PublicKeyFiles):
			name = p.Setting("JWKS_FILE")
		case i >= len(p.Keys):
			name = p.Setting("PUBLIC_KEY")
		}
		files, names = append(files, keyset.File{Path: k.File, Spec: spec(k, name+": "+k.File)}), append(names, k)
	}
	if len(files) == 0 {
		return nil, nil
	}
	set, err := m.keyring.kept([]any{p.Name, names}, func() (keyset.Set, error) { return keyset.NewFiles(files, m.now, m.log) })
	return []keyset.Set{set}, err
}

// authoritiesOf reads CA_FILE; nil: those of the system.
func authoritiesOf(p *setting.Provider) (pem []byte, pool *x509.CertPool, err error) {
	if p.CAFile == "" {
		return nil, nil, nil
	}
	name := p.Setting("CA_FILE")
	if pem, err = inputfile.Read(p.CAFile); err != nil {
		return nil, nil, fmt.Errorf("%s: cannot be read: %w: %w", name, err, sso.Invalid)
	}
	pool, err = outbound.ParseCAs(name, pem)
	return pem, pool, err
}

// published are the sets that the provider publishes.
func (m *maker) published(p *setting.Provider) (sets []keyset.Set, err error) {
	if len(p.JWKSURLs) == 0 && !p.DescribesKeys() {
		return nil, nil
	}
	options := keyset.RemoteOptions{Now: m.now, Log: m.log}
	var authorities []byte
	if authorities, options.CAs, err = authoritiesOf(p); err != nil {
		return nil, err
	}
	for _, address := range p.JWKSURLs {
		options.Name = p.Setting("JWKS_URL") + ": " + address
		set, err := m.keyring.kept([]any{p.Name, address, sha256.Sum256(authorities)}, func() (keyset.Set, error) {
			return keyset.NewRemote(address, options)
		})
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if p.DescribesKeys() {
		described, err := m.openIDKeys(p, options.CAs, authorities)
		if err != nil {
			return nil, err
		}
		sets = append(sets, described)
	}
	return sets, nil
}

// KeysIn implements admin.SettingStore.
func (r *Runtime) KeysIn(k setting.Key) (all []sso.PublicKey) {
	if k.File != "" {
		return nil
	}
	keys, err := keyset.ParseKey(spec(k, ""))
	if err != nil {
		return nil
	}
	for _, key := range keys {
		all = append(all, sso.PublicKey{ID: key.ID, Algorithm: key.Algorithm(), Fingerprint: key.Fingerprint(), NotAfter: key.NotAfter()})
	}
	return all
}

func keySources(keys keyset.Set) func() []sso.KeySource {
	return func() (all []sso.KeySource) {
		for _, s := range keyset.StatusOf(keys) {
			source := sso.KeySource{Origin: s.Origin, LastSuccess: s.LastSuccess, Due: s.Due, Fault: s.Fault, FaultSince: s.FaultSince, LeftOut: s.LeftOut}
			var origins []string // several files are one source
			for _, k := range s.Keys {
				if !slices.Contains(origins, k.Origin) {
					origins = append(origins, k.Origin)
				}
				source.Keys = append(source.Keys, sso.PublicKey{ID: k.ID, Algorithm: k.Algorithm, Fingerprint: k.Fingerprint, NotAfter: k.NotAfter, LastUsed: k.LastUsed})
			}
			if len(origins) > 0 {
				source.Origin = strings.Join(origins, ", ")
			}
			all = append(all, source)
		}
		return all
	}
}

// A maker makes bridges.
type maker struct {
	keyring *keyring
	sources *sourcebook
	known   *knownGroups // nil: nothing is remembered
	now     func() time.Time
	log     *slog.Logger
}
