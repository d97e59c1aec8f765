package server

import "github.com/ssobridge/ssobridge/sso"

// Words shows the vocabulary to tests.
func Words(code sso.Code) (int, string) {
	w := vocabulary(code)
	return w.status, w.message
}
