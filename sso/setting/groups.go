package setting

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// The sources of groups in GROUPS_ORDER.
const (
	GroupsFromToken    = sso.TokenSource
	GroupsFromLDAP     = "ldap"
	GroupsFromEndpoint = "endpoint"
)

// Groups says where the groups of a provider's people come from.
type Groups struct {
	Order     []string // each of the sources at most once, at least one
	OnFailure sso.FailureRule

	EndpointURL     string // "": there is none
	EndpointToken   string // "": none is sent
	EndpointMethod  string // get or post
	EndpointTimeout time.Duration
	EndpointCache   time.Duration
}

// Asks reports whether a source other than the token is asked.
func (g Groups) Asks() bool {
	return slices.ContainsFunc(g.Order, func(source string) bool { return source != GroupsFromToken })
}

// LDAP is the one directory. Without URLs there is none.
type LDAP struct {
	URLs                   []string
	BindDN, BindPassword   string
	CAFile                 string // a whole path; "": the authorities that the system trusts
	StartTLS, Insecure     bool
	UserBase, UserFilter   string
	EnabledFilter          string
	GroupBase, GroupFilter string
	GroupName, Nested      string
	Depth                  int
	Timeout, Cache         time.Duration
}

// Bounds of the questions for groups.
const (
	maxServers      = 4
	maxGroupTimeout = 10 * time.Second
	maxGroupCache   = time.Hour
	maxNesting      = 50
)

func groupSettings(of func(string) string) []Setting {
	at := func(place func(*Groups) *string) func(*Provider) *string {
		return func(p *Provider) *string { return place(&p.Groups) }
	}
	return []Setting{
		{Name: of("GROUPS_ORDER"), Section: SectionPeople, Type: "list of `token`, `ldap` and `endpoint`", Default: GroupsFromToken, Changeable: true, LetsIn: true,
			Label: "Where groups come from",
			Help:  "who is asked for a person's groups, in this order; the first that knows the person is believed: the `token`, the directory `ldap` (see LDAP_URL), the `endpoint`",
			set:   providerPlace(func(p *Provider) *[]string { return &p.Groups.Order }, groupOrder)},
		{Name: of("GROUPS_ON_FAILURE"), Section: SectionPeople, Choices: []string{string(sso.RefuseOnFailure), string(sso.KeepOnFailure)}, Default: string(sso.RefuseOnFailure), Changeable: true, LetsIn: true,
			Label: "When the groups cannot be looked up",
			Help:  "what a sign-in does when a source of groups does not answer: `refuse` lets nobody in, `keep` leaves the person's groups as they are",
			set: func(s *Setting, c *Config, text string) error {
				word, err := parse.OneOf(s.Choices...)(text)
				if err == nil {
					c.Provider(s.Provider).Groups.OnFailure = sso.FailureRule(word)
				}
				return err
			}},
		{Name: of("GROUPS_ENDPOINT_URL"), Section: SectionPeople, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Endpoint that knows the groups",
			Help:  "is asked `GET …?user=NAME`, or `POST {\"sub\":NAME}`, and answers `{\"groups\":[\"research\"]}`; https except on this machine",
			show:  func(_ *Config, text string) string { return shownIf(oneURL, text) },
			set:   providerPlace(at(func(g *Groups) *string { return &g.EndpointURL }), parse.Optional(endpointURL))},
		{Name: of("GROUPS_ENDPOINT_TOKEN"), Section: SectionPeople, Type: "text", Secret: true, Changeable: true, SentTo: []string{of("GROUPS_ENDPOINT_URL")}, Page: PageProvider,
			Label: "Token for that endpoint",
			Help:  "is sent to it as `Authorization: Bearer`; unset: nothing is",
			set:   providerPlace(at(func(g *Groups) *string { return &g.EndpointToken }), parse.Optional(headerText))},
		{Name: of("GROUPS_ENDPOINT_METHOD"), Section: SectionPeople, Choices: []string{"get", "post"}, Default: "get", Changeable: true, LetsIn: true,
			Label: "How the endpoint is asked",
			Help:  "how the endpoint is asked",
			set: func(s *Setting, c *Config, text string) (err error) {
				return field(func(c *Config) *string { return &c.Provider(s.Provider).Groups.EndpointMethod }, parse.OneOf(s.Choices...))(s, c, text)
			}},
		{Name: of("GROUPS_ENDPOINT_TIMEOUT"), Section: SectionPeople, Type: "time", Default: "2s", Changeable: true, LetsIn: true,
			Label: "How long the endpoint may take",
			Help:  "how long the endpoint may take, at most 5s",
			set:   providerPlace(func(p *Provider) *duration { return &p.Groups.EndpointTimeout }, parse.Seconds(parse.SecondsMin, 5*time.Second))},
		{Name: of("GROUPS_ENDPOINT_CACHE"), Section: SectionPeople, Type: "time", Default: "60s", Changeable: true, LetsIn: true,
			Label: "How long its answers are remembered",
			Help:  "how long its answer for a person is remembered; `0` is not at all",
			set:   providerPlace(func(p *Provider) *duration { return &p.Groups.EndpointCache }, parse.Seconds(0, maxGroupCache))},
	}
}

