package setting

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/ssobridge/ssobridge/sso/brand"
	"github.com/ssobridge/ssobridge/sso/inputfile"
	"github.com/ssobridge/ssobridge/sso/nearest"
)

const (
	envPrefix   = "SSOBRIDGE_"
	aliasPrefix = "MB_"
	testPrefix  = envPrefix + "TEST_" // the variables of the bridge's own tests
	fileSuffix  = "_FILE"
)

// ConfigEnv names the configuration file when the flag --config does not. It is no setting.
const ConfigEnv = envPrefix + "CONFIG"

// Inputs are everything outside the database that settings can come from. The zero Inputs lead to the defaults.
type Inputs struct {
	Flags    map[string]string // by flag name without dashes; of secrets also NAME-file
	Environ  []string          // as os.Environ returns it. A variable with an empty value counts as not set
	File     map[string]any    // the configuration file as YAML or JSON gives it
	FileName string            // for messages

	// ReadFile reads the files of secrets; nil: from the disk.
	ReadFile func(name string) ([]byte, error)
}

// A Fault is one thing that must change before the bridge can start.
type Fault struct {
	Name    string // of the setting, or the unknown name as it was given
	Source  string // where the value stands; "" when it is the lack of one
	Problem string // never contains the value of a secret
	Hint    string // what to do; "" when the problem says it
}

// String is the fault on one line.
func (f Fault) String() string {
	text := f.Name + " " + f.Problem
	if f.Source != "" && f.Source != f.Name {
		text = f.Source + ": " + text
	}
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	return text
}

// Resolve finds the value in force of every setting: flag, environment, file, default. It always returns a Config, and every
// fault at once, in the order of the table. With faults the Config is for showing only. It reads each source once, which a
// pipe in place of a secret's file allows; [Config.WithSaved] then adds what an administrator saved.
func Resolve(in Inputs) (*Config, []Fault) {
	if in.ReadFile == nil {
		in.ReadFile = inputfile.Read
	}
	r := &resolver{in: in, env: environ(in.Environ), given: given{values: map[string]value{}, faults: map[string][]Fault{}}}
	r.declare()
	for _, s := range r.given.table.rows {
		if v, ok := r.find(s); ok {
			r.given.values[s.Name] = v
		}
	}
	r.readLogo()
	r.unknown()
	return r.given.with(Saved{}, 0)
}

// A given is what was found outside the database.
type given struct {
	values   map[string]value
	faults   map[string][]Fault // by the name of the setting
	table    *table             // with the providers that are declared outside
	declared []string
	logo     *brand.Logo
	unknown  []Fault // names that are no settings
	warnings []string
}

// with makes the Config of what is given and, below it, of what is saved.
func (g *given) with(saved Saved, port uint16) (*Config, []Fault) {
	c := &Config{given: g, port: port, values: map[string]value{}, Warnings: slices.Clone(g.warnings), SiteLogo: g.logo}
	c.addProviders(g, saved)
	var faults []Fault
	for _, s := range c.rows().rows {
		_ = s.set(s, c, s.Default) // a test holds that every default parses
		faults = append(faults, g.faults[s.Name]...)
		v, ok := g.values[s.Name]
		if text, is := saved.Values[s.Name]; is && !s.Changeable {
			faults = append(faults, Fault{s.Name, "saved", "cannot be saved in the database", "set " + s.Env() + " instead"})
		} else if is && !ok {
			v, ok = value{text, Source{FromSaved, ""}}, true
		}
		if !ok {
			continue
		}
		// A broken value counts as given, so that its source is shown, and leaves the default in force.
		c.values[s.Name] = v
		if err := s.parse(c, v.text); err != nil {
			faults = append(faults, Fault{Name: s.Name, Source: v.source.String(), Problem: err.Error()}) // each parser says what it wants
		}
	}
	faults = append(faults, g.unknown...)
	for _, name := range sorted(saved.Values) {
		if c.Find(name) == nil {
			faults = append(faults, Fault{Name: name, Source: "saved", Problem: "is not a setting of this version"})
		}
	}
	broken := map[string]bool{}
	for _, f := range faults {
		broken[f.Name] = true
	}
	return c, append(faults, c.derive(broken)...)
}

type resolver struct {
	in     Inputs
	env    map[string]string
	object document // the JSON object in SSOBRIDGE_PROVIDERS
	file   document
	given  given
}

// fault notes what is wrong with how a setting is given.
func (r *resolver) fault(s *Setting, source, problem, hint string) {
	r.given.faults[s.Name] = append(r.given.faults[s.Name], Fault{s.Name, source, problem, hint})
}

