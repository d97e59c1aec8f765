package service_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 500, time.UTC)

func TestEnds(t *testing.T) {
	whole := now.Truncate(time.Second)
	for ttl, want := range map[string]time.Time{
		"OneHour": whole.Add(time.Hour), "onehour": whole.Add(time.Hour), "1": whole.AddDate(0, 0, 1), "7": whole.AddDate(0, 0, 7),
		"30": whole.AddDate(0, 0, 30), "60": whole.AddDate(0, 0, 60), "90": whole.AddDate(0, 0, 90), "Unlimited": service.Never(),
		"45": whole.AddDate(0, 0, 45), "90d": whole.AddDate(0, 0, 90), "36h": whole.Add(36 * time.Hour), "90m": whole.Add(90 * time.Minute),
		"3650": whole.AddDate(0, 0, 3650),
	} {
		if got, err := service.Ends(ttl, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", ttl, got, err, want)
		}
	}
	for _, ttl := range []string{"", "0", "-1", "never", "1y", "3651", "1s", "65536", "1e3", "NaN", "∞", " 7", "87601h", "999999999h"} {
		if got, err := service.Ends(ttl, now); err == nil {
			t.Errorf("%q: %v, want an error", ttl, got)
		}
	}
}

// FuzzEnds: whatever is asked for, a token lives for a minute or more, and for ten years at most or for ever.
func FuzzEnds(f *testing.F) {
	for _, ttl := range append(service.Lifetimes(), "36h", "", "-7", "1d") {
		f.Add(ttl)
	}
	f.Fuzz(func(t *testing.T, ttl string) {
		end, err := service.Ends(ttl, now)
		if life := end.Sub(now.Truncate(time.Second)); err == nil && !end.Equal(service.Never()) && (life < time.Minute || life > service.MaxLifetime) {
			t.Errorf("%q: %v", ttl, life)
		}
	})
}

// TestCheckName: over all runes, a name has none but a-z, 0-9 and single separators within, and so is never an e-mail address
// nor read as another one.
func TestCheckName(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		good := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		between := r == '.' || r == '-' || r == '_'
		if err := service.CheckName(string(r)); (err == nil) != good {
			t.Fatalf("%q: %v", r, err)
		}
		if err := service.CheckName("a" + string(r) + "b"); (err == nil) != (good || between) {
			t.Fatalf("a%qb: %v", r, err)
		}
	}
	for _, name := range []string{"", "a.", ".a", "a--b", "a._b", strings.Repeat("a", 65), "a\xff"} {
		if service.CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if err := service.CheckName(strings.Repeat("a", 64)); err != nil {
		t.Error(err)
	}
}

// FuzzCheckLabel: what is taken is one line of text.
func FuzzCheckLabel(f *testing.F) {
	f.Add("Nightly load")
	f.Add("a\u202eb")
	f.Fuzz(func(t *testing.T, label string) {
		if service.CheckLabel(label) == nil && (strings.ContainsAny(label, "\r\n\x00") || !utf8.ValidString(label) || len(label) > service.MaxLabel) {
			t.Errorf("%q is taken", label)
		}
	})
}

// holder has a token that works.
func holder() *service.Holder {
	return &service.Holder{
		Account: service.Account{ID: 7, Name: "etl", Active: true},
		Token: service.Token{ID: "J", MakerID: 3, Maker: "olga@example.com", MakerActive: true, ExpiresAt: now.Add(time.Hour),
			Groups: []sso.Group{{ID: 5, Name: "Research"}}, Lost: []sso.Group{{ID: 6, Name: "Sales"}}},
		Hash: service.HashToken("text"),
	}
}

// TestHolder breaks one thing in each row.
func TestHolder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*service.Holder)
		check string // that fails
		code  sso.Code
	}{
		{"nothing", func(*service.Holder) {}, "", ""},
		{"in the shell", func(h *service.Holder) { h.Token.MakerID, h.Token.Maker = 0, "" }, "", ""},
		{"another token with this jti", func(h *service.Holder) { h.Hash[0]++ }, "registered", sso.TokenSignature},
		{"revoked", func(h *service.Holder) { h.Token.RevokedAt = now }, "revoked", sso.TokenRevoked},
		{"over", func(h *service.Holder) { h.Token.ExpiresAt = now }, "revoked", sso.TokenExpired},
		{"deactivated", func(h *service.Holder) { h.Account.Active = false }, "account", sso.TokenRevoked},
		{"maker deactivated", func(h *service.Holder) { h.Token.MakerActive = false }, "maker", sso.TokenRevoked},
		{"maker deleted", func(h *service.Holder) { h.Token.Maker, h.Token.MakerActive = "", false }, "maker", sso.TokenRevoked},
	} {
		for _, explaining := range []bool{false, true} {
			h, x := holder(), &sso.Exam{Now: now, Explaining: explaining}
			tt.spoil(h)
			ok := h.Judge("text", x)
			if ok != (tt.code == "") || ok != (x.Err == nil) || !ok && sso.CodeOf(x.Err) != tt.code {
				t.Errorf("%s: %v, %v, want %s", tt.name, ok, x.Err, tt.code)
			}
			for _, c := range x.Checks {
				if c.OK != (c.Name != tt.check) {
					t.Errorf("%s: check %+v", tt.name, c)
				}
				if strings.HasPrefix(c.Detail, ",") { // a name that is not there
					t.Errorf("%s: the check %s says %q", tt.name, c.Name, c.Detail)
				}
			}
		}
	}
}

// TestPrincipal: SECURITY J3. It is never an administrator, not even with that group.
func TestPrincipal(t *testing.T) {
	h := holder()
	h.Token.Groups = []sso.Group{{ID: sso.Administrators, Name: sso.AdministratorsName}, {ID: 5, Name: "Research"}}
	p := h.Principal()
	if p.Administrator() || p.Name() != "etl" || p.Maker != 3 || p.Account.ID != 0 || len(p.Groups) != 2 || p.Groups[0].ID != sso.AllUsers || p.Groups[1].ID != 5 {
		t.Errorf("principal %+v", p)
	}
	p.Groups = append(p.Groups, sso.Group{ID: sso.Administrators})
	if p.Administrator() {
		t.Error("a caller with a token is an administrator")
	}
}
