package sso

import (
	"fmt"
	"time"
)

// A Check is one condition that a login met, in the words of the person who configures the IdP.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// An Exam is the course of one login: when it is judged, the checks in the order they were made, and what is known so
// far. A login stops at its first failure. An explanation goes on as far as what is known allows, so that one look
// shows everything that must change.
type Exam struct {
	Now        time.Time
	Network    string  // where the token came from; "": not known
	Explaining bool    // every check is recorded, and the exam goes on after a failure
	Checks     []Check // filled only when Explaining
	Err        error   // the first failure; nil when all passed

	// What verification found. Each stays zero until the step that establishes it was reached.
	KeyID    string // which key verified the signature: a kid, or a secret's place in the list
	Claims   Claims
	Proof    Proof
	Identity Identity
	Issued   time.Time // when the token was signed, at the earliest; zero: it does not say
	Until    time.Time // when a token that comes with each request stops being good, at the latest; of a logout token, when each login of before is over
	Claimed  string    // the e-mail that a refused token names, cleaned and short; proven only when Proof is set

	GroupsUntil time.Time // when whoever knows the groups is to be asked again, at the latest; zero: that is not known

	// What the token must prove about the flow that led to it. Empty: nothing is asked.
	Nonce     string
	Refreshes string // the sub of the session that the token refreshes (OpenID Connect Core §12.2); "": it opens one
	Challenge string // RFC 7636 §4.2, for an IdP that returns it as a claim

	AccessToken string // came beside an ID token; "": none did

	detail string
}

// Check runs one condition and reports whether the exam goes on.
func (x *Exam) Check(name string, condition func(*Exam) error) bool {
	x.detail = ""
	err := condition(x)
	if err != nil && x.Err == nil {
		x.Err = err
	}
	if x.Explaining {
		detail := x.detail
		if err != nil {
			detail = Reason(err)
		}
		x.Checks = append(x.Checks, Check{Name: name, OK: err == nil, Detail: detail})
	}
	return x.GoesOn()
}

// GoesOn reports whether there is anything left to judge.
func (x *Exam) GoesOn() bool { return x.Err == nil || x.Explaining }

// Note says what the running check found. Outside an explanation it costs nothing.
func (x *Exam) Note(format string, args ...any) {
	if x.Explaining {
		x.detail = fmt.Sprintf(format, args...)
	}
}
