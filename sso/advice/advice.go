// Package advice says what to change when a token or a sign-in is refused, to whoever configures the two sides. The codes of
// [sso] have the advice for login tokens that a product signs; other kinds of tokens come into being in another way.
package advice

import (
	"cmp"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// For is the advice for a refusal, with the names of the provider's settings; "" where no token is concerned.
func For(cfg *setting.Config, use sso.TokenUse, code sso.Code, provider string) string {
	text := code.Advice()
	if text == "" {
		return ""
	}
	p := cfg.Provider(provider)
	switch {
	case provider == service.Provider:
		return ofService(code)
	case use == sso.UseBearer:
		text = cmp.Or(ofBearer(code, p != nil && p.Kind == setting.KindBearer), text)
	case use == sso.UseLogout:
		text = cmp.Or(ofLogout(code), text)
	case p != nil && p.Kind == setting.KindOIDC:
		text = cmp.Or(ofOpenID(code), text)
	}
	return named(text, provider)
}

// named has the names of a provider's settings in the place of those of the default one.
func named(text, provider string) string {
	if provider == "" || provider == setting.DefaultProvider {
		return text
	}
	p := &setting.Provider{Name: provider}
	return strings.NewReplacer("JWT_ATTRIBUTE_", p.Setting("CLAIM_"), "JWT_", p.Settings()).Replace(text)
}

// ofBearer is about tokens that an identity provider signs for an API.
func ofBearer(code sso.Code, alone bool) string {
	switch code {
	case sso.TokenMalformed:
		return "send the token as the identity provider gave it, after Bearer and one space, without quotes and line ends"
	case sso.TokenSignature:
		return "send the token as the identity provider gave it; if it was not changed, give the bridge the key that signs: the checks name the algorithm and the kid of the token, and the keys that the bridge has"
	case sso.KeyUnknown:
		return "give the bridge the key that signs, in JWT_KEYS, JWT_PUBLIC_KEY or JWT_JWKS_URL: the checks name the algorithm and the kid of the token"
	case sso.TokenExpired:
		return "get a new token from the identity provider; if this one is new, check the clocks of both machines"
	case sso.TokenUnbounded:
		if alone {
			return "let the identity provider give the token exp, and iat no further before it than JWT_MAX_LIFETIME, or make JWT_MAX_LIFETIME longer"
		}
		return "let the identity provider give the token exp, and iat at most a day before it"
	case sso.TokenAudience:
		if alone {
			return "get a token with an aud that JWT_AUDIENCE has, or add the aud of the token to JWT_AUDIENCE if it means this API"
		}
		return "get a token with an aud that JWT_BEARER_AUD has, or add the aud of the token to JWT_BEARER_AUD if it means this API"
	case sso.TokenIssuer:
		return "if the token is of this provider, make JWT_ISSUER equal to its iss, letter by letter"
	case sso.TokenType:
		return "send an access token, of the type at+jwt or JWT: an ID token, a login token or a logout token is for something else"
	case sso.ProvisioningOff:
		return "make an account for this person first, or set JWT_ACCOUNTS to provision or to none"
	}
	return ""
}

// ofService is about tokens that the bridge itself gave to service accounts.
func ofService(code sso.Code) string {
	switch code {
	case sso.AccountDisabled, sso.TokenRevoked, sso.StoreUnavailable:
		return code.Advice()
	case sso.TokenExpired:
		return "make the service account a new token: ssobridge tokens create, or the page of the service account"
	case sso.TokenAudience, sso.TokenIssuer:
		return "the token is of another bridge, or SITE_URL or SERVICE_ISSUER is another one since it was made: make the service account a new token"
	}
	return "send the token as it was saved; if it was not changed, the bridge did not make it with a key that it has now: make the service account a new token"
}

// ofOpenID is about ID tokens, whose makers nobody changes.
func ofOpenID(code sso.Code) string {
	switch code {
	case sso.TokenSignature, sso.KeyUnknown:
		return "see that JWT_ISSUER, or JWT_JWKS_URL where that is set, is of the provider that made the token: the checks name the keys that the bridge has from there"
	case sso.TokenExpired, sso.TokenTooOld, sso.TokenFromFuture, sso.TokenNotYetValid:
		return "check the clocks of the provider and of this machine; a token that was pasted may just be old"
	case sso.TokenAudience:
		return "make JWT_CLIENT_ID the client id of the entry that the provider has for the bridge"
	case sso.TokenIssuer:
		return "make JWT_ISSUER equal to the iss of the token, letter by letter"
	case sso.CodeExchangeFailed:
		return "look at the log of the provider: it must take the code with JWT_CLIENT_ID, JWT_CLIENT_SECRET and the redirect URI that the page of the provider shows"
	}
	return ""
}

// ofLogout is about tokens that end sessions.
func ofLogout(code sso.Code) string {
	switch code {
	case sso.TokenExpired, sso.TokenTooOld:
		return "sign a logout token when somebody signs out, and send it at once; check the clocks of both machines"
	case sso.TokenReplayed:
		return "sign a logout token for each sign-out, with a jti of its own"
	case sso.TokenType:
		return `make the header's typ "logout+jwt": other types of tokens end no session`
	}
	return ""
}