// find looks at every source, also below the one that wins, so that all faults are seen at once.
func (r *resolver) find(s *Setting) (value, bool) {
	found := []value{}
	for _, look := range []func(*Setting) (value, bool){
		r.fromFlag, r.fromEnviron,
		func(s *Setting) (value, bool) { return r.from(r.object, s) },
		func(s *Setting) (value, bool) { return r.from(r.file, s) },
	} {
		if v, ok := look(s); ok {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		return value{}, false
	}
	r.twice(s, found)
	return found[0], true
}

// readLogo reads the file of SITE_LOGO, once: a file that goes away later keeps no setting from being saved.
func (r *resolver) readLogo() {
	const name = "SITE_LOGO"
	v, ok := r.given.values[name]
	if !ok || v.text == "" || checkFileName(v.text) != nil { // its parser says that
		return
	}
	content, err := r.in.ReadFile(v.text)
	if err != nil {
		err = fmt.Errorf("names a file that cannot be read: %w", err)
	} else {
		r.given.logo, err = brand.ReadLogo(content)
	}
	if err != nil {
		r.fault(Find(name), v.source.String(), err.Error(), "")
	}
}

// twice finds a setting that two variables of the environment give: its own, and the JSON object of providers. Neither is before
// the other.
func (r *resolver) twice(s *Setting, found []value) {
	of := slices.DeleteFunc(slices.Clone(found), func(v value) bool { return v.source.Kind != FromEnviron })
	if len(of) == 2 && of[0].text != of[1].text && r.given.faults[s.Name] == nil {
		r.fault(s, of[0].source.Name, "differs from "+of[1].source.Name+", which is the same setting", "leave one out")
	}
}

func (r *resolver) fromFlag(s *Setting) (value, bool) {
	text, given := r.in.Flags[s.Flag()]
	src := Source{FromFlag, "--" + s.Flag()}
	if s.Secret {
		if name, ok := r.in.Flags[s.Flag()+"-file"]; ok {
			if given {
				r.fault(s, src.String(), "is given twice, as --"+s.Flag()+" and as --"+s.Flag()+"-file", "leave one out")
			}
			return r.secretFile(s, Source{FromFlag, "--" + s.Flag() + "-file"}, name)
		}
	}
	return value{text, src}, given
}

// fromEnviron reads SSOBRIDGE_X, MB_X and the _FILE forms of secrets. Several may say the same; then the first is named.
func (r *resolver) fromEnviron(s *Setting) (value, bool) {
	var given []value
	for _, name := range []string{s.Env(), s.Alias, r.openMetadataName(s)} {
		if name == "" {
			continue
		}
		text, ok := r.env[name]
		if ok {
			given = append(given, value{text, Source{FromEnviron, name}})
		}
		if !s.Secret {
			continue
		}
		file, fileToo := r.env[name+fileSuffix]
		if !fileToo {
			continue
		}
		if ok {
			r.fault(s, name, "is given twice, as "+name+" and as "+name+fileSuffix, "leave one out")
		}
		if v, ok := r.secretFile(s, Source{FromEnviron, name + fileSuffix}, file); ok {
			given = append(given, v)
		}
	}
	if len(given) == 0 {
		return value{}, false
	}
	first, last := given[0], given[len(given)-1]
	if first.text != last.text && r.given.faults[s.Name] == nil {
		r.fault(s, first.source.Name, fmt.Sprintf("differs from %s, which is the same setting", last.source.Name), "leave one out")
	}
	return first, true
}

// from reads a value of a document: the configuration file, or the JSON object in SSOBRIDGE_PROVIDERS.
func (r *resolver) from(d document, s *Setting) (value, bool) {
	b, given := d.keys[s.Key()]
	given = given && b.raw != nil // a key with nothing behind it
	if s.Secret {
		file, named := d.keys[s.Key()+strings.ToLower(fileSuffix)]
		name, text := file.raw.(string)
		if text && given {
			r.fault(s, d.at(b), "is given twice, as "+b.path+" and as "+file.path, "leave one out")
		}
		if text {
			return r.secretFile(s, Source{d.kind, d.at(file)}, name)
		}
		if named && file.raw != nil {
			r.fault(s, d.at(file), "is not the name of a file", "write it in quotes")
		}
	}
	if !given {
		return value{}, false
	}
	text, err := fileText(s, b.raw)
	if err != nil {
		r.fault(s, d.at(b), err.Error(), "")
		return value{}, false
	}
	return value{text, Source{d.kind, d.at(b)}}, true
}

// secretFile reads a secret's file. One line end at its end is not part of the secret: editors and echo add it.
func (r *resolver) secretFile(s *Setting, src Source, name string) (value, bool) {
	if err := CheckQuotes(name); err != nil {
		r.fault(s, src.String(), "is the name of a file that "+err.Error(), "")
		return value{}, false
	}
	data, err := r.in.ReadFile(name)
	if err != nil {
		r.fault(s, src.String(), "cannot be read: "+err.Error(), "check the file's name and permissions")
		return value{}, false
	}
	text := string(data)
	if t, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(t, "\r")
	}
	switch {
	case text == "":
		r.fault(s, src.String(), "names a file that is empty: "+name, "")
		return value{}, false
	case len(data) > 64<<10:
		r.fault(s, src.String(), "names a file of more than 64 KiB: "+name, "")
		return value{}, false
	}
	return value{text, src}, true
}

