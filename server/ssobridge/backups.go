package ssobridge

import (
	"cmp"
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/backup"
)

// backups writes the copies of the database that BACKUP_EVERY asks for.
type backups struct {
	service *Service
	store   *store.Store
	began   time.Time
	last    atomic.Int64 // when the newest was begun, in Unix seconds; 0: there is none
}

// seriesOf is what the settings say; the zero Series where they ask for none.
func seriesOf(cfg *setting.Config) backup.Series {
	file, sqlite := cfg.SQLitePath()
	if !sqlite {
		return backup.Series{}
	}
	return backup.Series{Dir: cmp.Or(cfg.BackupDir, filepath.Join(filepath.Dir(file), "backups")), Every: cfg.BackupEvery, Keep: cfg.BackupKeep}
}

func (b *backups) series() backup.Series { return seriesOf(b.service.Runtime.Live().Config) }

// follow looks each minute whether a backup is due, until ctx ends. One that fails is tried again after a minute, and is in the log each
// time.
func (b *backups) follow(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		b.tend(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *backups) tend(ctx context.Context) {
	s, now := b.series(), b.service.now()
	file, err := s.Tend(ctx, now, b.store.Backup)
	switch {
	case err != nil && ctx.Err() == nil:
		b.service.log.ErrorContext(ctx, "no backup could be written; the ones before stay", "folder", s.Dir, "error", err)
	case err == nil && file != "":
		b.service.log.InfoContext(ctx, "a backup was written", "file", file)
	}
	if s.Every == 0 {
		return
	}
	if last, err := s.Last(now); err == nil && !last.IsZero() {
		b.last.Store(last.Unix())
	}
}

func (b *backups) readings() []metrics.Reading {
	on := func(value func() float64) func(func(float64, string)) {
		return func(put func(float64, string)) {
			if b.series().Every > 0 {
				put(value(), "")
			}
		}
	}
	return []metrics.Reading{{
		Name: "ssobridge_backup_timestamp_seconds", Help: "When the newest backup of BACKUP_EVERY was made; 0: there is none.",
		Read: on(func() float64 { return float64(b.last.Load()) }),
	}, {
		Name: "ssobridge_backup_overdue_seconds", Help: "For how long a backup of BACKUP_EVERY should have been there that is not.",
		Read: on(b.overdue),
	}}
}

func (b *backups) overdue() float64 {
	due := b.began
	if last := b.last.Load(); last > 0 {
		due = time.Unix(last, 0).Add(b.series().Every)
	}
	return max(0, b.service.now().Sub(due).Seconds())
}
