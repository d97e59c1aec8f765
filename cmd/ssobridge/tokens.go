package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/prompt"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

func tokenCommands() []*command {
	return []*command{
		{"tokens init", "", "makes a key pair and a system token, for calls between services", tokensInit},
		{"tokens create", "NAME [GROUP…]", "makes a token of a service account, and the account if it is new", tokensCreate},
		{"tokens show", "NAME", "prints a token that this command saved", tokensShow},
		{"tokens login", "", "signs a login token and prints the link that signs in with it", tokensLogin},
		{"tokens verify", "[TOKEN]", "checks form and signature of a token against a JWK or JWK Set", tokensVerify},
	}
}

// tokensLogin does what an identity provider does, to try a set-up without one.
func tokensLogin(f *flags) runner {
	p := f.p
	var person struct{ email, first, last string }
	var groups, claims repeated
	f.StringVar(&person.email, "email", "", "the person's e-mail `address`")
	f.StringVar(&person.first, "first-name", "", "the person's first `name`")
	f.StringVar(&person.last, "last-name", "", "the person's last `name`")
	f.Var(&groups, "group", "a `group` of the identity provider; once for each")
	f.Var(&claims, "claim", "another claim, as `name=text`; once for each")
	expires := f.Duration("expires", 10*time.Minute, "how far ahead exp is, as a `time` such as 10m")
	returnTo := f.String("return-to", "", "the `path` to open afterwards")
	return func(ctx context.Context, args []string) error {
		cfg, err := f.sound(ctx)
		if err != nil {
			return err
		}
		if len(cfg.JWT.SharedSecrets) == 0 {
			return withHint("give this command the settings that the bridge has: the environment of serve, or --config FILE", errors.New("JWT_SHARED_SECRET is not set, so nothing can be signed"))
		}
		rules := sso.ReturnRules{Site: cfg.SiteURL, Allowed: cfg.AllowedOrigins}
		if _, err := rules.Parse(*returnTo); err != nil {
			return withHint(sso.CodeOf(err).Advice(), err)
		}
		if err := address.Check(person.email); err != nil {
			return usageError("ssobridge tokens login --email ada@example.com", "--email: %s", err)
		}
		if *expires < time.Second {
			return usageError("--expires 10m", "--expires must be a second or more")
		}
		payload := loginClaims(cfg, p.now(), *expires)
		set := map[string]any{cfg.JWT.Claims.Email: person.email}
		if person.first != "" {
			set[cfg.JWT.Claims.FirstName] = person.first
		}
		if person.last != "" {
			set[cfg.JWT.Claims.LastName] = person.last
		}
		if groups != nil {
			set[cfg.JWT.Claims.Groups] = []string(groups)
		}
		for name, value := range set {
			if name != "" {
				payload[name] = value
			}
		}
		if s := cfg.JWT.Claims.Subject; s != "" && payload[s] == nil {
			payload[s] = person.email
		}
		for _, claim := range claims {
			name, value, ok := strings.Cut(claim, "=")
			if !ok || name == "" {
				return usageError("--claim department=sales", "--claim %q is not of the form name=text", claim)
			}
			payload[name] = value
		}
		signed, err := token.Mint(cfg.JWT.SharedSecrets[0], payload)
		if err != nil {
			return err
		}
		p.tokenNotes(cfg, *expires)
		fmt.Fprintln(p.stdout, loginLink(cfg, signed, *returnTo))
		return nil
	}
}

// loginClaims are the claims about the token, as complete as the strictest profile wants them.
func loginClaims(cfg *setting.Config, now time.Time, expires time.Duration) map[string]any {
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(expires).Unix(), "jti": rand.Text()}
	if cfg.JWT.Issuer != "" {
		claims["iss"] = cfg.JWT.Issuer
	}
	if cfg.JWT.Audience != "" {
		claims["aud"] = cfg.JWT.Audience
	}
	return claims
}

func loginLink(cfg *setting.Config, signed, returnTo string) string {
	link := cfg.URL("/auth/sso?jwt=") + signed // base64url and dots need no escape
	if returnTo != "" {
		link += "&return_to=" + strings.ReplaceAll(url.QueryEscape(returnTo), "+", "%20")
	}
	return link
}

// tokenNotes says on stderr how long the link lives, or why it does not work as it is.
func (p *program) tokenNotes(cfg *setting.Config, expires time.Duration) {
	switch {
	case !cfg.JWT.Enabled:
		fmt.Fprintln(p.stderr, "hint: sign-in is off until JWT_IDENTITY_PROVIDER_URI is set and JWT_ENABLED is not false")
	case cfg.JWT.Binding != sso.BindingOff:
		fmt.Fprintf(p.stderr, "hint: JWT_BINDING is %s, so the bridge refuses a link that no browser began with; ssobridge explain still judges the token\n", cfg.JWT.Binding)
	default:
		life, why := expires, "--expires"
		if cfg.JWT.MaxAge < life { // the token has iat
			life, why = cfg.JWT.MaxAge, "JWT_MAX_AGE"
		}
		often := "once"
		if cfg.JWT.Profile == sso.Metabase {
			often = "as often as you like"
		}
		fmt.Fprintf(p.stderr, "the link lives %v (%s) and works %s\n", life, why, often)
	}
}

// tokensVerify judges a signature and nothing else; nobody may be signed in on its word.
func tokensVerify(f *flags) runner {
	f.bare = true
	p := f.p
	jwk := f.String("jwk", "", "the `file` with a JWK or a JWK Set")
	alg := f.String("alg", "", "the `algorithm` that it must be, such as RS256")
	f.Bool("json", true, "print JSON (there is no other form)")
	return func(ctx context.Context, args []string) error {
		if *jwk == "" {
			return usageError("ssobridge tokens verify --jwk FILE [TOKEN]", "--jwk is missing")
		}
		data, err := inputfile.Read(*jwk)
		if err != nil {
			return withHint("--jwk names a file with a JWK or a JWK Set", err)
		}
		text, err := p.argument(args)
		if err != nil {
			return err
		}
		keys, err := keyset.ParseKeys(data)
		if err == nil {
			err = token.VerifySignature(ctx, text, keys, *alg)
		}
		if sso.CodeOf(err) == sso.Internal {
			return err
		}
		if reason := sso.Reason(err); reason != "" {
			fmt.Fprintln(p.stderr, oneLine(reason))
		}
		fmt.Fprintf(p.stdout, "{\"valid\":%v,\"code\":%q}\n", err == nil, sso.CodeOf(err))
		if err != nil {
			return exitStatus(1)
		}
		return nil
	}
}

// argument returns the one argument, or what stands on stdin without the line end that echo adds. More than a token can
// have is cut off, and refused later for its size.
func (p *program) argument(args []string) (string, error) {
	if len(args) > 0 && args[0] != "-" {
		return args[0], nil
	}
	if prompt.IsTerminal(p.stdin) {
		fmt.Fprintln(p.stderr, "paste the token and end with a line end and ctrl-d:")
	}
	data, err := io.ReadAll(io.LimitReader(p.stdin, 1<<20))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
