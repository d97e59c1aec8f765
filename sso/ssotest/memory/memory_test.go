package memory_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/memory"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func(*testing.T) conformance.Subject {
		s := memory.New()
		return conformance.Subject{Store: s, Twin: s, Rows: s.Rows}
	})
}
