package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// WellKnown is where a provider says what it is, below its issuer (OpenID Connect Discovery §4).
const WellKnown = "/.well-known/openid-configuration"

// Bounds of a discovery document.
const (
	maxDocument = 128 << 10 // bytes
	maxDepth    = 16
)

// Metadata is what the bridge reads of a discovery document (OpenID Connect Discovery §3, RFC 8414 §2).
type Metadata struct {
	Issuer                string
	AuthorizationEndpoint *url.URL
	TokenEndpoint         *url.URL
	JWKSURI               *url.URL
	UserinfoEndpoint      *url.URL // nil: there is none
	EndSessionEndpoint    *url.URL // nil: there is none

	// NamesIssuer says that each callback has an iss (RFC 9207 §3).
	NamesIssuer bool
	// NoSelectAccount says that the provider names the prompts that it knows, and select_account is none of them (Initiating User
	// Registration via OpenID Connect 1.0 §4).
	NoSelectAccount bool
	// Post says that the client secret is sent in the form, as the provider does not take it as Basic.
	Post bool
}

// ParseMetadata reads the discovery document of an issuer. Members that the bridge does not use are not looked at.
func ParseMetadata(document []byte, issuer string) (*Metadata, error) {
	if len(document) > maxDocument {
		return nil, fmt.Errorf("it is longer than %d bytes", maxDocument)
	}
	members, err := strictjson.Object(document, maxDepth)
	if errors.Is(err, strictjson.ErrNotJSON) {
		return nil, errors.New("it is no JSON: is this the address of an OpenID provider?")
	}
	if err != nil {
		return nil, err
	}
	m := &Metadata{}
	if m.Issuer, _ = members["issuer"].(string); m.Issuer != issuer { // §4.3: exactly, as a slash more is another issuer
		return nil, fmt.Errorf("its issuer is %q, and ISSUER is %q: set ISSUER to the former if that is your provider", sso.Shorten(m.Issuer, 200), issuer)
	}
	for _, endpoint := range []struct {
		name     string
		to       **url.URL
		optional bool
	}{
		{"authorization_endpoint", &m.AuthorizationEndpoint, false},
		{"token_endpoint", &m.TokenEndpoint, false},
		{"jwks_uri", &m.JWKSURI, false},
		{"userinfo_endpoint", &m.UserinfoEndpoint, true},
		{"end_session_endpoint", &m.EndSessionEndpoint, true},
	} {
		text, _ := members[endpoint.name].(string)
		if text == "" && endpoint.optional {
			continue
		}
		if *endpoint.to, err = outbound.ParseURL(text); err != nil {
			return nil, fmt.Errorf("its %s is %q: %w", endpoint.name, sso.Shorten(text, 200), err)
		}
	}
	m.NamesIssuer = members["authorization_response_iss_parameter_supported"] == true
	if methods, ok := members["token_endpoint_auth_methods_supported"].([]any); ok { // without it, Basic is meant
		m.Post = !slices.Contains(methods, any("client_secret_basic")) && slices.Contains(methods, any("client_secret_post"))
	}
	if prompts, ok := members["prompt_values_supported"].([]any); ok {
		m.NoSelectAccount = !slices.Contains(prompts, any("select_account"))
	}
	return m, nil
}