// ldapSettings are those of the one directory. With a setting that decides where the password goes, it has to be given anew.
func ldapSettings() []Setting {
	text := func(name, kind, byDefault, label, help string, place func(*LDAP) *string) Setting {
		return Setting{Name: name, Section: SectionLDAP, Type: kind, Default: byDefault, Changeable: true, LetsIn: true, Label: label, Help: help,
			set: field(func(c *Config) *string { return place(&c.LDAP) }, parse.PlainText)}
	}
	onOffAt := func(name, label, help string, place func(*LDAP) *bool) Setting {
		return Setting{Name: name, Section: SectionLDAP, Choices: onOff(), Default: "false", Changeable: true, LetsIn: true, Label: label, Help: help,
			set: field(func(c *Config) *bool { return place(&c.LDAP) }, parse.Boolean)}
	}
	fields := []Setting{
		{Name: "LDAP_URL", Section: SectionLDAP, Type: "list of addresses", Changeable: true, LetsIn: true,
			Label: "Servers of the directory",
			Help:  "the servers of the directory that knows groups, such as `ldaps://dc1.example.com, ldaps://dc2.example.com`; the first that answers is asked",
			show:  func(_ *Config, text string) string { return shownIf(directoryURLs, text) },
			set:   field(func(c *Config) *[]string { return &c.LDAP.URLs }, directoryURLs)},
		text("LDAP_BIND_DN", "name", "", "Name that the bridge has there",
			"how the bridge signs in to the directory: a distinguished name, or `ssobridge@example.com` at Active Directory; unset: it does not", func(l *LDAP) *string { return &l.BindDN }),
		{Name: "LDAP_BIND_PASSWORD", Section: SectionLDAP, Type: "text", Secret: true, Changeable: true,
			SentTo: []string{"LDAP_URL", "LDAP_STARTTLS", "LDAP_INSECURE"},
			Label:  "Its password",
			Help:   "the password for LDAP_BIND_DN",
			set:    field(func(c *Config) *string { return &c.LDAP.BindPassword }, parse.Optional(parse.AnyText))},
		{Name: "LDAP_CA_FILE", Section: SectionLDAP, Type: "file", show: shownFile,
			Help: "certificates of the authorities that are trusted for LDAP_URL; unset: those of the system",
			set:  field(func(c *Config) *string { return &c.LDAP.CAFile }, parse.Optional(fileName))},
		onOffAt("LDAP_STARTTLS", "StartTLS", "turns a connection to `ldap://` into one with TLS before anything is said; a server that cannot is not asked", func(l *LDAP) *bool { return &l.StartTLS }),
		onOffAt("LDAP_INSECURE", "Without TLS", "allows `ldap://` without TLS to another machine: everyone on the way reads the password and can change groups", func(l *LDAP) *bool { return &l.Insecure }),
		text("LDAP_USER_BASE", "distinguished name", "", "Where people are", "below which entry people are looked for, such as `ou=people,dc=example,dc=com`", func(l *LDAP) *string { return &l.UserBase }),
		text("LDAP_USER_FILTER", "filter", "(uid={user})", "How a person is found",
			"finds one person by `{user}` or `{email}`; Active Directory: `(sAMAccountName={user})` or `(userPrincipalName={email})`", func(l *LDAP) *string { return &l.UserFilter }),
		text("LDAP_ENABLED_FILTER", "filter", "", "Who may come in",
			"what the person's entry must match to be let in; unset: nothing. Active Directory: `(!(userAccountControl:1.2.840.113556.1.4.803:=2))` keeps out who is switched off", func(l *LDAP) *string { return &l.EnabledFilter }),
		text("LDAP_GROUP_BASE", "distinguished name", "", "Where groups are", "below which entry groups are looked for; unset: LDAP_USER_BASE", func(l *LDAP) *string { return &l.GroupBase }),
		text("LDAP_GROUP_FILTER", "filter", "(member={dn})", "How a person's groups are found",
			"finds the groups of a person by `{dn}`, the name of the person's entry, or by `{user}` or `{email}`, as in `(memberUid={user})`", func(l *LDAP) *string { return &l.GroupFilter }),
		text("LDAP_GROUP_NAME", "attribute", "cn", "What a group is called", "the attribute with a group's name, or `dn` for the name of its entry", func(l *LDAP) *string { return &l.GroupName }),
		{Name: "LDAP_NESTED", Section: SectionLDAP, Choices: []string{"no", "recursive", "chain"}, Default: "no", Changeable: true, LetsIn: true,
			Label: "Groups of groups",
			Help:  "groups that are members of groups: `recursive` asks for them step by step, `chain` lets Active Directory find them",
			set:   choice(func(c *Config) *string { return &c.LDAP.Nested })},
		{Name: "LDAP_DEPTH", Section: SectionLDAP, Type: "number", Default: "10", Changeable: true, LetsIn: true,
			Label: "How far up groups are followed",
			Help:  "how many steps `recursive` makes at most",
			set:   field(func(c *Config) *int { return &c.LDAP.Depth }, depth)},
		{Name: "LDAP_TIMEOUT", Section: SectionLDAP, Type: "time", Default: "2s", Changeable: true, LetsIn: true,
			Label: "How long a server may take",
			Help:  "how long each server may take for all that is asked of it, at most 10s",
			set:   field(func(c *Config) *duration { return &c.LDAP.Timeout }, parse.Seconds(parse.SecondsMin, maxGroupTimeout))},
		{Name: "LDAP_CACHE", Section: SectionLDAP, Type: "time", Default: "60s", Changeable: true, LetsIn: true,
			Label: "How long answers are remembered",
			Help:  "how long the answer for a person is remembered; `0` is not at all",
			set:   field(func(c *Config) *duration { return &c.LDAP.Cache }, parse.Seconds(0, maxGroupCache))},
	}
	for i := range fields {
		if fields[i].Changeable {
			fields[i].Page = PageSources
		}
	}
	return fields
}

