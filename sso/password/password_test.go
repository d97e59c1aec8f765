package password_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
)

const good = "wandering otters file taxes"

func hash(t testing.TB, h *password.Hasher, pw string) string {
	t.Helper()
	phc, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

// SECURITY I1
func TestHashAndVerify(t *testing.T) {
	var h password.Hasher
	phc := hash(t, &h, good)
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got %q, want Argon2id with 19 MiB, t=2, p=1", phc)
	}
	if again := hash(t, &h, good); again == phc {
		t.Error("two hashes of one password are equal: no salt")
	}
	long := strings.Repeat("é", 512)
	for _, test := range []struct {
		name, phc, typed string
		want             bool
	}{
		{"the same", phc, good, true},
		{"another", phc, "wandering otters file taxez", false},
		{"a space more", phc, good + " ", false},
		{"upper case", phc, strings.ToUpper(good), false},
		{"empty", phc, "", false},
		{"1,024 bytes", hash(t, &h, long), long, true},
		{"1,025 bytes, of which 1,024 fit", hash(t, &h, long), long + "x", false},
		{"spaces around", hash(t, &h, " "+good+" "), " " + good + " ", true},
		{"spaces trimmed", hash(t, &h, " "+good+" "), good, false},
		{"composed and decomposed", hash(t, &h, "é"+good), "e\u0301" + good, false},
		{"NUL", hash(t, &h, good+"\x00a"), good + "\x00b", false},
		{"no hash", "", good, false},
		{"no hash, no password", "", "", false},
	} {
		got, rehash, err := h.Verify(t.Context(), test.phc, test.typed)
		if got != test.want || rehash || err != nil {
			t.Errorf("%s: got %v, rehash %v, error %v; want %v", test.name, got, rehash, err, test.want)
		}
	}
	for _, pw := range []string{"", long + "x"} {
		if _, err := h.Hash(t.Context(), pw); sso.CodeOf(err) != sso.Invalid {
			t.Errorf("hash of %d bytes: got %v, want %q", len(pw), err, sso.Invalid)
		}
	}
}

// A hash that argon2's reference implementation made (phc-winner-argon2's test vector for v=19, t=2, m=2^16).
func TestForeignHashIsRenewed(t *testing.T) {
	var h password.Hasher
	phc := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, rehash, err := h.Verify(t.Context(), phc, "password")
	if !ok || !rehash || err != nil {
		t.Errorf("got %v, rehash %v, error %v; want true, true, nil", ok, rehash, err)
	}
	if ok, rehash, _ := h.Verify(t.Context(), phc, "Password"); ok || rehash {
		t.Errorf("wrong password: got %v, rehash %v; want false, false", ok, rehash)
	}
}

// CVE-2018-15727: nothing is derived from an empty or broken hash.
func TestDamagedHashes(t *testing.T) {
	var h password.Hasher
	phc := hash(t, &h, good)
	cut := strings.LastIndexByte(phc, '$') + 1
	tests := []string{
		"x", "$", "$$$$$", phc[:cut], phc + "\n", " " + phc, phc[:cut] + "AAAA", phc + "$",
		strings.Replace(phc, "argon2id", "argon2i", 1), strings.Replace(phc, "v=19", "v=16", 1),
		strings.Replace(phc, "t=2", "t=0", 1), strings.Replace(phc, "p=1", "p=0", 1), strings.Replace(phc, "p=1", "p=255", 1),
		strings.Replace(phc, "m=19456", "m=4294967295", 1), strings.Replace(phc, "t=2", "t=4294967295", 1),
		strings.Replace(phc, "m=19456", "m=019456", 1), strings.Replace(phc, "m=19456", "m=1", 1),
		"$2a$10$abcdefghijklmnopqrstuuSxsTV5sZ5cwcS4VFWRq4U3ZBhbiTp.", strings.Repeat("$", 10000),
	}
	for _, broken := range tests {
		ok, _, err := h.Verify(t.Context(), broken, good)
		if ok || err == nil {
			t.Errorf("%.80q: got %v, %v; want an error", broken, ok, err)
		}
		if ok, _, _ := h.Verify(t.Context(), broken, ""); ok {
			t.Errorf("%.80q fits the empty password", broken)
		}
	}
}

// SECURITY I3, I4: an account without a password takes its turn as any other; who waits in vain is told so.
func TestLimit(t *testing.T) {
	h := password.Hasher{Limit: 1}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					h.Verify(t.Context(), "", good)
				}
			}
		})
	}
	defer busy.Wait()
	defer close(stop)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) { // select picks at random while a slot is free
		_, _, err := h.Verify(ended, "", good)
		if err == nil {
			continue
		}
		if sso.CodeOf(err) != sso.Throttled || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %q and the cause", err, sso.Throttled)
		}
		return
	}
	t.Error("never had to wait: no limit")
}

// SECURITY I1
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		password string
		want     bool
	}{
		{good, true},
		{"correct donkey battery paper", true},
		{"IDYSTBX5YNC7X4DI4JU7VY3ZZ6", true},
		{strings.Repeat("é", 7) + "ÿ µ ß ø å", true},
		{"пятнадцать странных слов", true},
		{" leading and trailing spaces count ", true},
		{strings.Repeat("x7 q", 15) + "fjord tablet", true},                 // 72
		{"kiwi lantern " + strings.Repeat("and then some more ", 53), true}, // 1,020
		{"", false},
		{"short", false},
		{"xT9#kQ2$vB7!m4", false},             // 14
		{strings.Repeat("é", 14), false},      // 28 bytes, 14 characters
		{strings.Repeat("ab cd", 250), false}, // 1,250
		{strings.Repeat("a", 15), false},
		{strings.Repeat("a", 64), false},
		{"passwordpassword", false},
		{"password1234567", false},
		{"p@ssw0rdp@ssw0rd1", false},
		{"123456789012345", false},
		{"qwertyuiopasdfgh", false},
		{"correct horse battery staple", false},
		{"CorrectHorseBatteryStaple!", false},
		{"1q2w3e4r5t6y7u8i9o0p", false},
		{"letmeinletmein1", false},
		{"iloveyouiloveyou", false},
		{"changemechangeme", false},
		{"administrator2026", false},
		{"ssobridge-ssobridge", false},
		{"ada@example.com", false},
		{"Ada.Lovelace.Example", false},
		{"P@ssw0rd1234567!", false},
		{"Summer2024Winter2024", false},
		{"CompanyName2026!!", false},
		{"qwertzuiopüasdfghjklöä", false},
		{"azertyuiopqsdfghjklm", false},
		{"table window paper river", true},
	} {
		err := password.Check(test.password, "ada@example.com", "Ada Lovelace")
		if (err == nil) != test.want {
			t.Errorf("%.60q: got %v, want allowed %v", test.password, err, test.want)
		}
		if err != nil && sso.CodeOf(err) != sso.Invalid {
			t.Errorf("%.60q: got code %q, want %q", test.password, sso.CodeOf(err), sso.Invalid)
		}
		if err != nil && test.password != "" && strings.Contains(err.Error(), test.password) {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8192,t=1,p=1$$")
	h := password.Hasher{Limit: 2}
	wrong := string(argon2.IDKey([]byte("x"), []byte("12345678"), 1, 64, 1, 16))
	f.Fuzz(func(t *testing.T, phc string) {
		if ok, _, _ := h.Verify(t.Context(), phc, wrong); ok {
			t.Errorf("%q fits a random password", phc)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	var h password.Hasher
	phc := hash(b, &h, good)
	for b.Loop() {
		h.Verify(b.Context(), phc, good)
	}
}
