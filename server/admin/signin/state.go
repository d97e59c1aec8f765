package signin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// kindInWords says what a kind of provider is for.
func kindInWords(kind setting.Kind) string {
	switch kind {
	case setting.KindBearer:
		return "Tokens of API clients"
	case setting.KindOIDC:
		return "OpenID Connect"
	}
	return "Sign-in with a signed token"
}

// soon is how long before the end of a key somebody has to know.
const soon = 14 * 24 * time.Hour

// refusedBridge is when the token endpoint of a provider last did not accept the bridge itself (RFC 6749 §5.2): nothing is known of it
// from its keys then. zero: not within a day, or a sign-in went well since, or settings were changed. What it says of a code or of a
// person does not count: anybody can come with a code that is none.
func (a providerArea) refusedBridge(ctx context.Context, provider string, lastUsed time.Time) (at time.Time, err error) {
	since := a.Now().Add(-24 * time.Hour)
	changes, _, err := a.keys.log.Events(ctx, sso.EventQuery{Page: sso.Page{Limit: 1}, Kinds: []sso.EventKind{sso.EventSetting}, Since: since})
	if err != nil {
		return at, err
	}
	if len(changes) > 0 {
		since = changes[0].At
	}
	if lastUsed.After(since) {
		since = lastUsed
	}
	failed, _, err := a.keys.log.Events(ctx, sso.EventQuery{Page: sso.Page{Limit: sso.MaxLimit}, Code: sso.CodeExchangeFailed, Since: since})
	for _, e := range failed {
		if e.Provider == provider && (strings.Contains(e.Detail, `error "invalid_client"`) || strings.Contains(e.Detail, `error "unauthorized_client"`)) {
			return e.At, err
		}
	}
	return at, err
}

func refusedBridgeState(at time.Time) templates.AdminState {
	return templates.AdminState{Word: "Needs a look", Attention: true, Text: fmt.Sprintf(
		"Its token endpoint does not accept the client id or the client secret of the bridge (%s). Compare both with the entry at the provider: the secret may have ended there.",
		at.UTC().Format("2006-01-02 15:04 UTC"))}
}

// stateOf says how a provider is doing. keys are those that it is known to have, lastUsed when one of them was used.
func stateOf(p *setting.Provider, live *sso.Provider, keys []templates.AdminKeyRow, lastUsed, now time.Time) templates.AdminState {
	attention := func(word, format string, args ...any) templates.AdminState {
		return templates.AdminState{Word: word, Text: fmt.Sprintf(format, args...), Attention: true}
	}
	if !p.Enabled {
		return offState(p)
	}
	if d := live.Described(); d.Fault != "" { // before the keys, which cannot be read then either
		return attention("Needs a look", "What the provider says of itself could not be read lately: %s. Is the issuer the address that the provider shows, and does it run?", d.Fault)
	}
	for _, s := range live.PublicKeys() {
		if s.Fault != "" {
			return attention("Needs a look", "Its keys could not be read lately: %s.", s.Fault)
		}
	}
	left, ends := 0, time.Time{}
	for _, k := range keys {
		if k.Expired {
			continue
		}
		left++
		if !k.NotAfter.IsZero() && k.NotAfter.After(ends) {
			ends = k.NotAfter
		}
		if k.NotAfter.IsZero() {
			ends = now.Add(2 * soon)
		}
	}
	switch {
	case len(keys) > 0 && left == 0:
		return attention("Needs a look", "Every key of it has expired, so no token is accepted.")
	case left > 0 && ends.Sub(now) < soon:
		return attention("Needs a look", "Its last key ends in %d days: add the next one.", int(ends.Sub(now).Hours()/24))
	case lastUsed.IsZero() && p.Kind == setting.KindBearer:
		return templates.AdminState{Word: "Ready", Text: "No client has come with a token of it yet."}
	case lastUsed.IsZero():
		return templates.AdminState{Word: "Ready", Text: "Nobody has signed in with its keys yet. Test it."}
	}
	return templates.AdminState{Word: "Works"}
}

// offState says why a provider is off, and what is missing for it to be on.
func offState(p *setting.Provider) templates.AdminState {
	off := templates.AdminState{Word: "Off", Text: "Nobody can sign in with it.", Off: true}
	page, keys := p.IdentityProviderURI != nil || p.Kind != setting.KindJWT, p.HasKeys()
	switch {
	case p.Kind == setting.KindOIDC && (p.Issuer == "" || p.ClientID == ""):
		off = templates.AdminState{Word: "Not set up", Text: "Three things are needed, which the entry at the provider shows: the issuer, the client id and the client secret. Then choose “on” at “Sign-in through the identity provider” under Product, and save.", Off: true}
	case p.Name != setting.DefaultProvider:
		off.Text = "Nobody can sign in with it. To turn it on, choose “on” at “Sign-in through the identity provider” under Product, and save."
	case !page && !keys:
		off = templates.AdminState{Word: "Not set up", Text: "Two things are needed: the sign-in page of your product, and a shared secret. All else may stay as it is.", Off: true}
	case !page:
		off = templates.AdminState{Word: "Not set up", Text: "The sign-in page of your product is missing.", Attention: true}
	case !keys:
		off = templates.AdminState{Word: "Not set up", Text: "A shared secret is missing, or another key.", Attention: true}
	}
	return off
}
