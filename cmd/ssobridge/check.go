package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
)

// check changes nothing, and never shows a secret.
func check(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON")
	return func(ctx context.Context, args []string) error {
		cfg, faults, err := f.look(ctx, true)
		if err != nil {
			return err
		}
		faults = append(faults, judge(ctx, cfg, faults)...)
		if len(faults) == 0 {
			_, warnings, err := bridge(ctx, cfg)
			if err != nil {
				return err
			}
			kept, err := f.databaseWarnings(ctx, cfg)
			if err != nil {
				return databaseError(err)
			}
			cfg.Warnings = slices.Concat(cfg.Warnings, warnings, kept)
		}
		if *asJSON {
			err = p.printJSON(checkReport(cfg, faults))
		} else {
			err = p.printCheck(cfg, faults)
		}
		if err == nil && len(faults) > 0 {
			err = exitStatus(1)
		}
		return err
	}
}

// databaseWarnings are about how the settings and what the database holds fit together.
func (f *flags) databaseWarnings(ctx context.Context, cfg *setting.Config) (warnings []string, err error) {
	if isFresh(cfg) {
		return freshWarnings(cfg), nil
	}
	err = f.reading(ctx, cfg, func(st *store.Store) error {
		groups, err := st.Groups(ctx)
		if err != nil {
			return err
		}
		doubtful, err := st.DoubtfulEmails(ctx)
		warnings = ssobridge.MissingGroups(cfg, groups)
		near, other := ssobridge.GroupsToMake(cfg, groups)
		if warnings = append(warnings, near...); other != "" {
			warnings = append(warnings, other)
		}
		warnings = append(warnings, ssobridge.DoubtfulEmails(doubtful)...)
		return err
	})
	if hint.Outdated(err) { // that was said already
		err = nil
	}
	return warnings, err
}

// freshWarnings are those for a database that is not there yet. It will have the groups of JWT_GROUP_MAPPINGS, and nobody
// has had the time to make those for ACCESS_RULES. Every group is new then, so only a name that looks misspelt is worth a
// warning.
func freshWarnings(cfg *setting.Config) []string {
	groups := []sso.Group{{ID: sso.AllUsers, Name: sso.AllUsersName}, {ID: sso.Administrators, Name: sso.AdministratorsName}}
	near, _ := ssobridge.GroupsToMake(cfg, groups)
	for _, p := range cfg.Providers {
		for _, name := range p.GroupMappings.Names() {
			groups = append(groups, sso.Group{ID: sso.FirstGroup + int64(len(groups)) - 2, Name: name})
		}
	}
	for _, name := range cfg.AccessRules.GroupNames() {
		groups = append(groups, sso.Group{Name: name})
	}
	return append(ssobridge.MissingGroups(cfg, groups), near...)
}

// judge finds what only using the settings finds: a secret or a password that can be guessed. Of a setting with a fault it
// says nothing more.
func judge(ctx context.Context, cfg *setting.Config, faults []setting.Fault) (more []setting.Fault) {
	var names []string
	for _, p := range cfg.Providers {
		names = append(names, p.Setting("ENABLED"), p.Setting("SHARED_SECRET"), p.Setting("PROFILE"), p.Setting("IDENTITY_PROVIDER_URI"))
	}
	add := func(err error) {
		if f, ok := ssobridge.FaultOf(cfg, err); ok {
			more = append(more, f)
		}
	}
	var b *sso.Bridge
	var err error
	if !concerns(faults, names...) {
		if b, _, err = bridge(ctx, cfg); err != nil {
			add(err)
		}
	}
	if !concerns(faults, "SERVICE_KEY_FILE", "SERVICE_PUBLIC_KEY_FILE", "SERVICE_KEY_ALG", "SERVICE_KEY_ID") {
		keys, err := ssobridge.NewServiceKeys(ssobridge.KeyFileOf(cfg), nil, time.Now, slog.New(slog.DiscardHandler))
		if err == nil && b != nil {
			err = ssobridge.OwnApart(cfg, b, keys)
		}
		if err != nil {
			add(err)
		}
	}
	if cfg.AdminEmail != "" && !concerns(faults, "ADMIN_EMAIL", "ADMIN_PASSWORD") {
		if err := password.Check(cfg.AdminPassword, cfg.AdminEmail); err != nil {
			more = append(more, setting.Fault{Name: "ADMIN_PASSWORD", Source: cfg.Source("ADMIN_PASSWORD").String(), Problem: "is refused: " + sso.Reason(err)})
		}
	}
	return more
}

// bridge makes the bridge of these settings, which nobody asks anything.
func bridge(ctx context.Context, cfg *setting.Config) (b *sso.Bridge, warnings []string, err error) {
	return ssobridge.Bridge(ctx, cfg, noStore{}, time.Now, slog.New(slog.DiscardHandler))
}

type checkSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

type checkFault struct {
	Name    string `json:"name"`
	Source  string `json:"source,omitempty"`
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"`
}

func checkReport(cfg *setting.Config, faults []setting.Fault) any {
	report := struct {
		OK       bool           `json:"ok"`
		Faults   []checkFault   `json:"faults"`
		Warnings []string       `json:"warnings"`
		Settings []checkSetting `json:"settings"`
	}{OK: len(faults) == 0, Faults: []checkFault{}, Warnings: append([]string{}, cfg.Warnings...)}
	for _, f := range faults {
		report.Faults = append(report.Faults, checkFault(f))
	}
	for _, e := range cfg.Effective() {
		report.Settings = append(report.Settings, checkSetting{e.Setting.Name, e.Value, e.Source.String()})
	}
	return report
}

// printCheck ends with what matters most, where a terminal shows it. Of a configuration with faults it shows
// what was set and no defaults: 40 lines of them would stand above the fault that somebody looks for.
func (p *program) printCheck(cfg *setting.Config, faults []setting.Fault) error {
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	section := ""
	for _, e := range cfg.Effective() {
		if len(faults) > 0 && e.Source.Kind == setting.FromDefault {
			continue
		}
		if e.Setting.Section != section {
			section = e.Setting.Section
			fmt.Fprintf(t, "# %s\t\t\n", section) // with all cells, so that the columns go on
		}
		value := e.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Setting.Name, oneLine(value), e.Source)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(p.stdout, "warning:", oneLine(w))
	}
	for _, f := range faults {
		fmt.Fprintln(p.stdout, "fault:", oneLine(f.String()))
	}
	if len(faults) > 0 {
		fmt.Fprintln(p.stdout, plural(len(faults), "fault")+"; the bridge would not start")
		return nil
	}
	fmt.Fprintln(p.stdout, "the settings are good")
	return nil
}
