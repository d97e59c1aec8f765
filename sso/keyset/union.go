package keyset

import (
	"context"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
)

// Union is the keys of several sets. A set that cannot be asked now is no obstacle to the keys of the others, but what
// they do not verify may be verified by that set: then the answer is [sso.ProviderUnavailable].
func Union(sets ...Set) Set { return union(sets) }

type union []Set

// Keys implements [Set].
func (u union) Keys(ctx context.Context, kid string) (keys []Key, err error) {
	var unknown error = fmt.Errorf("there is no key: %w", sso.KeyUnknown)
	for _, set := range u {
		some, e := set.Keys(ctx, kid)
		keys = append(keys, some...)
		switch {
		case e == nil:
		case errors.Is(e, sso.KeyUnknown):
			unknown = e
		case err == nil:
			err = e
		}
	}
	if err == nil && len(keys) == 0 {
		err = unknown
	}
	return keys, err
}