// groupOrder reads GROUPS_ORDER.
func groupOrder(text string) ([]string, error) {
	all, err := parse.List(text)
	if err != nil {
		return nil, err
	}
	for i, source := range all {
		switch {
		case !slices.Contains([]string{GroupsFromToken, GroupsFromLDAP, GroupsFromEndpoint}, source):
			return nil, fmt.Errorf("%q is none of token, ldap and endpoint", sso.Shorten(source, 50))
		case slices.Contains(all[:i], source):
			return nil, fmt.Errorf("%s stands there twice", source)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("is empty: write token for the groups of the token alone")
	}
	return all, nil
}

// endpointURL reads GROUPS_ENDPOINT_URL. What else is wrong with it is said where it is asked.
func endpointURL(text string) (string, error) {
	_, err := oneURL(text)
	return text, err
}

func oneURL(text string) ([]string, error) {
	all, err := keyURLs(text)
	if err == nil && len(all) > 1 {
		err = errors.New("is more than one address")
	}
	return all, err
}

// headerText is a secret that is sent in a header.
func headerText(text string) (string, error) {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return "", errors.New("has a space, a line end or another character that cannot stand in a header")
		}
	}
	return text, nil
}

// directoryURLs reads LDAP_URL. Errors do not repeat what may have a password in it.
func directoryURLs(text string) ([]string, error) {
	all, err := parse.List(text)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if strings.HasPrefix(a, "ldapi://") { // a socket, whose name is no host
			continue
		}
		u, err := url.Parse(a)
		if err != nil || u.User != nil || u.Host == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
			return nil, errors.New("is not an address such as ldaps://dc1.example.com, without a name or a password in it")
		}
	}
	if len(all) > maxServers {
		return nil, fmt.Errorf("names %d servers; at most %d are allowed", len(all), maxServers)
	}
	return all, nil
}

func depth(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxNesting {
		return 0, fmt.Errorf("%q is no number from 1 to %d", sso.Shorten(text, 20), maxNesting)
	}
	return n, nil
}

// UserDomain is the domain of which an e-mail's part before the @ is the name of a user in the directory; "": of none.
func (p *Provider) UserDomain() string {
	if p.Claims.Domain != "" {
		return p.Claims.Domain
	}
	if len(p.AllowedDomains) == 1 {
		return p.AllowedDomains[0]
	}
	return ""
}

