package faults

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/sso/ssotest/postgres/cluster"
	"github.com/ssobridge/ssobridge/sso/ssotest/wire"
)

// restarted crashes the database server, and starts it anew.
func restarted(pg *cluster.Cluster, times int) fault {
	return fault{
		name: "immediate restart of the server", times: times,
		begin: func(context.Context) error { return pg.Down() },
		end: func(context.Context) (time.Time, error) {
			err := pg.Up()
			return time.Now(), err
		},
	}
}

// readOnly has the server take no writes, as a primary that became a standby.
func readOnly(pg *cluster.Cluster, times int) fault {
	set := func(ctx context.Context, to string) error {
		return pg.Exec(ctx, "ALTER SYSTEM SET default_transaction_read_only = "+to, "SELECT pg_reload_conf()")
	}
	return fault{
		name: "the server is read-only", times: times, stays: time.Second,
		begin: func(ctx context.Context) error { return set(ctx, "on") },
		end: func(ctx context.Context) (time.Time, error) {
			// The superuser's own transaction would be read-only, too.
			err := pg.Exec(ctx, "SET default_transaction_read_only = off", "ALTER SYSTEM SET default_transaction_read_only = off", "SELECT pg_reload_conf()")
			return time.Now(), err
		},
	}
}

// Faults of the network end when the wire is whole again.
func onWire(name string, w *wire.Wire, times int, stays time.Duration, is wire.State) fault {
	return fault{
		name: name, times: times, stays: stays,
		begin: func(context.Context) error { w.Set(is); return nil },
		end: func(context.Context) (time.Time, error) {
			w.Set(wire.State{})
			return time.Now(), nil
		},
	}
}

// untilSeen is longer than a bridge takes to see that its database does not answer.
const untilSeen = 4500 * time.Millisecond

// silent is a network that takes everything and hands nothing on.
func silent(w *wire.Wire, times int) fault {
	return onWire("the network is a black hole", w, times, untilSeen, wire.State{Holds: true})
}

func slow(w *wire.Wire, times int) fault {
	return onWire("the network takes 2 s more", w, times, untilSeen, wire.State{Delay: 2 * time.Second})
}

func cut(w *wire.Wire, times int) fault {
	return onWire("the network is cut", w, times, time.Second, wire.State{Cut: true})
}
