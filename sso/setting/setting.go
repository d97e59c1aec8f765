// Package setting holds the table of settings (CONTRACT 2): each is defined once, in one line of table.go, and from that
// line come its environment names, flag, key in the configuration file, place in the README, field in the admin pages and
// in the output of "ssobridge check", and whether changing it needs a recent proof. A new setting is that line, and the
// field of [Config] that it fills.
//
// [Resolve] turns what was given, wherever it was given, into one [Config] and the list of all faults. A Config with
// faults is for showing only; a program that goes on with one is wrong.
package setting

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Setting is one configurable value. Those of the table are never changed.
type Setting struct {
	Name       string   // such as JWT_SHARED_SECRET
	Alias      string   // the environment name under which Metabase knows it; "" where it has none
	Provider   string   // whose it is; "" for a setting of the bridge itself
	Section    string   // heading in the README and the admin pages
	Label      string   // what it is called on the admin pages, for people who know no environment variables
	Type       string   // what may be written, in words
	Choices    []string // all values, where there are few; nil: there are many
	Default    string   // as it would be written; "" is described by Help
	Secret     bool     // shown masked; also has a _FILE form
	Changeable bool     // an administrator may change it while the bridge runs
	AtStart    bool     // read once: another value needs a restart
	Page       string   // of a Changeable one: the page where that is done, if it is not that of all settings

	// WithoutProof lets an administrator change it who has not shown lately who they are. It must be false for whatever
	// decides who is let in, who becomes administrator, or where people are sent (SECURITY G6).
	WithoutProof bool
	// LetsIn says that it decides whether a token of the identity provider opens a session. A sign-in that an administrator
	// had before it changed is no evidence that there will be another one (SECURITY G4).
	LetsIn bool

	// SentTo are, of a secret, the settings that decide who gets to see it. Whoever changes one of them gives the secret anew:
	// who may not see it must not have it sent to a place of their own (SECURITY F3).
	SentTo []string

	Help string // one line

	set  func(s *Setting, c *Config, text string) error
	show func(c *Config, text string) string // for people; nil: the text, or of a secret that there is one
}

// The sections, in the order in which they are shown.
const (
	SectionProcess  = "Process"
	SectionApp      = "The app behind the bridge"
	SectionProvider = "Identity provider"
	SectionPeople   = "People and groups"
	SectionLDAP     = "Directory (LDAP)"
	SectionToken    = "Tokens"
	SectionBinding  = "Binding"
	SectionBearer   = "API clients"
	SectionSession  = "Sessions"
	SectionService  = "Service accounts"
)

// The pages that have settings of their own.
const (
	PageProvider = "provider" // of the provider that the setting is of
	PageKeys     = "keys"     // is a part of it
	PageMapping  = "mapping"
	PageSources  = "group-sources"
)

// Env is the setting's environment variable.
func (s *Setting) Env() string { return envPrefix + s.Name }

// Flag is the setting's command-line flag, without the dashes before it.
func (s *Setting) Flag() string { return strings.ToLower(strings.ReplaceAll(s.Name, "_", "-")) }

// Key is the setting's key in the configuration file.
func (s *Setting) Key() string { return strings.ToLower(s.Name) }

// Field is what the setting is called among those of its provider, such as ISSUER or CLAIM_EMAIL: it is the same for each
// provider. "": it is a setting of the bridge itself.
func (s *Setting) Field() string {
	if s.Provider == "" {
		return ""
	}
	field := strings.TrimPrefix(s.Name, settingsOf(s.Provider))
	return strings.NewReplacer("ATTRIBUTE_FIRSTNAME", "CLAIM_FIRST_NAME", "ATTRIBUTE_LASTNAME", "CLAIM_LAST_NAME", "ATTRIBUTE_", "CLAIM_").Replace(field)
}

// Boolean reports whether the setting is on or off.
func (s *Setting) Boolean() bool { return slices.Equal(s.Choices, onOff()) }

// Parse reports what is wrong with a value, looked at alone. The error never contains the value of a secret.
func (s *Setting) Parse(text string) error {
	return s.parse(&Config{Providers: []*Provider{{Name: s.Provider}}}, text)
}

// parse puts a value that was given into c.
func (s *Setting) parse(c *Config, text string) error {
	if err := CheckQuotes(text); err != nil {
		return err
	}
	return s.set(s, c, text)
}

// CheckQuotes reports quotes around a value: those of a file that was written for a shell, or of a document that it was
// copied from.
func CheckQuotes(text string) error {
	for _, pair := range []string{`""`, "''", "``", "“”", "„“", "‘’", "«»"} {
		_, n := utf8.DecodeRuneInString(pair)
		if len(text) >= len(pair) && strings.HasPrefix(text, pair[:n]) && strings.HasSuffix(text, pair[n:]) {
			return errors.New("has quotes around it, which are part of the value here (docker's --env-file keeps them): leave them out")
		}
	}
	return nil
}

// Find returns the setting of that name, or nil; those of providers besides the default one are found by [Config.Find].
func Find(name string) *Setting { return all.byName[name] }

// Table returns every setting, section by section, but for those of providers besides the default one.
func Table() []*Setting { return slices.Clone(all.rows) }
