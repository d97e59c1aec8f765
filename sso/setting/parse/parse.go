// Package parse reads the texts of settings, each form by one function. An error reads on from the name of the setting ("is
// empty"), says what to write instead, and never repeats what could be a secret.
package parse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/seal"
)

// Bounds of times.
const (
	SecondsMin = time.Second
	Day        = 24 * time.Hour
	MaxLeeway  = time.Minute // SECURITY A7
	minIdle    = time.Minute
	MaxAge     = 100 * 365 * Day // as Metabase; well inside time.Duration
)

// Bounds of shared secrets: a forged token costs one HMAC for each, and judging one takes time.
const (
	maxSecrets     = 10
	maxSecretBytes = 4096
)

// Optional lets the empty text stand for "not set".
func Optional[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (v T, err error) {
		if text == "" {
			return v, nil
		}
		return parse(text)
	}
}

// NonEmpty refuses the empty text.
func NonEmpty(parse func(string) (string, error)) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", errors.New("is empty")
		}
		return parse(text)
	}
}

// PlainText reads a line of at most 1,000 bytes without control characters or spaces around it.
func PlainText(text string) (string, error) {
	if text != sso.CleanText(text) {
		return "", errors.New("has control characters, or spaces around it")
	}
	if len(text) > 1000 {
		return "", errors.New("is longer than 1000 bytes")
	}
	return text, nil
}

// AnyText reads a secret that is used as it is, of at most 1,024 bytes.
func AnyText(text string) (string, error) {
	if len(text) > 1024 {
		return "", errors.New("is longer than 1024 bytes")
	}
	return text, nil
}

// EmailAddress reads an address as package address has it.
func EmailAddress(text string) (string, error) {
	if err := address.Check(text); err != nil {
		return "", fmt.Errorf("is %w", err)
	}
	return text, nil
}

// OneOf reads one of words, in whatever case it is written.
func OneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, text) }); i >= 0 {
			return words[i], nil
		}
		return "", fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	}
}

// Count reads a number from least to most, in digits.
func Count(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.ParseUint(text, 10, 31)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is not a whole number such as %d, in digits alone", text, most)
		case int(n) < least || int(n) > most:
			return 0, fmt.Errorf("%d is not between %d and %d", n, least, most)
		}
		return int(n), nil
	}
}

// Boolean reads true, yes, on, 1 and their opposites, in whatever case they are written.
func Boolean(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// LogLevel reads debug, info, warn or error.
func LogLevel(text string) (slog.Level, error) {
	word, err := OneOf("debug", "info", "warn", "error")(text)
	if err != nil {
		return 0, err
	}
	var l slog.Level
	return l, l.UnmarshalText([]byte(word))
}

// ListenAddress reads a host, which can be empty, and a port from 0 to 65535.
func ListenAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is not an address with a port, such as 127.0.0.1:3000", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("%q does not end with a port from 0 to 65535", text)
	}
	if host != sso.CleanText(host) || strings.ContainsAny(host, "/@ ") {
		return "", fmt.Errorf("%q has no host name or address before the port", text)
	}
	return text, nil
}

// List reads "a, b" or ["a","b"].
func List(text string) ([]string, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") {
		return jsonList(text)
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }), nil
}

// jsonList is strict: what stands after the list, and elements that are no strings, are errors. It never repeats the text.
func jsonList(text string) ([]string, error) {
	var raw []any
	if err := StrictJSON(text, &raw); err != nil {
		return nil, errors.New(`begins with "[" but is not a JSON list such as ["first","second"]`)
	}
	var all []string
	for i, e := range raw {
		s, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("entry %d of the list is not a string in quotes", i+1)
		}
		all = append(all, s)
	}
	return all, nil
}

// StrictJSON decodes one JSON value. Fields that into does not have, and text after the value, are errors.
func StrictJSON(text string, into any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the value")
	}
	return nil
}

