// Package service is about callers that are no people: service accounts, the tokens that they have, and what a token may do.
// It has no HTTP, no SQL and no keys.
//
// A token may be what whoever made it is, and no more: it is in those of its groups in which its maker is too, at this
// moment, and it stops when its maker is deactivated. It is never in Administrators (SECURITY J3).
package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// Provider is the name under which service accounts are a provider; no other one may have it.
const Provider = "service"

// TokenType is the typ of service tokens (RFC 9068 §2.1): no login, assertion or session has it.
const TokenType = "at+jwt"

// Audience is the aud of the tokens of a site. Assertions and login tokens have another.
func Audience(site origin.Origin) string { return string(site) + "/service" }

// An Account is a service account.
type Account struct {
	ID        int64
	Name      string // the sub of its tokens; it never changes
	Label     string // for people
	Active    bool
	MakerID   int64  // 0: it was made in the shell
	Maker     string // e-mail; "" in the shell
	CreatedAt time.Time
	Tokens    int       // how many work now
	LastUsed  time.Time // of any of them; zero: never
}

// Shown is the label, or the name of an account without one.
func (a Account) Shown() string {
	if a.Label != "" {
		return a.Label
	}
	return a.Name
}

// A Token is one token of a service account. The token itself is shown once and not kept.
type Token struct {
	ID          string // jti
	AccountID   int64
	Name        string
	MakerID     int64 // 0: it was made in the shell
	Maker       string
	MakerActive bool // true in the shell
	KeyID       string
	Groups      []sso.Group // those it was given and in which its maker is now; sorted by id
	Lost        []sso.Group // those it was given and in which its maker is no more
	CreatedAt   time.Time
	ExpiresAt   time.Time // [Never] for no end
	LastUsed    time.Time // written in batches; zero: never
	RevokedAt   time.Time // zero: it is not
}

// Never is when a token ends that does not: GeneralizedTime's "no well-defined expiration date" (RFC 5280 §4.1.2.5). It is
// a date so that those who demand exp accept the token.
func Never() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Endless reports whether the token has no end.
func (t Token) Endless() bool { return !t.ExpiresAt.Before(Never()) }

// A State says whether a token works.
type State string

// The states of a token.
const (
	Works   State = "works"
	Revoked State = "revoked"
	Expired State = "expired"
	Stopped State = "stopped" // its maker is deactivated
)

// State says whether the token works at now, as far as its account is active.
func (t Token) State(now time.Time) State {
	switch {
	case !t.RevokedAt.IsZero():
		return Revoked
	case !now.Before(t.ExpiresAt):
		return Expired
	case !t.MakerActive:
		return Stopped
	}
	return Works
}

// A Hash is the SHA-256 of a token: all that is kept of it. A token with a good signature and another hash is not one that
// the bridge gave out, whoever has the key.
type Hash [sha256.Size]byte

// HashToken returns the hash of a token.
func HashToken(text string) Hash { return sha256.Sum256([]byte(text)) }

// A Holder is who presents a token.
type Holder struct {
	Account Account
	Token   Token
	Hash    Hash
}

// Judge says whether the token text, whose signature and times are good, stands for the holder. Each check has a name, so
// that an explanation shows it.
func (h *Holder) Judge(text string, x *sso.Exam) bool {
	for _, c := range []struct {
		name  string
		check func(*sso.Exam) error
	}{
		{"registered", func(x *sso.Exam) error { return h.registered(text, x) }},
		{"revoked", h.revoked},
		{"account", h.active},
		{"maker", h.maker},
		{"groups", h.groups},
	} {
		if !x.Check(c.name, c.check) {
			return false
		}
	}
	return x.Err == nil
}

func (h *Holder) registered(text string, x *sso.Exam) error {
	x.Note("token %q of the service account %q", h.Token.Name, h.Account.Name)
	if hash := HashToken(text); subtle.ConstantTimeCompare(hash[:], h.Hash[:]) != 1 {
		return fmt.Errorf("its jti is that of another token: %w", sso.TokenSignature)
	}
	return nil
}

func (h *Holder) revoked(x *sso.Exam) error {
	x.Note("not revoked")
	if !h.Token.RevokedAt.IsZero() {
		return fmt.Errorf("the token was revoked on %s: %w", h.Token.RevokedAt.UTC().Format(time.RFC3339), sso.TokenRevoked)
	}
	if !x.Now.Before(h.Token.ExpiresAt) { // its exp says the same, and allows for clocks
		return fmt.Errorf("the token ended on %s: %w", h.Token.ExpiresAt.UTC().Format(time.RFC3339), sso.TokenExpired)
	}
	return nil
}

func (h *Holder) active(x *sso.Exam) error {
	x.Note("the service account is active")
	if !h.Account.Active {
		return fmt.Errorf("the service account %q is deactivated: %w", h.Account.Name, sso.TokenRevoked)
	}
	return nil
}

