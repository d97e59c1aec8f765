package advice

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Advice names the settings of the provider that is meant, and only settings that there are; of an API client or a service
// account it speaks of no redirect. Each code has some in each kind or in none.
func TestFor(t *testing.T) {
	cfg, _ := setting.Resolve(setting.Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=acme,api,openid", "SSOBRIDGE_PROVIDER_API_KIND=bearer", "SSOBRIDGE_PROVIDER_OPENID_KIND=oidc"}})
	names := regexp.MustCompile(`\b[A-Z]{2,}(?:_(?:<NAME>|[A-Z]+))+\b`)
	for _, tt := range []struct {
		provider string
		use      sso.TokenUse
	}{
		{"", sso.UseLogin}, {setting.DefaultProvider, sso.UseLogin}, {setting.DefaultProvider, sso.UseBearer}, {"acme", sso.UseLogin}, {"acme", sso.UseBearer}, {"acme", sso.UseLogout},
		{"api", sso.UseBearer}, {"openid", sso.UseLogin}, {"openid", sso.UseBearer}, {"openid", sso.UseLogout}, {service.Provider, sso.UseService}, {"gone", sso.UseLogin},
	} {
		seen := 0
		for _, code := range sso.Codes() {
			text := For(cfg, tt.use, code, tt.provider)
			if (text == "") != (code.Advice() == "") {
				t.Errorf("%s of %s, %s: the advice is %q", tt.use, tt.provider, code, text)
			}
			for _, name := range names.FindAllString(text, -1) {
				seen++
				if name = strings.Replace(name, "<NAME>", "ACME", 1); cfg.Find(name) == nil && tt.provider != "gone" {
					t.Errorf("%s of %s, %s: the advice names %s", tt.use, tt.provider, code, name)
				}
			}
			if text != code.Advice() && tt.use != sso.UseLogin && strings.Contains(text, "redirect:") {
				t.Errorf("%s of %s, %s: %s", tt.use, tt.provider, code, text)
			}
		}
		if seen < 2 {
			t.Errorf("%s of %s: %d settings were named", tt.use, tt.provider, seen)
		}
	}
	if got := For(cfg, sso.UseLogin, sso.TokenIssuer, ""); got != sso.TokenIssuer.Advice() {
		t.Errorf("of the default provider: %q", got)
	}
}