// OriginList reads origins, each once. Wildcards are refused.
func OriginList(text string) ([]origin.Origin, error) {
	entries, err := List(text)
	if err != nil {
		return nil, err
	}
	var all []origin.Origin
	for _, e := range entries {
		if strings.Contains(e, "*") {
			return nil, fmt.Errorf("%q: origins are written out one by one, there are no wildcards", e)
		}
		o, err := origin.Parse(e)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return all, nil
}

// OriginURL reads the origin of a site: https, or http on this machine.
func OriginURL(text string) (origin.Origin, error) {
	o, err := origin.Parse(text)
	if err != nil {
		return "", err
	}
	// SECURITY D1: a session cookie on plain http can be read and replaced by anyone on the way.
	if scheme, host := SplitOrigin(o); scheme == "http" && !Loopback(host) {
		return "", fmt.Errorf("%q is plain http: cookies would travel in clear. Only localhost, 127.0.0.1 and [::1] may do without https", text)
	}
	return o, nil
}

// maxPathPrefix leaves room for what stands below it: links are bounded.
const maxPathPrefix = 100

// PathPrefix reads a path that all of its readers read alike: no proxy, browser or app takes it for another one, so that
// what is the bridge's and what the app's is never in question.
func PathPrefix(text string) (string, error) {
	segments := strings.Split(text, "/")
	switch {
	case segments[0] != "":
		return "", fmt.Errorf("%q is not a path such as /_sso: it begins with a slash", text)
	case len(text) > maxPathPrefix:
		return "", fmt.Errorf("it is longer than %d bytes", maxPathPrefix)
	case segments[len(segments)-1] == "":
		return "", fmt.Errorf("%q ends with a slash: write it without, as in /_sso", text)
	}
	for _, segment := range segments[1:] {
		if strings.Trim(segment, ".") == "" {
			return "", fmt.Errorf("%q has a segment without a name", text)
		}
		if i := strings.IndexFunc(segment, func(r rune) bool { return r > '~' || !unreserved(byte(r)) }); i >= 0 {
			return "", fmt.Errorf("%q has a character other than letters, digits, - . _ and ~", text)
		}
	}
	return text, nil
}

// unreserved reports whether a byte means itself wherever it stands in a URL (RFC 3986 §2.3).
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// SplitOrigin returns scheme and host name of an origin.
func SplitOrigin(o origin.Origin) (scheme, host string) {
	u, err := url.Parse(string(o))
	if err != nil {
		return "", ""
	}
	return u.Scheme, u.Hostname()
}

// Loopback reports whether browsers treat a host as this very machine (W3C Secure Contexts §3.1).
func Loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// Networks reads addresses and networks, each once. The whole internet is refused.
func Networks(text string) ([]netip.Prefix, error) {
	entries, err := List(text)
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, e := range entries {
		p, err := network(e)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all, nil
}

func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q: write IPv4 networks as IPv4, such as 10.0.0.0/8", text)
	case p != p.Masked():
		return p, fmt.Errorf("%q names an address inside a network: did you mean %s, or %s?", text, p.Masked(), p.Addr())
	case p.Bits() == 0: // SECURITY B8, H4
		return p, fmt.Errorf("%q is the whole internet: anyone could claim to be any client", text)
	}
	return p, nil
}

// Domain reads a domain of at least two labels, for a cookie. The dot before it is dropped.
func Domain(text string) (string, error) {
	d := strings.ToLower(strings.TrimPrefix(text, "."))
	o, err := origin.Parse("https://" + d)
	if err != nil || string(o) != "https://"+d || strings.HasSuffix(d, ".") || strings.ContainsAny(d, ":[") || strings.HasPrefix(d, ".") {
		return "", fmt.Errorf("%q is not a domain such as example.com", text)
	}
	if _, err := netip.ParseAddr(d); err == nil || !strings.Contains(d, ".") {
		return "", fmt.Errorf("%q is not a domain such as example.com: browsers keep no shared cookie for it", text)
	}
	return d, nil
}

// WebURL reads an http or https URL with a host. Errors do not repeat it: it may hold a password.
func WebURL(text string) (*url.URL, error) {
	return urlLike(text, "https://product.example.com/login")
}

