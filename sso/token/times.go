package token

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// maxDate is the last second of the year 9999. Larger numbers are no dates but mistakes, or an attempt to overflow.
const maxDate = 253402300799

// clockDifference is how much longer a spent proof is kept than its token lives, for replicas whose clocks differ.
const clockDifference = 5 * time.Minute

// date is a NumericDate (RFC 7519 §2): seconds since 1970, which may have a fraction.
type date struct {
	sent bool
	text string // for people; short
	at   time.Time
}

// date reads a claim. A string, null, a list, or a number beyond the year 9999 is [sso.TokenMalformed]. The metabase profile
// does as Metabase's library does: null is no claim, and of a number beyond the year 9999, such as milliseconds, only the
// side counts on which it lies.
func (e *exam) date(name string) (date, error) {
	claim, sent := e.claims[name]
	asMetabase := e.Profile == sso.Metabase
	if !sent || claim == nil && asMetabase {
		return date{}, nil
	}
	n, ok := claim.(json.Number)
	if !ok {
		return date{}, fmt.Errorf("%s is %s: it must be a number, the seconds since 1970: %w", name, describe(claim), sso.TokenMalformed)
	}
	f, err := strconv.ParseFloat(n.String(), 64) // of a number that is too large it is infinite, and an error
	if asMetabase && !math.IsNaN(f) {
		f, err = max(-maxDate, min(f, maxDate)), nil
	}
	if err != nil || math.Abs(f) > maxDate {
		return date{}, fmt.Errorf("%s is %s, which is no date: it counts seconds since 1970, not milliseconds: %w",
			name, describe(n), sso.TokenMalformed)
	}
	whole := math.Floor(f)
	d := date{sent: true, text: n.String(), at: time.Unix(int64(whole), int64((f-whole)*1e9))}
	if len(d.text) > 20 {
		d.text = strconv.FormatFloat(whole, 'f', 0, 64)
	}
	return d, nil
}

// ago says how far apart two times are, in whole seconds.
func ago(from, to time.Time) string { return fmt.Sprintf("%d s", to.Unix()-from.Unix()) }

// early says what a date in the future means.
const early = "check the clock of the identity provider, which is ahead by that much at least, or that of this machine is behind"

// late says what an old token means. Nobody keeps an ID token that the token endpoint gave just now.
func (e *exam) late() string {
	if e.OpenID != nil {
		return "an ID token is made for the sign-in that it ends, so that the clocks of the identity provider and of this machine are that far apart; a token that was pasted may just be old"
	}
	if e.Use == ForBearer {
		return "get a new one; if it is new, check the clocks of both machines"
	}
	return "sign it freshly at each redirect, and check the clock of the identity provider"
}

// strictly is what wants each date.
func (e *exam) strictly() string {
	if e.OpenID != nil {
		return "an ID token"
	}
	return "the strict profile"
}

// expiry is RFC 7519 §4.1.4: on or after exp the token must not be accepted.
func (e *exam) expiry(x *sso.Exam) error {
	exp, err := e.date("exp")
	switch {
	case err != nil:
		return err
	case !exp.sent && e.Profile == sso.Strict:
		return fmt.Errorf("the token has no exp; %s needs one: %w", e.strictly(), sso.TokenUnbounded)
	case !exp.sent:
		x.Note("no exp")
	case !e.now.Before(exp.at.Add(e.leeway)):
		return sso.TokenExpired.About(exp.text, "the token expired %s ago (leeway %v): %s", ago(exp.at, e.now), e.leeway, e.late())
	case x.Explaining:
		x.Note("expires in %s", ago(e.now, exp.at))
	}
	return nil
}

// notBefore is RFC 7519 §4.1.5.
func (e *exam) notBefore(x *sso.Exam) error {
	nbf, err := e.date("nbf")
	switch {
	case err != nil:
		return err
	case !nbf.sent:
		x.Note("no nbf")
	case nbf.at.After(e.now.Add(e.leeway)):
		return sso.TokenNotYetValid.About(nbf.text, "the token becomes valid in %s (leeway %v): %s", ago(e.now, nbf.at), e.leeway, early)
	case x.Explaining:
		x.Note("valid since %s", ago(nbf.at, e.now))
	}
	return nil
}

// issuedAt judges iat (RFC 7519 §4.1.6), which bounds a token's age and with it how long it can be used.
func (e *exam) issuedAt(x *sso.Exam) error {
	iat, err := e.date("iat")
	switch {
	case err != nil:
		return err
	case !iat.sent && e.Profile == sso.Strict:
		return fmt.Errorf("the token has no iat; %s needs one: %w", e.strictly(), sso.TokenUnbounded)
	case !iat.sent:
		x.Note("no iat: the age is not known")
	case e.Profile != sso.Metabase && iat.at.After(e.now.Add(e.leeway)):
		return fmt.Errorf("the token's iat is %s in the future (leeway %v): %s: %w", ago(e.now, iat.at), e.leeway, early, sso.TokenFromFuture)
	case e.now.After(iat.at.Add(e.MaxAge + e.leeway)):
		return sso.TokenTooOld.About(int64(e.MaxAge/time.Second), "the token's iat is %s old; %sMAX_AGE allows %d s (leeway %v): %s",
			ago(iat.at, e.now), e.Settings, int64(e.MaxAge/time.Second), e.leeway, e.late())
	default:
		x.Note("%s old, at most %d s", ago(iat.at, e.now), int64(e.MaxAge/time.Second))
	}
	return nil
}

// lifetime refuses tokens that could be used for long: those that say nothing about time, and those without iat whose exp
// is far ahead. With iat, the age bounds it.
func (e *exam) lifetime(x *sso.Exam) error {
	exp, expErr := e.date("exp")
	iat, iatErr := e.date("iat")
	switch {
	case expErr != nil || iatErr != nil: // said before
	case !exp.sent && !iat.sent && e.Profile == sso.Metabase:
		x.Note("neither exp nor iat: whoever finds this token can use it for ever")
	case !exp.sent && !iat.sent:
		return fmt.Errorf("the token has neither exp nor iat, so it could be used for ever: add both: %w", sso.TokenUnbounded)
	case e.Profile == sso.Metabase || iat.sent:
		x.Note("bounded")
	case exp.at.After(e.now.Add(e.MaxLifetime + e.leeway)):
		return fmt.Errorf("the token has no iat and its exp is %s ahead; %sMAX_LIFETIME allows %d s: add iat: %w",
			ago(e.now, exp.at), e.Settings, int64(e.MaxLifetime/time.Second), sso.TokenUnbounded)
	default:
		x.Note("bounded by exp")
	}
	return nil
}

// issued is when the token was signed: as it says, or at the earliest that MaxLifetime allows for its exp.
func (e *exam) issued() time.Time {
	if iat, err := e.date("iat"); err == nil && iat.sent {
		return iat.at
	}
	if exp, err := e.date("exp"); err == nil && exp.sent {
		return exp.at.Add(-e.MaxLifetime)
	}
	return time.Time{}
}

// until is when no replica would accept the token any more (SECURITY C3).
func (e *exam) until() time.Time {
	end := time.Unix(maxDate, 0)
	if exp, err := e.date("exp"); err == nil && exp.sent {
		end = earlier(end, exp.at.Add(e.leeway))
	}
	if iat, err := e.date("iat"); err == nil && iat.sent {
		end = earlier(end, iat.at.Add(e.MaxAge+e.leeway))
	}
	return end.Add(clockDifference)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
