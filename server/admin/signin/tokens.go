package signin

import (
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
	"github.com/ssobridge/ssobridge/templates"
)

// tokenArea shows what the tokens of a provider carried lately.
type tokenArea struct{ providerArea }

// shownTokens is how many tokens are shown one by one.
const shownTokens = 10

func (a tokenArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/providers/{name}/tokens", "listTokenClaims", "Which claims the tokens of the last sign-ins had, never their values", a.list),
	}
}

type tokenClaims struct {
	SignIns int           `json:"sign_ins" doc:"of how many sign-ins this is known: at most the last 300"`
	Claims  []claimSeen   `json:"claims" doc:"the most frequent first"`
	Tokens  []tokenOfPast `json:"tokens" doc:"of the last ten sign-ins, the newest first"`
}

type claimSeen struct {
	Name string `json:"name"`
	Seen int    `json:"seen" doc:"in how many of the tokens"`
}

type tokenOfPast struct {
	At       time.Time `json:"at"`
	Lifetime *int64    `json:"lifetime_seconds" doc:"from iat to exp; null: the token did not say both"`
	Claims   []string  `json:"claims" doc:"names"`
	More     int       `json:"more" doc:"how many claims there were besides"`
}

func (a tokenArea) list(c *area.Call, in struct {
	Name string `path:"name"`
}) (tokenClaims, error) {
	out := tokenClaims{Claims: []claimSeen{}, Tokens: []tokenOfPast{}}
	p, _, _, err := a.provider(c.Request().Context(), in.Name)
	if err != nil {
		return out, err
	}
	all, err := a.keys.log.TokenLog(c.Request().Context(), p.Name)
	if err != nil {
		return out, err
	}
	out.SignIns = len(all)
	for _, claim := range tokenlog.Claims(all) {
		out.Claims = append(out.Claims, claimSeen{claim.Name, claim.Seen})
	}
	for _, e := range all[:min(shownTokens, len(all))] {
		one := tokenOfPast{At: e.At.UTC(), Claims: append([]string{}, e.Claims...), More: e.More}
		if e.Lifetime > 0 {
			seconds := int64(e.Lifetime / time.Second)
			one.Lifetime = &seconds
		}
		out.Tokens = append(out.Tokens, one)
	}
	return out, nil
}

// tokensOf is the same for the page of the provider.
func tokensOf(all []tokenlog.Entry) (out templates.AdminTokens) {
	out.Of, out.Claims = len(all), tokenlog.Claims(all)
	for _, e := range all[:min(shownTokens, len(all))] {
		out.Last = append(out.Last, templates.AdminToken{At: e.At, Lifetime: lived(e.Lifetime), Claims: e.Claims, More: e.More})
	}
	return out
}

// lived is a duration as settings spell it, such as 5m; "" for none.
func lived(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return text
}
