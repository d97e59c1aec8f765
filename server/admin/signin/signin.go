// Package signin is the area of how people sign in: the identity providers with their keys and rules, where groups come from,
// the settings of all sign-ins, and trying a sign-in.
package signin

import (
	"context"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/rehearsal"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Store is what the area needs of the store.
type Store interface {
	admin.SecretStore
	KeyDays(ctx context.Context, ids []string, first time.Time, n int) (map[string][]int, error)
	tryStore
	liveStore
	rehearsal.Store
	Passkeys(ctx context.Context, accountID int64) ([]credential.Passkey, error)
}

// New makes the area.
func New(o area.Options, store Store) area.Area {
	settings := settingArea{o, store}
	keys := keyArea{settings, store}
	providers, try, sources := providerArea{settings, keys}, tryArea{o, store}, sourceArea{settings}
	return area.Area{
		Pages:      slices.Concat(settings.pages(), keys.pages(), providers.pages(), sources.pages(), try.pages(), newLiveArea(o, store).pages()),
		Operations: slices.Concat(settings.operations(), keys.operations(), providers.operations(), tokenArea{providers}.operations(), sources.operations(), try.operations()),
		Notices: map[string]string{
			"provider-made":    "The provider is there, and off. Set it up, then turn it on under Product.",
			"provider-removed": "The provider is removed. Accounts that signed in with it stay.",
			"key-added":        "The new shared secret is in force. The one before still works until you remove it.",
			"key-first":        "The shared secret is in force. Your product must sign with the same one. To see whether it does, test it.",
			"key-removed":      "That shared secret is accepted no more.",
			"key-gone":         "Only the current shared secret works now.",
			"public-added":     "The public key is in force. To see whether your product signs with it, test it.",
			"public-removed":   "That public key is accepted no more.",
		},
	}
}

// settingsOn are the settings that an administrator changes on a page: one of those of package setting, or "" for the page of
// what has none.
func settingsOn(cfg *setting.Config, page string) []*setting.Setting {
	return slices.DeleteFunc(cfg.Table(), func(s *setting.Setting) bool {
		return s.Page != page || !s.Changeable
	})
}
