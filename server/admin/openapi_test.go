package admin_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// The document describes every route of the API and no other.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	b := start(t)
	resp := b.browser().get("/api/openapi.json") // anyone may read how it works
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
		}
	}
	if err := json.Unmarshal([]byte(resp.body), &doc); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	var described, routes, ids []string
	for path, methods := range doc.Paths {
		for method, o := range methods {
			described = append(described, strings.ToUpper(method)+" "+strings.NewReplacer("{", ":", "}", "").Replace(path))
			ids = append(ids, o.OperationID)
			if o.Summary == "" {
				t.Errorf("%s %s: got no summary", method, path)
			}
		}
	}
	for _, route := range b.srv.Routes() {
		if _, path, _ := strings.Cut(route, " "); strings.HasPrefix(path, "/api/v1/") && path != admin.KeySetPath {
			routes = append(routes, route)
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(routes, described); diff != "" {
		t.Errorf("routes and description (-routes +described):\n%s", diff)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != len(described) {
		t.Errorf("operation ids: got %d, want %d different ones", n, len(described))
	}
}

// The document is judged by somebody else's validator.
func TestOpenAPIIsValid(t *testing.T) {
	node := ssotest.Need(t, "node", "apt-get install nodejs")
	modules := os.Getenv("SSOBRIDGE_TEST_NODE_MODULES")
	if modules == "" {
		modules = filepath.Join("..", "..", "node_modules")
	}
	cli, err := filepath.Abs(filepath.Join(modules, "@seriousme", "openapi-schema-validator", "bin", "validate-api-cli.js"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cli); err != nil {
		ssotest.Missing(t, "openapi-schema-validator", "npm ci in a copy of cmd/ssobridge/interop/testdata, and SSOBRIDGE_TEST_NODE_MODULES set to its node_modules")
	}
	document := start(t).browser().get("/api/openapi.json").body
	judge := func(document string) (string, error) {
		file := filepath.Join(t.TempDir(), "openapi.json")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), node, cli, file).CombinedOutput()
		return string(out), err
	}
	if out, err := judge(document); err != nil {
		t.Errorf("got %v: %s", err, out)
	}
	if out, err := judge(strings.Replace(document, `"operationId"`, `"operationID"`, 1)); err == nil {
		t.Errorf("a document with a slip: got it accepted: %s", out)
	}
}
