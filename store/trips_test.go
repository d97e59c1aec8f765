package store_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/sso/ssotest/wire"
)

// A PostgreSQL server in another room of the data centre answers after a millisecond: a sign-in asks it few times.
func TestTripsOfASignIn(t *testing.T) {
	u, err := url.Parse(postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	network, err := wire.New(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	u.Host = network.Addr()
	db := open(t, u.String())
	db.ensure(t, "Staff")
	_, version, err := db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trips := func(id sso.Identity) int64 {
		x, in := conformance.Arrival(start, id, standard)
		in.Settings = version
		before := network.Sent()
		if out, err := db.SignIn(t.Context(), x, in); err != nil || len(out.Groups) != 2 {
			t.Fatalf("got %+v, %v, want a sign-in with two groups", out, err)
		}
		return network.Sent() - before
	}
	byEmail := func(n int) sso.Identity { return groups(person(fmt.Sprintf("ann%d@example.com", n)), "Staff") }
	bySubject := func(n int) sso.Identity {
		return groups(subject(fmt.Sprintf("bob%d@example.com", n), fmt.Sprint("bob", n)), "Staff")
	}
	for name, each := range map[string]struct {
		of             func(int) sso.Identity
		first, another int64 // another: what is asked, and all that is written
	}{"by e-mail": {byEmail, 3, 2}, "by subject": {bySubject, 4, 2}} {
		for n := range 4 {
			first, another := trips(each.of(n)), trips(each.of(n))
			if n > 1 && (first != each.first || another != each.another) { // before that statements are prepared
				t.Errorf("%s: got %d messages for a new person and %d afterwards, want %d and %d", name, first, another, each.first, each.another)
			}
		}
	}
}
