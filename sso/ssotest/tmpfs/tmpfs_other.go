//go:build !linux

package tmpfs

import "errors"

// Mount says that it is for Linux alone.
func Mount(dir, size string) (unmount func() error, err error) {
	return nil, errors.ErrUnsupported
}
