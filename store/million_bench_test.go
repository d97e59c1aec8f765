package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// BenchmarkMillion: the sizes of 50 groups, one of them with a million people, as a page asks for them, beside a count of the one group;
// pages of people who have been away for long; and the preview of a mapping of 900 groups, a hundred of which are deleted, until all people were looked at.
func BenchmarkMillion(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		saved := db.fillMany(b, 1_000_000, 900)
		var ids []int64
		for i := range int64(50) {
			ids = append(ids, i+1)
		}
		b.Run("sizes of 50 groups", func(b *testing.B) {
			for b.Loop() {
				if sizes, err := db.MemberCounts(b.Context(), ids); err != nil || sizes[sso.AllUsers] != 1_000_000 {
					b.Fatal(sizes, err)
				}
			}
		})
		b.Run("counting one group", func(b *testing.B) {
			for b.Loop() {
				if n := db.count(b, "memberships WHERE group_id = 903"); n != 1_000_000 {
					b.Fatal(n)
				}
			}
		})
		for name, q := range map[string]sso.AccountQuery{
			"away for long, few":            {Before: time.UnixMicro(0).AddDate(0, 0, 3)},
			"away for long, most":           {Before: time.UnixMicro(0).AddDate(2, 9, 0)},
			"away for long, of a provider":  {Before: time.UnixMicro(0).AddDate(2, 0, 0), Provider: "jwt"},
			"away for long, of a group":     {Before: time.UnixMicro(0).AddDate(1, 0, 0), GroupID: 50},
			"away for long, of all in one":  {Before: time.UnixMicro(0).AddDate(0, 1, 0), GroupID: 903},
			"away for long, nobody of them": {Before: time.UnixMicro(0).AddDate(1, 0, 0), Active: ptr(false)},
		} {
			b.Run(name, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					if _, _, err := db.Accounts(b.Context(), q); err != nil {
						b.Fatal(err)
					}
					if q == (sso.AccountQuery{Before: q.Before}) {
						if _, err := db.CountAccounts(b.Context(), q, 10_001); err != nil {
							b.Fatal(err)
						}
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
		m, edit := deletesGroups(db, saved, 100)
		b.Run("preview", func(b *testing.B) {
			most := mostMemory(b)
			for b.Loop() {
				preview(b, m, edit)
			}
			b.ReportMetric(float64(most())/(1<<20), "MB")
		})
	})
}

// preview is the plan of an edit when all people were looked at.
func preview(t testing.TB, m admin.Mapping, edit admin.MappingEdit) admin.Plan {
	t.Helper()
	previews := admin.NewPreviews()
	for {
		plan, err := previews.Plan(t.Context(), m, 1, edit)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Pending == nil {
			return plan
		}
	}
}

// deletesGroups is an edit of a mapping that deletes the first of its groups.
func deletesGroups(db *testDB, saved sso.Mappings, deleted int) (admin.Mapping, admin.MappingEdit) {
	edit := admin.MappingEdit{GroupMapping: admin.GroupMapping{Mode: admin.ModeManual, Mappings: sso.Mappings{}}, Unmapped: map[string]admin.Fate{}}
	for i := range len(saved) {
		if key := fmt.Sprint("ext ", i); i < deleted {
			edit.Unmapped[key] = admin.FateDelete
		} else {
			edit.Mappings[key] = saved[key]
		}
	}
	return admin.Mapping{Store: db, Provider: "jwt", Saved: func(context.Context) (admin.GroupMapping, int64, error) {
		return admin.GroupMapping{Mode: admin.ModeManual, Mappings: saved}, 1, nil
	}}, edit
}

// fillMany makes groups with a mapping each, people who are in three of them, and one group with all people.
func (db *testDB) fillMany(t testing.TB, people, groups int) sso.Mappings {
	t.Helper()
	raw := db.raw(t)
	const places = "3 + %s, 'sync', 1 FROM accounts WHERE id > 0 ON CONFLICT (account_id, group_id) DO NOTHING"
	const member = "INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, "
	numbered := strings.NewReplacer("PEOPLE", strconv.Itoa(people), "GROUPS", strconv.Itoa(groups))
	for _, query := range []string{
		"INSERT INTO groups (id, name) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < GROUPS) SELECT i + 3, 'Group ' || i FROM n",
		`INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login, idp_groups)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < PEOPLE)
			SELECT 'p' || i || '@corp.example', 'p' || i || '@corp.example', '', '', '', '', true, '', 'jwt', '{}', '{}', 1, i * CAST(94608000 AS BIGINT),
			'["ext ' || (i % GROUPS) || '","ext ' || (i / GROUPS % GROUPS) || '","ext ' || ((i * 7 + i / 77) % GROUPS) || '"]' FROM n`,
		member + fmt.Sprintf(places, "GROUPS"),
		member + fmt.Sprintf(places, "id % GROUPS"),
		member + fmt.Sprintf(places, "id / GROUPS % GROUPS"),
		member + fmt.Sprintf(places, "(id * 7 + id / 77) % GROUPS"),
	} {
		if _, err := raw.ExecContext(t.Context(), numbered.Replace(query)); err != nil {
			t.Fatalf("%.60s: %v", query, err)
		}
	}
	if db.url[0] == 'p' {
		if _, err := raw.ExecContext(t.Context(), "VACUUM ANALYZE"); err != nil {
			t.Fatal(err)
		}
	}
	all := sso.Mappings{}
	for i := range groups {
		all[fmt.Sprint("ext ", i)] = []sso.GroupRef{{ID: int64(3 + i)}}
	}
	return all
}
