package ssobridge

import (
	"os"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
)

func TestMain(m *testing.M) {
	ssotest.TempInMemory()
	status := m.Run()
	postgres.Stop()
	os.Exit(status)
}
