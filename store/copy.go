package store

import (
	"context"

	"github.com/ssobridge/ssobridge/store/transfer"
)

// Copy copies all that a store keeps into another one, whose database is empty: everything, as it is at one moment, or nothing.
// What is sealed stays sealed, so both have the same SECRET_KEY. It returns how many rows of each table that were; errors wrap
// those of package transfer. changed: others have written to the source meanwhile, and that is not in the copy.
func Copy(ctx context.Context, from, to *Store, progress func(table string, done, total int64)) (counts []transfer.Count, changed bool, err error) {
	steps, err := migrations()
	if err != nil {
		return nil, false, err
	}
	if err := from.Migrated(ctx); err != nil {
		return nil, false, err
	}
	if err := from.CheckSecretKey(ctx); err != nil {
		return nil, false, err
	}
	if err := transfer.CheckTarget(ctx, to.db, steps); err != nil {
		return nil, false, err
	}
	if _, err := to.db.Migrate(ctx, steps, to.now()); err != nil {
		return nil, false, err
	}
	before, err := from.lastEvent(ctx)
	if err != nil {
		return nil, false, err
	}
	if counts, err = (transfer.Copy{From: from.db, To: to.db, Progress: progress}).Run(ctx); err != nil {
		return nil, false, err
	}
	after, err := from.lastEvent(ctx)
	if err != nil {
		return nil, false, err
	}
	return counts, before != after, to.Ready(ctx)
}

// lastEvent changes with whatever is worth an event.
func (s *Store) lastEvent(ctx context.Context) (id int64, err error) {
	_, err = s.reading().One(ctx, []any{&id}, "SELECT coalesce(max(id), 0) FROM events")
	return id, err
}
