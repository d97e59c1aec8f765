package local

import (
	"fmt"
	"net/url"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// landing is where a page of ours sends people on: return_to, or redirect, which means the same. Two are none (SECURITY B4).
func landing(site *web.Site, values url.Values) (string, error) {
	named := append(append([]string(nil), values["return_to"]...), values["redirect"]...)
	switch len(named) {
	case 0:
		return "/", nil
	case 1:
		return site.Bridge.Return.Parse(named[0])
	}
	return "", fmt.Errorf("return_to or redirect came %d times: %w", len(named), sso.RequestMalformed)
}

// landingOfQuery is landing for a page that a link leads to.
func landingOfQuery(site *web.Site, raw string) (string, error) {
	values, err := sso.ParseQuery(raw)
	if err != nil {
		return "", err
	}
	return landing(site, values)
}
