package store_test

import (
	"context"
	"fmt"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// BenchmarkPreview: what edits of a mapping of 900 groups would do to 100,000 people of whom no two have the same groups. Beside
// the usual ns/op it reports the most memory that was in use.
func BenchmarkPreview(b *testing.B) {
	const rows = 900
	benches(b, func(b *testing.B, db *testDB) {
		saved := db.fillCompany(b, 100_000, rows)
		for _, bb := range []struct {
			name    string
			removed int
			fate    admin.Fate
		}{{"one row", 1, admin.FateKeep}, {"a hundred groups deleted", 100, admin.FateDelete}, {"nearly all emptied", rows - 1, admin.FateRemove}} {
			edit := admin.MappingEdit{GroupMapping: admin.GroupMapping{Mode: admin.ModeManual, Mappings: sso.Mappings{}}, Unmapped: map[string]admin.Fate{}}
			for i := range rows {
				key := fmt.Sprint("ext ", i)
				if i < bb.removed {
					edit.Unmapped[key] = bb.fate
				} else {
					edit.Mappings[key] = saved[key]
				}
			}
			m := admin.Mapping{Store: db, Provider: "jwt", Saved: func(context.Context) (admin.GroupMapping, int64, error) {
				return admin.GroupMapping{Mode: admin.ModeManual, Mappings: saved}, 1, nil
			}}
			b.Run(bb.name, func(b *testing.B) {
				most := mostMemory(b)
				for b.Loop() {
					if plan := preview(b, m, edit); plan.People != 100_000 {
						b.Fatal(plan.People, plan.Next.People)
					}
				}
				b.ReportMetric(float64(most())/(1<<20), "MB")
			})
		}
	})
}

// mostMemory watches the heap until the function that it returns is called.
func mostMemory(b *testing.B) func() uint64 {
	b.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-most
	}
}

// fillCompany makes groups, each with a mapping, and people who are in five of them. Of some the provider has named another one
// than they are in.
func (db *testDB) fillCompany(b *testing.B, people, groups int) sso.Mappings {
	b.Helper()
	raw := db.raw(b)
	tx, err := raw.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	run := func(query string, args ...any) {
		if _, err := tx.ExecContext(b.Context(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	all := sso.Mappings{}
	for i := range groups {
		run("INSERT INTO groups (id, name) VALUES ($1, $2)", 3+i, fmt.Sprint("Group ", i))
		all[fmt.Sprint("ext ", i)] = []sso.GroupRef{{ID: int64(3 + i)}}
	}
	for i := range people {
		var sent []string
		var in []string
		for k := range 5 {
			g := (i*(k+1) + i/groups*k*k) % groups
			in = append(in, fmt.Sprintf("(%d, %d, 'sync', 1)", i+1, 3+g))
			if k == 0 && i%7 == 0 {
				g = (g + 1) % groups
			}
			sent = append(sent, strconv.Quote(fmt.Sprint("ext ", g)))
		}
		run(`INSERT INTO accounts (id, email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login, idp_groups)
			VALUES ($1, $2, $2, 'First', 'Last', '', '', true, '', 'jwt', '{}', '{}', 1, 1, $3)`, i+1, fmt.Sprintf("p%d@corp.example", i), "["+strings.Join(sent, ",")+"]")
		run("INSERT INTO memberships (account_id, group_id, source, added_at) VALUES " + strings.Join(in, ", ") + " ON CONFLICT DO NOTHING")
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	if db.url[0] == 'p' {
		if _, err := raw.ExecContext(b.Context(), "VACUUM ANALYZE"); err != nil {
			b.Fatal(err)
		}
	}
	return all
}
