package admin_test

import (
	"os"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// chrome is the browser of the tests.
var chrome chromium.Shared

func TestMain(m *testing.M) {
	status := m.Run()
	chrome.Close()
	os.Exit(status)
}