// groups says what is missing for the sources of a provider's groups to be asked.
func (j *judge) groups(p *Provider) {
	of, g := p.Setting, p.Groups
	if slices.Contains(g.Order, GroupsFromLDAP) {
		if len(j.c.LDAP.URLs) == 0 {
			j.fault("LDAP_URL", "is not set, and "+of("GROUPS_ORDER")+" has ldap", "set it to the address of the directory, such as ldaps://dc1.example.com", of("GROUPS_ORDER"))
		}
		if strings.Contains(j.c.LDAP.UserFilter+j.c.LDAP.GroupFilter, "{user}") && p.Claims.Subject == "" && p.UserDomain() == "" {
			j.fault(of(claimField(p, "SUBJECT")), "is not set, and {user} in LDAP_USER_FILTER needs it: the part of an e-mail before the @ may be somebody else's name in another domain",
				"set it to the claim with the name of the user, or set "+of("ALLOWED_DOMAINS")+" to one domain, or look for {email}", of("GROUPS_ORDER"), "LDAP_USER_FILTER", of("ALLOWED_DOMAINS"))
		}
	}
	if slices.Contains(g.Order, GroupsFromEndpoint) && g.EndpointURL == "" {
		j.fault(of("GROUPS_ENDPOINT_URL"), "is not set, and "+of("GROUPS_ORDER")+" has endpoint", "set it to the address that knows the groups", of("GROUPS_ORDER"))
	}
	if g.EndpointURL != "" && !slices.Contains(g.Order, GroupsFromEndpoint) {
		j.warn("%s has no effect: %s does not have endpoint", of("GROUPS_ENDPOINT_URL"), of("GROUPS_ORDER"))
	}
	if g.Asks() && p.Kind != KindBearer && !p.GroupSync && len(p.AllowedGroups) == 0 {
		j.warn("%s has no effect: %s is off, and %s is not set", of("GROUPS_ORDER"), of("GROUP_SYNC"), of("ALLOWED_GROUPS"))
	}
	if g.Asks() && g.OnFailure == sso.KeepOnFailure && len(p.AllowedGroups) > 0 {
		j.warn("%s keep lets nobody in while the groups cannot be looked up: %s decides by them", of("GROUPS_ON_FAILURE"), of("ALLOWED_GROUPS"))
	}
}

// claimField is what the setting of a claim is called after the provider's prefix.
func claimField(p *Provider, name string) string {
	if p.Name == DefaultProvider {
		return "ATTRIBUTE_" + name
	}
	return "CLAIM_" + name
}

// directory holds the settings of the directory against one another.
func (j *judge) directory() {
	l := j.c.LDAP
	if len(l.URLs) == 0 {
		if l.BindDN != "" || l.UserBase != "" {
			j.warn("the settings LDAP_… have no effect: LDAP_URL is not set")
		}
		return
	}
	if l.UserBase == "" {
		j.fault("LDAP_USER_BASE", "is not set, and LDAP_URL needs it", "set it to the entry below which people are, such as ou=people,dc=example,dc=com", "LDAP_URL")
	}
	if l.BindDN != "" && l.BindPassword == "" { // RFC 4513 §5.1.2: a server would take it for nobody and say yes
		j.fault("LDAP_BIND_PASSWORD", "is not set, and LDAP_BIND_DN needs it", "name a file that holds it in "+envPrefix+"LDAP_BIND_PASSWORD_FILE", "LDAP_BIND_DN")
	}
	if l.BindPassword != "" && l.BindDN == "" {
		j.fault("LDAP_BIND_DN", "is not set, and LDAP_BIND_PASSWORD needs it", "", "LDAP_BIND_PASSWORD")
	}
	for _, address := range l.URLs {
		u, err := url.Parse(address)
		if err == nil && u.Scheme == "ldap" && !l.StartTLS && !l.Insecure && !thisMachine(u.Hostname()) { // SECURITY G5
			j.fault("LDAP_URL", "has "+address+", which everyone on the way can read and change", "write ldaps://, or set LDAP_STARTTLS to true", "LDAP_STARTTLS", "LDAP_INSECURE")
		}
	}
	if !slices.ContainsFunc(j.c.Providers, func(p *Provider) bool { return slices.Contains(p.Groups.Order, GroupsFromLDAP) }) {
		j.warn("LDAP_URL has no effect: no provider has ldap in its GROUPS_ORDER")
	}
}

func thisMachine(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	return parse.Loopback(strings.ToLower(host))
}
