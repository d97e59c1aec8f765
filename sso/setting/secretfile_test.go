package setting

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is no secret is not read to its end.
func TestLargeSecretFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 1<<30); err != nil {
		t.Fatal(err)
	}
	_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=" + name}})
	if len(faults) == 0 || !strings.Contains(faults[0].String(), "more than 1048576 bytes") {
		t.Errorf("got %v", faults)
	}
}
