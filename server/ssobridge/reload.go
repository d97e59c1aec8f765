package ssobridge

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// ReloadAt calls [Service.Reload] at each signal, until ctx ends.
func (s *Service) ReloadAt(ctx context.Context, signals <-chan os.Signal, read func() (setting.Inputs, error)) {
	for {
		select {
		case <-signals:
			s.Reload(ctx, read)
		case <-ctx.Done():
			return
		}
	}
}

// Reload puts in force what flags, environment, file and the files of secrets say now, for requests that begin from now on, and
// reads the keys of the bridge anew. What cannot be used leaves everything as it was. It says in one line of the log how it went, and
// in another what only a restart changes.
func (s *Service) Reload(ctx context.Context, read func() (setting.Inputs, error)) {
	pending, err := s.reload(ctx, read)
	if err != nil {
		problem := strings.Join(strings.Fields(sso.CleanText(err.Error())), " ")
		s.log.ErrorContext(ctx, "the settings were read anew and cannot be used; those of before stay in force", "error", problem)
		return
	}
	s.log.InfoContext(ctx, "the settings were read anew and are in force")
	if len(pending) > 0 {
		s.log.WarnContext(ctx, "some settings have changed and need a restart", "settings", strings.Join(pending, ", "))
	}
}

func (s *Service) reload(ctx context.Context, read func() (setting.Inputs, error)) (pending []string, err error) {
	in, err := read()
	if err != nil {
		return nil, err
	}
	cfg, pending, faults := s.Runtime.Live().Config.Reload(in)
	if len(faults) > 0 {
		return nil, faultsOf(faults)
	}
	if err := s.Runtime.reconfigure(ctx, cfg); err != nil {
		return nil, err
	}
	s.warn(ctx, s.Runtime.Live().Config.Warnings)
	return pending, errors.Join(s.signer.Reload(ctx), s.keys.Reload(ctx))
}

func (s *Service) warn(ctx context.Context, warnings []string) {
	for _, w := range warnings {
		s.log.LogAttrs(ctx, slog.LevelWarn, w)
	}
}

// faultsOf is the error of settings that have faults.
func faultsOf(faults []setting.Fault) error {
	var all []string
	for _, f := range faults {
		all = append(all, f.String())
	}
	return errors.New(strings.Join(all, "; "))
}