func (h *Holder) maker(x *sso.Exam) error {
	switch {
	case h.Token.MakerID == 0:
		x.Note("made in the shell")
	case h.Token.Maker == "": // and its token is not one of the shell
		return fmt.Errorf("the account of whoever made the token is deleted: %w", sso.TokenRevoked)
	case !h.Token.MakerActive:
		return fmt.Errorf("%s, who made the token, is deactivated: %w", h.Token.Maker, sso.TokenRevoked)
	default:
		x.Note("made by %s", h.Token.Maker)
	}
	return nil
}

func (h *Holder) groups(x *sso.Exam) error {
	var names, lost []string
	for _, g := range h.Token.Groups {
		names = append(names, g.Name)
	}
	for _, g := range h.Token.Lost {
		lost = append(lost, g.Name)
	}
	note := "All Users"
	if len(names) > 0 {
		note += ", " + strings.Join(names, ", ")
	}
	if len(lost) > 0 {
		note += "; not " + strings.Join(lost, ", ") + ", in which its maker is no more"
	}
	x.Note("%s", note)
	return nil
}

// Principal is whom a request with the token acts for. It is in All Users, as everyone is.
func (h *Holder) Principal() *sso.Principal {
	groups := []sso.Group{{ID: sso.AllUsers, Name: sso.AllUsersName}}
	for _, g := range h.Token.Groups {
		if g.ID >= sso.FirstGroup {
			groups = append(groups, g)
		}
	}
	return &sso.Principal{
		How:      sso.ByService,
		Account:  sso.Account{FirstName: h.Account.Shown(), Active: true, Source: Provider},
		Groups:   groups,
		Provider: Provider,
		Subject:  h.Account.Name,
		Username: h.Account.Name,
		TokenID:  h.Token.ID,
		Maker:    h.Token.MakerID,
		Until:    h.Token.ExpiresAt,
	}
}

// Limits of what people write.
const (
	MaxName  = 64 // of an account, in bytes
	MaxLabel = 100
)

// CheckName refuses what is no name of a service account. No e-mail address is one: an app that knows people by their
// address must not take a service account for one of them.
func CheckName(name string) error {
	const want = "write small letters, digits, and single dots, hyphens or underscores between them, such as etl-nightly"
	switch {
	case name == "":
		return errors.New("is missing: " + want)
	case len(name) > MaxName:
		return fmt.Errorf("has at most %d characters", MaxName)
	}
	between := true // a separator may not stand here
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			between = false
		case (c == '.' || c == '-' || c == '_') && !between:
			between = true
		default:
			return errors.New(want)
		}
	}
	if between {
		return errors.New(want)
	}
	return nil
}

// CheckLabel refuses a label, or a token's name, that cannot be shown on one line.
func CheckLabel(label string) error {
	switch {
	case len(label) > MaxLabel:
		return fmt.Errorf("has at most %d bytes", MaxLabel)
	case label != sso.CleanText(label):
		return errors.New("has no line ends or other control characters, and no spaces around it")
	}
	return nil
}

// Lifetimes are the lives of tokens that people choose from, as OpenMetadata writes them; a number is days.
func Lifetimes() []string { return []string{"OneHour", "1", "7", "30", "60", "90", "Unlimited"} }

// MaxLifetime is the longest life but for one without end.
const MaxLifetime = 10 * 365 * 24 * time.Hour

// Ends is when a token ends that is made at now and lives for ttl: one of [Lifetimes], days, or a time such as 36h.
func Ends(ttl string, now time.Time) (time.Time, error) {
	now = now.Truncate(time.Second) // exp has whole seconds
	switch strings.ToLower(ttl) {
	case "unlimited":
		return Never(), nil
	case "onehour":
		return now.Add(time.Hour), nil
	}
	life, err := lifetime(ttl)
	if err != nil {
		return time.Time{}, fmt.Errorf("is one of %s, another number of days, or a time such as 36h", strings.Join(Lifetimes(), ", "))
	}
	if life < time.Minute || life > MaxLifetime {
		return time.Time{}, errors.New("is a minute or more, and at most 3650 days; or Unlimited")
	}
	return now.Add(life), nil
}

func lifetime(ttl string) (time.Duration, error) {
	days := strings.TrimSuffix(ttl, "d")
	if n, err := strconv.ParseUint(days, 10, 16); err == nil {
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(ttl)
}

// A Reader finds who has a token.
type Reader interface {
	// Holder returns who has the token of this jti; [sso.NotFound] when there is none.
	Holder(ctx context.Context, jti string) (*Holder, error)
}

// A Key is a key that signs the tokens, or did. Whoever keeps it knows nothing of its form.
type Key struct {
	ID        string // kid
	Algorithm string
	Public    []byte // DER (RFC 5280 SubjectPublicKeyInfo)
	Private   []byte // nil: the operator keeps it in a file
	CreatedAt time.Time
}