func urlLike(text, example string) (*url.URL, error) {
	u, err := url.Parse(text)
	scheme, _, _ := strings.Cut(example, "//")
	_, hostErr := origin.Parse("http://" + text)
	switch {
	case hostErr == nil && strings.ContainsAny(text, ".:"): // host and port and no secret in the wrong place, so it may be repeated
		return nil, fmt.Errorf("lacks the scheme: write %s//%s", scheme, text)
	case err != nil || text != sso.CleanText(text) || strings.ContainsAny(text, " \\"):
		return nil, errors.New("is not a URL such as " + example)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("does not begin with http:// or https://, such as " + example)
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case u.User != nil:
		return nil, errors.New("has a user name or password before the host; leave that out")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("has a port that is none")
		}
	}
	return u, nil
}

// ProviderURL refuses a fragment, behind which the parameters that are added would never reach the IdP, and parameters
// that the bridge adds itself: two of a name would leave it to the IdP which one counts (SECURITY B7).
func ProviderURL(text string) (*url.URL, error) {
	u, err := WebURL(text)
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, "#") {
		return nil, errors.New("has a fragment (#…): what the bridge adds behind it would never reach the identity provider")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("has a query that cannot be read")
	}
	for _, own := range []string{"return_to", "state", "nonce", "response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method"} {
		if q.Has(own) {
			return nil, fmt.Errorf("has the parameter %s already; the bridge adds it", own)
		}
	}
	return u, nil
}

// TokenURL reads the address of a token endpoint: https, or http on this machine.
func TokenURL(text string) (*url.URL, error) {
	u, err := WebURL(text)
	switch {
	case err != nil:
		return nil, err
	case strings.Contains(text, "#"): // RFC 6749 §3.2
		return nil, errors.New("has a fragment, what follows #")
	case u.Scheme != "https" && !Loopback(strings.ToLower(u.Hostname())):
		return nil, errors.New("is plain http: codes and tokens would travel in clear. Only this machine may do without https")
	}
	return u, nil
}

// UpstreamURL reads the address of the app behind the bridge: scheme, host, port and path.
func UpstreamURL(text string) (*url.URL, error) {
	u, err := urlLike(text, "http://127.0.0.1:8000")
	if err == nil && strings.ContainsAny(text, "?#") {
		return nil, errors.New("has a query or fragment; scheme, host, port and path are enough")
	}
	return u, err
}

// BearerHeader refuses headers that have a meaning of their own: a proxy would strip or change their value, or we would write it into the
// log or an answer (SECURITY K1).
func BearerHeader(text string) (string, error) {
	name := http.CanonicalHeaderKey(text)
	if !headerName(text) {
		return "", fmt.Errorf("%q is not the name of a header: letters, digits and hyphens", text)
	}
	for _, taken := range []string{"Cookie", "Host", "Connection", "Content-", "Accept", "Remote-", "X-Forwarded-", "X-Metabase-", "Transfer-Encoding", "Upgrade",
		"X-Request-Id", "User-Agent", "Origin", "Referer", "Sec-", "Forwarded", "X-Real-Ip"} {
		if strings.HasPrefix(name, taken) {
			return "", fmt.Errorf("%s has another meaning; choose a header of its own", name)
		}
	}
	return name, nil
}

func headerName(text string) bool {
	for i := range len(text) {
		if c := text[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return text != ""
}

// ParameterName refuses what would have to be escaped in a URL, and the bridge's own parameters.
func ParameterName(text string) (string, error) {
	switch {
	case !headerName(strings.ReplaceAll(text, "_", "-")):
		return "", fmt.Errorf("%q is not a plain name: letters, digits, - and _", text)
	case text == "group" || text == "with":
		return "", fmt.Errorf("%q is a parameter of /auth/verify and /auth/forward already", text)
	}
	return text, nil
}

// DatabaseURL checks only which database it is; package store reads the rest. Errors do not repeat it: it may hold a
// password.
func DatabaseURL(text string) (string, error) {
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		rest, slashes := strings.CutPrefix(path, "//")
		switch {
		case rest == "":
			return "", errors.New("names no file: write sqlite:PATH")
		case slashes && !strings.HasPrefix(rest, "/"):
			return "", errors.New("has two slashes: write sqlite:PATH, or sqlite:///PATH from the root")
		case strings.Contains(rest, ":memory:"):
			return "", errors.New("keeps nothing: name a file")
		case strings.ContainsAny(rest, "?#%\x00"):
			return "", errors.New("has one of ? # % in the file's name, which is not possible")
		}
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("is neither sqlite:PATH nor postgres://USER:PASSWORD@HOST/NAME")
	}
	return text, nil
}

// SecretKey reads a key of at least [seal.MinSecret] bytes. The empty text is none.
func SecretKey(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) < seal.MinSecret {
		return nil, fmt.Errorf("has %d bytes; it needs at least %d, such as \"openssl rand -base64 33\" prints", len(text), seal.MinSecret)
	}
	return []byte(text), nil
}

