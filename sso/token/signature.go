package token

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/keyset"
)

// VerifySignature checks the form and the signature of a token and nothing else: no type, no times, no claims; the
// payload need not even be JSON. Nobody may be signed in on its word: that is what a [Verifier] is for.
//
// alg, when not "", says which algorithm it must be. It overrides nothing: a key that names another one is not tried.
// Only a key that names none takes it, if it can have it at all.
//
// It returns [sso.TokenMalformed], [sso.TokenSignature], [sso.KeyUnknown] or [sso.ProviderUnavailable].
func VerifySignature(ctx context.Context, token string, keys keyset.Set, alg string) error {
	if err := checkSize(token); err != nil {
		return err
	}
	c, err := split(token)
	if err != nil {
		return err
	}
	h, err := parseHeader(c.header)
	if err != nil {
		return err
	}
	if err := checkAlgorithm(h.alg); err != nil {
		return err
	}
	all, pending := keys.Keys(ctx, h.kid)
	if alg != "" {
		all = keyset.Demand(all, alg)
	}
	fit, err := keyset.WithAlgorithm(all, h.alg)
	switch {
	case slices.ContainsFunc(fit, func(k keyset.Key) bool { return k.Verify(c.signingInput, c.signature) }):
		return nil
	case pending != nil:
		return pending
	case err != nil:
		return err
	}
	return fmt.Errorf("the signature does not fit: %w", sso.TokenSignature)
}

// checkAlgorithm refuses what is no signature algorithm of ours: none, hs256, ES256K, RSA1_5 (SECURITY A1).
func checkAlgorithm(alg string) error {
	if slices.Contains(keyset.AllAlgorithms(), alg) {
		return nil
	}
	if strings.EqualFold(alg, "none") {
		return fmt.Errorf("the token is not signed (alg %s): %w", sso.Quote(alg), sso.TokenSignature)
	}
	return fmt.Errorf("the token's alg %s is not supported: sign with one of %s: %w",
		sso.Quote(alg), strings.Join(keyset.AllAlgorithms(), ", "), sso.TokenSignature)
}

func checkSize(token string) error {
	switch {
	case token == "":
		return fmt.Errorf("there is no token: %w", sso.TokenMalformed)
	case len(token) > MaxSize:
		return fmt.Errorf("the token has %d bytes, at most %d are allowed: send fewer or shorter claims: %w",
			len(token), MaxSize, sso.TokenMalformed)
	}
	return nil
}
