package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/wire"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
)

// check changes nothing, and never shows a secret.
func check(ctx context.Context, p *program, c *command, args []string) error {
	f := p.newSettingFlags(c)
	asJSON := f.Bool("json", false, "print JSON")
	if _, err := f.parse(args, 0, 0); err != nil {
		return err
	}
	cfg, faults, err := f.look(ctx)
	if err != nil {
		return err
	}
	if len(faults) == 0 {
		faults = append(faults, judgeProvider(ctx, p, cfg)...)
	}
	if len(faults) == 0 && !isFresh(cfg) {
		if err := f.reading(ctx, cfg, func(st *store.Store) error {
			missing, err := wire.MissingGroups(ctx, cfg, st)
			cfg.Warnings = append(cfg.Warnings, missing...)
			return err
		}); err != nil {
			return databaseError(err)
		}
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

// judgeProvider finds what only making the bridge finds: a secret that can be guessed, a mode that is not offered.
func judgeProvider(ctx context.Context, p *program, cfg *setting.Config) []setting.Fault {
	_, warnings, err := wire.Bridge(ctx, cfg, noStore{}, p.now, p.logger(cfg))
	if err != nil {
		return []setting.Fault{{Name: "sign-in", Problem: oneLine(plain(err).Error())}}
	}
	cfg.Warnings = append(cfg.Warnings, warnings...)
	return nil
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