// SharedSecrets judges the form only; how strong a secret must be depends on the profile (package token).
func SharedSecrets(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if text != strings.TrimSpace(text) {
		return nil, errors.New(`has spaces or a line end around it. If they are meant, write the secret as a list: [" … "]`)
	}
	if !strings.HasPrefix(text, "[") {
		return []string{text}, checkSecretLength(text)
	}
	all, err := jsonList(text)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, errors.New("is an empty list")
	case len(all) > maxSecrets:
		return nil, fmt.Errorf("is a list of %d secrets; at most %d", len(all), maxSecrets)
	}
	for i, s := range all {
		if s == "" {
			return nil, fmt.Errorf("secret %d of the list is empty", i+1)
		}
		if err := checkSecretLength(s); err != nil {
			return nil, fmt.Errorf("secret %d of the list %w", i+1, err)
		}
		if slices.Contains(all[:i], s) {
			return nil, fmt.Errorf("secret %d of the list stands there twice", i+1)
		}
	}
	return all, nil
}

func checkSecretLength(secret string) error {
	if len(secret) > maxSecretBytes {
		return fmt.Errorf("has %d bytes; %d are allowed, and 64 such as \"openssl rand -hex 32\" prints are enough", len(secret), maxSecretBytes)
	}
	return nil
}

// span reads 90s, 3m, 1h30m, or a plain number of units.
func span(text string, unit time.Duration) (time.Duration, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || n > int64(MaxAge/unit) {
			return 0, fmt.Errorf("%s is out of range", text)
		}
		return time.Duration(n) * unit, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a time such as 90s, 3m or 2h", text)
	}
	if d%time.Second != 0 { // RFC 7519 dates are compared in whole seconds
		return 0, fmt.Errorf("%q is not a whole number of seconds", text)
	}
	return d, nil
}

func between(d, least, most time.Duration) (time.Duration, error) {
	if d < least || d > most {
		return 0, fmt.Errorf("%v is not between %v and %v", d, least, most)
	}
	return d, nil
}

// Seconds reads a time of whole seconds from least to most, such as 90s, 3m, or 90.
func Seconds(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := span(text, time.Second)
		if err != nil {
			return 0, err
		}
		return between(d, least, most)
	}
}

// Retention reads how long events are kept; 0 is for ever.
func Retention(text string) (time.Duration, error) {
	d, err := span(text, Day)
	if err != nil || d == 0 {
		return 0, err
	}
	return between(d, Day, MaxAge)
}

// SessionAge reads a time of at least a minute; a plain number is minutes.
func SessionAge(text string) (time.Duration, error) {
	d, err := span(text, time.Minute)
	if err != nil {
		return 0, err
	}
	return between(d, time.Minute, MaxAge)
}

// IdleTimeout reads Metabase's {"amount":120,"unit":"minutes"}, null, or a time.
func IdleTimeout(text string) (time.Duration, error) {
	if text == "null" || text == "0" {
		return 0, nil
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		d, err := span(text, time.Second)
		if err != nil {
			return 0, err
		}
		return between(d, minIdle, MaxAge)
	}
	var form struct {
		Amount int64  `json:"amount"`
		Unit   string `json:"unit"`
	}
	if err := StrictJSON(text, &form); err != nil {
		return 0, fmt.Errorf(`not of the form {"amount":120,"unit":"minutes"}: %w`, err)
	}
	unit, ok := map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour}[form.Unit]
	if !ok {
		return 0, fmt.Errorf("the unit %q is none of seconds, minutes, hours", form.Unit)
	}
	if form.Amount <= 0 || form.Amount > int64(MaxAge/unit) {
		return 0, fmt.Errorf("the amount %d is out of range", form.Amount)
	}
	return between(time.Duration(form.Amount)*unit, minIdle, MaxAge)
}
