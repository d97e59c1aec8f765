package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ssobridge/ssobridge/sso/seal"
)

func box(t *testing.T, secret, purpose string) *seal.Box {
	t.Helper()
	b, err := seal.New([]byte(secret), purpose)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	one = "a secret of thirty-two bytes ....1"
	two = "a secret of thirty-two bytes ....2"
)

func TestSeal(t *testing.T) {
	b := box(t, one, "settings")
	sealed := b.Seal([]byte("text"), "row 1")
	if bytes.Contains(sealed, []byte("text")) || bytes.Equal(sealed, b.Seal([]byte("text"), "row 1")) {
		t.Error("sealed data shows the text, or is the same twice")
	}
	if got, err := b.Open(sealed, "row 1"); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := b.Open(sealed, "row 2"); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("another owner: got %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := b.Open(bad, "row 1"); err == nil {
			t.Errorf("byte %d changed: opened", i)
		}
		if _, err := b.Open(sealed[:i], "row 1"); err == nil {
			t.Errorf("cut at %d: opened", i)
		}
	}
	if _, err := box(t, one, "flow").Open(sealed, "row 1"); err == nil {
		t.Error("another purpose: opened")
	}
	if _, err := box(t, two, "settings").Open(sealed, "row 1"); err == nil {
		t.Error("another secret: opened")
	}
	if _, err := new(seal.Box).Open(sealed, "row 1"); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("zero Box: got %v", err)
	}
	if _, err := seal.New([]byte("short"), "x"); err == nil {
		t.Error("a short secret passed")
	}
}