// fileText writes a value of the configuration file as the text that the environment would hold.
func fileText(s *Setting, raw any) (string, error) {
	switch v := raw.(type) {
	case string:
		return v, nil
	case bool, int, int64, uint64, float64, json.Number:
		if s.Secret { // 0123… and 1e10 are read as numbers, and are not written back as they were
			return "", fmt.Errorf("is a number or a truth value; write it in quotes")
		}
		return fmt.Sprint(v), nil
	case map[string]any, map[any]any, []any:
		text, err := json.Marshal(jsonable(v))
		if err != nil {
			return "", fmt.Errorf("cannot be written as JSON")
		}
		return string(text), nil
	}
	return "", fmt.Errorf("is a %T; write it in quotes", raw)
}

// jsonable turns the maps with keys of any type that YAML has (7: …) into JSON objects.
func jsonable(raw any) any {
	switch v := raw.(type) {
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[fmt.Sprint(k)] = jsonable(e)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = jsonable(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = jsonable(e)
		}
		return l
	}
	return raw
}

func environ(list []string) map[string]string {
	env := map[string]string{}
	for _, kv := range list {
		if name, text, ok := strings.Cut(kv, "="); ok && text != "" {
			env[name] = text
		}
	}
	return env
}

// kubernetes matches the variables that a Service called "ssobridge" puts into every pod of its namespace. They are not
// meant for us.
var kubernetes = regexp.MustCompile(`^SSOBRIDGE_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)$`)

func kubernetesOwn(name, text string) bool {
	if !kubernetes.MatchString(name) {
		return false
	}
	return name != "SSOBRIDGE_PORT" || strings.Contains(text, "://") // someone may have set the plain name by hand
}

// unknown finds names that look like settings and are none: usually a slip of the pen that would otherwise go unnoticed.
func (r *resolver) unknown() {
	envs, keys, flags := r.names()
	for _, name := range sorted(r.env) {
		own := strings.HasPrefix(strings.ToUpper(name), envPrefix)
		if own && !slices.Contains(envs, name) && !strings.HasPrefix(name, testPrefix) && !kubernetesOwn(name, r.env[name]) {
			r.strange(name, "environment", "is not a setting", cmp.Or(insteadOfOpenMetadata(name), meant(strings.ToUpper(name), envs)))
		}
	}
	r.metabase()
	r.halfOfOpenMetadata()
	for _, d := range []document{r.object, r.file} {
		for _, key := range sorted(d.keys) {
			if !slices.Contains(keys, key) {
				r.strange(d.keys[key].path, d.name, "is not a setting", meant(normalKey(key), keys))
			}
		}
	}
	for _, flag := range sorted(r.in.Flags) {
		if !slices.Contains(flags, flag) {
			r.strange("--"+flag, "", "is not a flag", meant(flag, flags))
		}
	}
}

// strange notes a name that is no setting.
func (r *resolver) strange(name, source, problem, hint string) {
	r.given.unknown = append(r.given.unknown, Fault{name, source, problem, hint})
}

func (r *resolver) names() (envs, keys, flags []string) {
	envs = []string{ConfigEnv}
	for _, s := range r.given.table.rows {
		envs, keys, flags = append(envs, s.Env()), append(keys, s.Key()), append(flags, s.Flag())
		if s.Secret {
			envs = append(envs, s.Env()+fileSuffix)
			keys = append(keys, s.Key()+strings.ToLower(fileSuffix))
			flags = append(flags, s.Flag()+"-file")
		}
	}
	return envs, keys, flags
}

// normalKey undoes the other ways in which a key may have been written.
func normalKey(key string) string {
	key = strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	for _, p := range []string{"ssobridge_", "mb_"} {
		key = strings.TrimPrefix(key, p)
	}
	return key
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// meant suggests what an unknown name was meant to be.
func meant(name string, known []string) string {
	if best := nearest.Of(name, known); best != "" {
		return "did you mean " + best + "?"
	}
	return "ssobridge serve --help lists all names"
}
