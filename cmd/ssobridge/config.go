package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/prompt"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/sealed"
)

// faulty is the error of settings that have faults: one line for each, whatever else a command prints.
func (p *program) faulty(faults []setting.Fault) error {
	for _, f := range faults {
		fmt.Fprintln(p.stderr, oneLine(f.String()))
	}
	return withHint("ssobridge check shows all settings and where they come from", errors.New(plural(len(faults), "fault")+" in the settings"))
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// inputs gathers what settings are made of.
func (f *flags) inputs() (setting.Inputs, error) {
	in := setting.Inputs{Flags: f.settings, Environ: f.p.environ, FileName: f.config}
	for _, kv := range f.p.environ {
		if name, ok := strings.CutPrefix(kv, setting.ConfigEnv+"="); ok && f.config == "" {
			in.FileName = name
		}
	}
	if in.FileName == "" {
		return in, nil
	}
	if err := setting.CheckQuotes(in.FileName); err != nil {
		return in, fmt.Errorf("the name of the configuration file %w", err)
	}
	data, err := inputfile.Read(in.FileName)
	if err != nil {
		return in, withHint("name another file with --config, or leave it out", err)
	}
	in.File, err = parseConfig(data)
	if err != nil {
		return in, withHint("the file holds one YAML mapping of setting names to values, such as listen: 127.0.0.1:3000",
			fmt.Errorf("%s: %w", in.FileName, err))
	}
	return in, nil
}

// parseConfig reads one YAML mapping. A file that is empty, or has comments only, is an empty one.
func parseConfig(data []byte) (map[string]any, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, yamlError(err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one YAML document")
	}
	return doc, nil
}

// yamlError drops what the library quotes of the file, which may be a secret, and keeps the line.
func yamlError(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n  ")
	if i := strings.Index(text, "cannot unmarshal"); i >= 0 {
		text = text[:i] + "not a mapping of names to values"
	}
	return errors.New(text)
}

// An opened is a configuration with its database. Close the store when done.
type opened struct {
	cfg   *setting.Config
	store *store.Store
	key   []byte // SECRET_KEY, or what was generated instead
	log   *slog.Logger
}

// resolve reads the settings outside the database: once, since a secret's file may be a pipe.
func (f *flags) resolve() (*setting.Config, []setting.Fault, error) {
	in, err := f.inputs()
	if err != nil {
		return nil, nil, err
	}
	cfg, faults := setting.Resolve(in)
	return cfg, faults, nil
}

// open resolves the settings and opens the database that they name. A database that is new gets its tables and its secret
// key; an older one is brought up to date only by serve and migrate, since other bridges may be using it. What is wrong with
// settings that only serving needs is no fault for others.
func (f *flags) open(ctx context.Context, serving bool) (*opened, error) {
	cfg, faults, err := f.resolve()
	if err != nil {
		return nil, err
	}
	return f.openWith(ctx, cfg, faults, serving)
}

func (f *flags) openWith(ctx context.Context, cfg *setting.Config, faults []setting.Fault, serving bool) (_ *opened, err error) {
	fresh := isFresh(cfg)
	if fresh || concerns(faults, "DATABASE_URL", "SECRET_KEY") {
		if serving {
			faults = append(faults, judge(ctx, cfg, faults)...)
		}
		if len(faults) > 0 {
			return nil, f.p.faulty(faults)
		}
	}
	o := &opened{cfg: cfg, log: f.p.logger(cfg)}
	if o.store, o.key, err = f.openStore(ctx, cfg, fresh); err != nil {
		return nil, err
	}
	if err := o.prepare(ctx, f.p, faults, fresh, serving); err != nil {
		o.store.Close()
		return nil, err
	}
	return o, nil
}

// prepare migrates and takes in the saved settings. Nothing is migrated while the settings have faults.
func (o *opened) prepare(ctx context.Context, p *program, faults []setting.Fault, fresh, serving bool) error {
	saved, early := setting.ReadSaved(ctx, o.store)
	if early == nil {
		o.cfg, faults = o.cfg.WithSaved(saved)
	}
	if serving && (early == nil || !fresh) { // else they were judged before, and nothing was saved
		faults = append(faults, judge(ctx, o.cfg, faults)...)
	}
	if len(faults) > 0 {
		return p.faulty(faults)
	}
	if fresh || serving {
		if _, err := o.store.Migrate(ctx); err != nil {
			return databaseError(err)
		}
	} else if err := o.store.Readable(ctx); err != nil {
		return hint.Tables(err)
	}
	if early == nil {
		return nil
	}
	saved, err := setting.ReadSaved(ctx, o.store)
	if err != nil {
		return databaseError(err)
	}
	if o.cfg, faults = o.cfg.WithSaved(saved); len(faults) > 0 {
		return p.faulty(faults)
	}
	return nil
}

// openExisting is open for commands that would find nothing in a new database.
func (f *flags) openExisting(ctx context.Context) (*opened, error) {
	cfg, faults, err := f.resolve()
	if err != nil {
		return nil, err
	}
	if isFresh(cfg) && len(faults) == 0 {
		path, _ := cfg.SQLitePath()
		return nil, withHint("run it where the bridge runs, or set DATABASE_URL", fmt.Errorf("there is no database %s", path))
	}
	return f.openWith(ctx, cfg, faults, false)
}

// look resolves the settings and changes nothing: no file is made, nothing is migrated. Saved settings are taken in when
// there is a database to read them from; that they cannot be read is a fault. For who asks whether serve would start, tables that it
// would bring up to date are none.
func (f *flags) look(ctx context.Context, serve bool) (*setting.Config, []setting.Fault, error) {
	cfg, faults, err := f.resolve()
	if err != nil || isFresh(cfg) || concerns(faults, "DATABASE_URL", "SECRET_KEY") {
		return cfg, faults, err
	}
	saved, err := f.readSaved(ctx, cfg)
	later := serve && hint.Outdated(err)
	if err != nil && !later {
		return cfg, append(faults, unreadable(cfg, err)), nil
	}
	cfg, faults = cfg.WithSaved(saved)
	if later {
		cfg.Warnings = append(cfg.Warnings, sso.Reason(err)+"; serve brings the tables up to date when it starts")
	}
	return cfg, faults, nil
}

// unreadable is the fault of settings in the database that cannot be read.
func unreadable(cfg *setting.Config, err error) setting.Fault {
	f := setting.Fault{Name: "DATABASE_URL", Problem: "saved settings cannot be read: " + err.Error()}
	if lost, ok := errors.AsType[*sealed.Lost](err); ok {
		f.Name, f.Problem, f.Hint = "SECRET_KEY", strings.TrimPrefix(lost.Error(), "SECRET_KEY "), "set it as it was; "+hint.LostKey
	}
	if said, ok := errors.AsType[*hint.Error](err); ok {
		f.Hint = said.Hint
	}
	f.Source = cfg.Source(f.Name).String()
	return f
}

func (f *flags) readSaved(ctx context.Context, cfg *setting.Config) (saved setting.Saved, err error) {
	err = f.reading(ctx, cfg, func(st *store.Store) error {
		saved, err = setting.ReadSaved(ctx, st)
		return err
	})
	return saved, err
}

// reading calls read with a database that is there, and changes nothing. Where the tables are outdated, it says so whatever read
// has found.
func (f *flags) reading(ctx context.Context, cfg *setting.Config, read func(*store.Store) error) error {
	st, _, err := f.openStore(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer st.Close()
	ready := st.Readable(ctx)
	if ready != nil && !hint.Outdated(ready) {
		return ready
	}
	return cmp.Or(ready, read(st))
}

// sound is look for commands that cannot go on with a fault.
func (f *flags) sound(ctx context.Context) (*setting.Config, error) {
	cfg, faults, err := f.look(ctx, false)
	if err == nil && len(faults) > 0 {
		err = f.p.faulty(faults)
	}
	return cfg, err
}

// isFresh reports whether the database does not exist yet, as far as that can be told from outside. An empty file is none: a start
// that found no room may have left it.
func isFresh(cfg *setting.Config) bool {
	path, sqlite := cfg.SQLitePath()
	if !sqlite {
		return false
	}
	return isEmpty(path) && isEmpty(path+"-wal")
}

func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

func concerns(faults []setting.Fault, names ...string) bool {
	return slices.ContainsFunc(faults, func(f setting.Fault) bool { return slices.Contains(names, f.Name) })
}

// joinError tells a SECRET_KEY that is another from settings that are wrong.
func joinError(err error) error {
	if errors.Is(err, seal.ErrOtherKey) {
		return databaseError(err)
	}
	return withHint("ssobridge check shows all settings and where they come from", plain(err))
}

// logger writes what happens, one line an event, to stderr.
func (p *program) logger(cfg *setting.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == setting.LogText || cfg.LogFormat == setting.LogAuto && prompt.IsTerminal(p.stderr) {
		return slog.New(slog.NewTextHandler(p.stderr, o))
	}
	return slog.New(slog.NewJSONHandler(p.stderr, o))
}
