package token_test

import (
	"math"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/token"
)

func TestMint(t *testing.T) {
	tok, err := token.Mint(secret, claims())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []sso.Profile{sso.Metabase, sso.Standard, sso.Strict} {
		if x := judge(t, verifier(t, p), tok); x.Err != nil {
			t.Errorf("%s: got %v, want no error", p, x.Err)
		}
	}
	if _, err := token.Mint("", claims()); err == nil {
		t.Error("an empty secret signed")
	}
	if _, err := token.Mint(secret, map[string]any{"x": math.NaN()}); err == nil {
		t.Error("claims that JSON cannot say were signed")
	}
}
