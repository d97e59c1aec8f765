package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A tokenFolder is where the commands keep a key pair and tokens, under the names that okctl gives them.
type tokenFolder string

func (f *flags) tokenFolder() *string {
	return f.String("dir", ".auth", "the `folder` of the key pair and the tokens")
}

func (d tokenFolder) private() string          { return filepath.Join(string(d), "id_rsa") }
func (d tokenFolder) public() string           { return filepath.Join(string(d), "id_rsa.pub") }
func (d tokenFolder) token(name string) string { return filepath.Join(string(d), name+".token") }
func (d tokenFolder) has(file string) bool     { _, err := os.Lstat(file); return err == nil }

// saved is where a token is that these commands have saved: that of system where SYSTEM_TOKEN_FILE says.
func (d tokenFolder) saved(name string, cfg *setting.Config) string {
	if name == "system" && cfg.SystemTokenFile != "" {
		return cfg.SystemTokenFile
	}
	return d.token(name)
}

// absolute is the whole path of a file, as settings want it.
func absolute(file string) string {
	whole, err := filepath.Abs(file)
	if err != nil {
		return file
	}
	return whole
}

// write makes a new file, and never writes over another one.
func (d tokenFolder) write(file string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Close())
}

// replace puts other data in the place of a file, whole or not at all.
func (d tokenFolder) replace(file string, data []byte) error {
	next := file + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.write(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}

// complete sees to it that a private key that is there has its public one beside it.
func (d tokenFolder) complete(alg string) error {
	key, err := d.key(alg)
	if err != nil || d.has(d.public()) {
		return err
	}
	return d.writePublic(key)
}

// generate makes the key pair.
func (d tokenFolder) generate(alg string) error {
	if d.has(d.public()) {
		return withHint("move it away, or put the private key beside it", fmt.Errorf("%s is there without its private key", d.public()))
	}
	key, err := keyset.GenerateSigningKey(alg)
	if err != nil {
		return usageError("--alg RS512", "--alg: %s", err)
	}
	der, err := key.PKCS8()
	if err != nil {
		return err
	}
	if err := d.write(d.private(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	return d.writePublic(key)
}

func (d tokenFolder) writePublic(key *keyset.SigningKey) error {
	spki, err := key.Public().SPKI()
	if err != nil {
		return err
	}
	return d.write(d.public(), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o644)
}

// key reads the private key, and holds it against the public one.
func (d tokenFolder) key(alg string) (*keyset.SigningKey, error) {
	data, err := inputfile.Read(d.private())
	if err != nil {
		return nil, err
	}
	key, err := keyset.ParsePrivateKey(keyset.Spec{Name: d.private(), Data: data, Alg: alg})
	if err != nil || !d.has(d.public()) {
		return key, withoutCode(err)
	}
	if data, err = inputfile.Read(d.public()); err != nil {
		return nil, err
	}
	public, err := keyset.ParseKey(keyset.Spec{Name: d.public(), Data: data})
	if err == nil && (len(public) != 1 || public[0].Fingerprint() != key.Public().Fingerprint()) {
		err = withHint("openssl pkey -in "+d.private()+" -pubout -out "+d.public(), fmt.Errorf("%s does not belong to %s", d.public(), d.private()))
	}
	return key, withoutCode(err)
}

// withoutCode leaves the code out of what a person reads.
func withoutCode(err error) error {
	if err == nil || sso.CodeOf(err) == sso.Internal {
		return err
	}
	return errors.New(sso.Reason(err))
}

// services are the operations on service accounts. They sign with the key of the folder if it has one, else with that of the
// bridge.
func (o *opened) services(ctx context.Context, p *program, d tokenFolder, alg string) (admin.Services, error) {
	file := ssobridge.KeyFileOf(o.cfg)
	switch {
	case !d.has(d.private()):
		if alg != "" && file.Private == "" {
			return admin.Services{}, usageError("ssobridge tokens init --alg "+alg, "--alg is for the key in %s, and there is none", d)
		}
		file.Alg = cmp.Or(alg, file.Alg)
	case file.Private == "":
		if _, err := d.key(alg); err != nil {
			return admin.Services{}, err
		}
		file = ssobridge.KeyFile{Setting: "--dir", Private: d.private(), Alg: alg}
	default:
		if err := d.isKey(file); err != nil {
			return admin.Services{}, err
		}
		file.Alg = cmp.Or(alg, file.Alg)
	}
	keys, err := ssobridge.NewServiceKeys(file, o.store.Services(), p.now, o.log)
	if err != nil {
		return admin.Services{}, withoutCode(err)
	}
	if err := keys.Reload(ctx); err != nil {
		return admin.Services{}, err
	}
	return admin.Services{Store: o.store.Services(), Minter: ssobridge.NewMinter(o.cfg, keys)}, nil
}

// isKey refuses a folder whose key is another one than that of SERVICE_KEY_FILE.
func (d tokenFolder) isKey(file ssobridge.KeyFile) error {
	ours, err := d.key("")
	if err != nil {
		return err
	}
	data, err := inputfile.Read(file.Private)
	if err != nil {
		return err
	}
	theirs, err := keyset.ParsePrivateKey(keyset.Spec{Name: file.Setting, Data: data, Kid: file.Kid})
	if err != nil {
		return withoutCode(err)
	}
	if theirs.Public().Fingerprint() != ours.Public().Fingerprint() {
		return withHint("name another folder with --dir, or set SERVICE_KEY_FILE to "+absolute(d.private()),
			fmt.Errorf("%s is another key than that of SERVICE_KEY_FILE", d.private()))
	}
	return nil
}

// prepare sees to it that there is a key pair, and says which algorithm a new one has.
func (d tokenFolder) prepare(p *program, alg *string) error {
	if d.has(d.private()) {
		fmt.Fprintf(p.stdout, "Key pair used: %s\n", d.private())
		return d.complete(*alg)
	}
	*alg = cmp.Or(*alg, "RS512")
	err := d.generate(*alg)
	if err == nil {
		fmt.Fprintf(p.stdout, "Key pair saved to: %s, %s\n", d.private(), d.public())
	}
	return err
}

// tokensInit does what okctl's command of that name does: a key pair, and a token for calls between services.
func tokensInit(f *flags) runner {
	p := f.p
	dir := f.tokenFolder()
	alg := f.String("alg", "", "the `algorithm`: RS512 (default for a new pair), RS256, ES256 or EdDSA")
	subject := f.String("subject", "system", "the `name` of the service account of the system token")
	ttl := f.String("ttl", "Unlimited", "how `long` the system token lives: "+strings.Join(service.Lifetimes(), ", ")+" (days), or a time such as 36h")
	return func(ctx context.Context, _ []string) error {
		d := tokenFolder(*dir)
		if err := service.CheckName(*subject); err != nil {
			return usageError("--subject system", "--subject: %s", err)
		}
		if _, err := service.Ends(*ttl, p.now()); err != nil {
			return usageError("--ttl Unlimited", "--ttl %s", err)
		}
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		file := d.saved("system", o.cfg)
		if d.has(file) {
			return withHint("it is what ssobridge tokens show system prints; move it away to make another", fmt.Errorf("%s is there already", file))
		}
		if err := d.prepare(p, alg); err != nil {
			return err
		}
		m := tokenMaker{p: p, o: o, d: d, by: p.actor(), file: file}
		if m.services, err = o.services(ctx, p, d, *alg); err != nil {
			return err
		}
		if err := m.make(ctx, *subject, admin.NewToken{Name: "system", TTL: *ttl}); err != nil {
			return err
		}
		if o.cfg.ServiceKeyFile == "" {
			fmt.Fprintf(p.stderr, "hint: set SERVICE_KEY_FILE to %s if the bridge, too, is to sign with this key; it accepts the tokens as it is\n", absolute(d.private()))
		}
		return nil
	}
}

// tokensCreate does what okctl's command of that name does.
func tokensCreate(f *flags) runner {
	p := f.p
	dir := f.tokenFolder()
	alg := f.String("alg", "", "the `algorithm`; unset: that with which the key signed before")
	ttl := f.String("ttl", "90", "how `long` it lives: "+strings.Join(service.Lifetimes(), ", ")+" (days), or a time such as 36h")
	name := f.String("name", "", "what the token is called in lists; unset: the day")
	maker := f.String("maker", "", "the `e-mail` of the person who makes it: the token is never in a group in which that person is not. Unset: it is in the groups, whoever is")
	replace := f.Bool("replace", false, "put it in the place of the token that is saved there, which works no more then")
	return func(ctx context.Context, args []string) error {
		if err := service.CheckName(args[0]); err != nil {
			return usageError("ssobridge tokens create etl-nightly Research", "%q is no name of a service account: %s", sso.Truncate(args[0], 80), err)
		}
		if _, err := service.Ends(*ttl, p.now()); err != nil {
			return usageError("--ttl 90", "--ttl %s", err)
		}
		o, err := f.open(ctx, false)
		if err != nil {
			return err
		}
		defer o.store.Close()
		m := tokenMaker{p: p, o: o, d: tokenFolder(*dir), by: p.actor()}
		if *maker != "" {
			a, err := o.account(ctx, *maker)
			if err != nil {
				return err
			}
			m.by.AccountID = a.ID
		}
		m.file = m.d.saved(args[0], o.cfg)
		n := admin.NewToken{Name: cmp.Or(*name, p.now().UTC().Format(time.DateOnly)), TTL: *ttl}
		for _, which := range args[1:] {
			g, err := o.group(ctx, which)
			if err != nil {
				return err
			}
			if g.ID == sso.Administrators {
				return fmt.Errorf("no service account is ever in the group %q", g.Name)
			}
			n.Groups = append(n.Groups, g.ID)
		}
		if n.Replaces, err = m.replaced(*replace); err != nil {
			return err
		}
		if m.services, err = o.services(ctx, p, m.d, *alg); err != nil {
			return err
		}
		return m.make(ctx, args[0], n)
	}
}

// A tokenMaker makes a token and saves it to a file of the folder.
type tokenMaker struct {
	p        *program
	o        *opened
	d        tokenFolder
	by       admin.Actor
	file     string
	services admin.Services
}

// replaced is the id of the token in the file, if it is to be replaced; without a file it is "".
func (m tokenMaker) replaced(wanted bool) (id string, err error) {
	switch {
	case !m.d.has(m.file):
		return "", nil
	case !wanted:
		return "", withHint("--replace puts the new token in its place; or name another folder with --dir", fmt.Errorf("%s is there already", m.file))
	}
	text, err := inputfile.Read(m.file)
	if err != nil {
		return "", err
	}
	claims, err := readClaims(strings.TrimSpace(string(text)))
	if err != nil {
		return "", withHint("move it away", fmt.Errorf("%s: %w", m.file, err))
	}
	return claims.ID, nil
}

func (m tokenMaker) make(ctx context.Context, name string, n admin.NewToken) error {
	a, err := m.o.store.Services().Named(ctx, name)
	if errors.Is(err, sso.NotFound) {
		a, err = m.services.Create(ctx, m.by, name, "")
	}
	if err != nil {
		return plain(err)
	}
	if n.Replaces != "" {
		switch h, err := m.o.store.Services().Holder(ctx, n.Replaces); {
		case errors.Is(err, sso.NotFound), err == nil && (h.Account.ID != a.ID || !h.Token.RevokedAt.IsZero()):
			n.Replaces = "" // it works no more, or belongs to another bridge
		case err != nil:
			return err
		}
	}
	_, text, err := m.services.Token(ctx, m.by, a.ID, n)
	if err != nil {
		return plain(err)
	}
	if err := m.d.replace(m.file, []byte(text+"\n")); err != nil {
		return err
	}
	fmt.Fprintf(m.p.stdout, "Token saved to: %s\n%s\n", m.file, text)
	return nil
}

// tokensShow does what okctl's command of that name does. It asks nobody whether the token was revoked.
func tokensShow(f *flags) runner {
	p := f.p
	dir := f.tokenFolder()
	return func(_ context.Context, args []string) error {
		d := tokenFolder(*dir)
		if err := service.CheckName(args[0]); err != nil {
			return usageError("ssobridge tokens show etl-nightly", "%q is no name of a service account: %s", sso.Truncate(args[0], 80), err)
		}
		cfg, faults, err := f.resolve()
		if err == nil && concerns(faults, "SYSTEM_TOKEN_FILE") { // whatever else is wrong with the settings
			err = p.faulty(faults)
		}
		if err != nil {
			return err
		}
		file := d.saved(args[0], cfg)
		data, err := inputfile.Read(file)
		if errors.Is(err, fs.ErrNotExist) {
			return withHint("ssobridge tokens create "+args[0]+" makes one", fmt.Errorf("there is no %s", file))
		}
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(data))
		claims, err := readClaims(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprintln(p.stdout, text)
		if end := time.Unix(claims.Expires, 0); !p.now().Before(end) {
			fmt.Fprintf(p.stderr, "the token expired on %s\nhint: ssobridge tokens create %s --replace makes another\n", when(end), args[0])
			return exitStatus(1)
		}
		return nil
	}
}

type tokenClaims struct {
	ID      string `json:"jti"`
	Expires int64  `json:"exp"`
}

// readClaims reads a token of ours without judging it.
func readClaims(text string) (c tokenClaims, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return c, errors.New("this is no token")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Expires == 0 {
		return c, errors.New("this is no token of a service account")
	}
	return c, nil
}
