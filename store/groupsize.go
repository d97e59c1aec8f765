package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// How many people are in each group stands in the table group_sizes, which triggers keep (migration 0018).

const sizesOf = "SELECT group_id, CAST(sum(members) AS BIGINT) FROM group_sizes"

// GroupSizes returns the number of members of each group that has any, by its id.
func (s *Store) GroupSizes(ctx context.Context) (map[int64]int, error) {
	return s.sizes(ctx, sizesOf+" GROUP BY group_id")
}

// MemberCounts returns the number of members of these groups that have any, by id. It costs the same however large they are.
func (s *Store) MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error) {
	if len(ids) == 0 {
		return map[int64]int{}, nil
	}
	return s.sizes(ctx, sizesOf+" WHERE group_id IN "+sqldb.List(len(ids), 0)+" GROUP BY group_id", sqldb.Padded(ids)...)
}

func (s *Store) sizes(ctx context.Context, query string, args ...any) (map[int64]int, error) {
	sizes := map[int64]int{}
	err := s.reading().Each(ctx, func(rows *sql.Rows) error {
		var id int64
		var n int
		err := rows.Scan(&id, &n)
		if n != 0 {
			sizes[id] = n
		}
		return err
	}, query, args...)
	return sizes, err
}

// partsBatch is how many parts one transaction adds up.
const partsBatch = 500

// addSizes adds up what each transaction of PostgreSQL counted in a part of its own. A reader sees the parts or their sum. With
// SQLite there are none.
func (s *Store) addSizes(ctx context.Context) error {
	for parts := partsBatch; parts == partsBatch; {
		_, err := s.reading().One(ctx, []any{&parts}, "SELECT count(*) FROM (SELECT 1 FROM group_sizes WHERE part <> 0 LIMIT "+
			strconv.Itoa(partsBatch)+") AS found")
		if err == nil && parts > 0 {
			err = s.writingLong(ctx, func(c *conn) error { return addSomeSizes(ctx, c) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func addSomeSizes(ctx context.Context, c *conn) error {
	if _, err := c.Exec(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'group_sizes'"); err != nil { // one replica at a time
		return err
	}
	sums := map[int64]int64{}
	err := c.Each(ctx, func(rows *sql.Rows) error {
		var id, n int64
		err := rows.Scan(&id, &n)
		sums[id] += n
		return err
	}, `DELETE FROM group_sizes WHERE (group_id, part) IN (SELECT group_id, part FROM group_sizes WHERE part <> 0 LIMIT `+
		strconv.Itoa(partsBatch)+`) RETURNING group_id, members`)
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		if err == nil {
			_, err = c.Exec(ctx, `INSERT INTO group_sizes (group_id, part, members) VALUES ($1, 0, $2)
				ON CONFLICT (group_id, part) DO UPDATE SET members = group_sizes.members + excluded.members`, id, sums[id])
		}
	}
	return err
}
