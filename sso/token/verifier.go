package token

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/keyset"
)

// A Verifier judges the tokens of one provider: those of logins, unless Use says otherwise. It is an [sso.Verifier] and safe for concurrent use. The zero
// Verifier refuses every token with [sso.Disabled].
type Verifier struct {
	Use      Use
	Provider string // the provider's name; goes into the identity
	Settings string // how the names of its settings begin, such as "JWT_"; for messages
	Scope    string // keeps its used tokens apart from those of providers with another; without NUL
	Profile  sso.Profile
	Keys     keyset.Set
	Names    claim.Mapping

	// What iss and aud must be. "": not checked, but in [sso.Strict] then nothing passes. [sso.Metabase] looks at neither.
	Issuer, Audience string
	AudienceName     string // what Audience is from, for messages; "": the setting AUDIENCE

	// Audiences are, of a token [ForBearer], those of which aud must name one, in the place of Audience; AnyAudience takes each.
	Audiences   []string
	AnyAudience bool

	// AccessToken wants tokens [ForBearer] to say in their typ that they are for an API: nothing else tells them from those of logins.
	AccessToken bool

	// Validator is asked before the keys, which may then be nil: what it takes is good, and what it does not take is judged by the
	// keys. With ValidateAll both must take it. It is not asked about ID tokens.
	Validator   Validator
	ValidateAll bool

	UnverifiedEmail bool // of tokens [ForBearer]: an e-mail counts though email_verified is false

	Require []claim.Requirement // what other claims must be, in every profile

	MaxAge      time.Duration // how old iat may be; 0: nothing passes that has one
	Leeway      time.Duration // how far the IdP's clock may be off, added to MaxAge too; [sso.Metabase] has none
	MaxLifetime time.Duration // how far ahead exp may be in a token without iat ([sso.Standard]); of [ForBearer] after iat, too

	OpenID *OpenID // for ID tokens of OpenID Connect; nil: they are others
}

// exam is one token before one Verifier.
type exam struct {
	*Verifier
	ctx   context.Context
	token string
	have  stage

	now      time.Time     // whole seconds in the metabase profile
	leeway   time.Duration // 0 in the metabase profile
	compact  compact
	header   header
	keys     []keyset.Key
	pending  error      // why there may be other keys than these; nil: there are none
	key      keyset.Key // that verified the signature
	word     word       // of the Validator
	verified bool
	claims   sso.Claims
}

// stage is a set of what is known about a token so far.
type stage uint8

const (
	hasParts stage = 1 << iota
	hasHeader
	hasKeys
	hasClaims
)

// step is one check. An explanation leaves it out when a failure before it kept back what it needs.
type step struct {
	name  string
	needs stage
	check func(*exam, *sso.Exam) error
}

// steps returns the checks in their order. The signature comes before all claims, so that an expired forgery is a forgery
// (CVE-2024-51744); then exp, nbf and age, in Metabase's order.
func steps() []step {
	return []step{
		{"size", 0, (*exam).size},
		{"form", 0, (*exam).form},
		{"header", hasParts, (*exam).parseHeader},
		{"algorithm", hasHeader, (*exam).algorithm},
		{"key", hasHeader, (*exam).findKeys},
		{"signature", hasKeys, (*exam).signature},
		{"claims", hasParts, (*exam).parseClaims},
		{"type", hasHeader, (*exam).typ},
		{"expiry", hasClaims, (*exam).expiry},
		{"not_before", hasClaims, (*exam).notBefore},
		{"issued_at", hasClaims, (*exam).issuedAt},
		{"lifetime", hasClaims, (*exam).lifetime},
		{"issuer", hasClaims, (*exam).issuer},
		{"audience", hasClaims, (*exam).audience},
		{"require", hasClaims, (*exam).require},
		{"token_id", hasClaims, (*exam).tokenID},
		{"nonce", hasClaims, (*exam).nonce},
		{"code_challenge", hasClaims, (*exam).challenge},
		{"identity", hasClaims, (*exam).identity},
	}
}

// Verify implements [sso.Verifier]. x.Proof and x.KeyID are set only for a token whose signature was verified, x.Proof not
// for one [ForBearer]. x.Claims and x.Identity are as well, but for an explanation, which shows them although a check failed.
//
// Errors, besides those of [claim.Mapping.Identify]: [sso.TokenMalformed], [sso.TokenSignature], [sso.KeyUnknown],
// [sso.ProviderUnavailable], [sso.TokenType], [sso.TokenExpired], [sso.TokenNotYetValid], [sso.TokenTooOld],
// [sso.TokenFromFuture], [sso.TokenUnbounded], [sso.TokenIssuer], [sso.TokenAudience], [sso.TokenClaim],
// [sso.TokenIDMissing], [sso.FlowMismatch].
func (v *Verifier) Verify(ctx context.Context, token string, x *sso.Exam) {
	if err := v.configured(); err != nil {
		x.Check("settings", func(*sso.Exam) error { return err })
		return
	}
	e := v.exam(ctx, token, x.Now)
	defer e.noteClaimed(x)
	for _, s := range v.steps() {
		if e.have&s.needs != s.needs {
			continue
		}
		if !x.Check(s.name, func(x *sso.Exam) error { return s.check(e, x) }) {
			return
		}
	}
}

func (v *Verifier) exam(ctx context.Context, token string, now time.Time) *exam {
	e := &exam{Verifier: v, ctx: ctx, token: token, now: now, leeway: v.Leeway}
	if v.Profile == sso.Metabase {
		e.now, e.leeway = time.Unix(now.Unix(), 0), 0
	}
	return e
}

// steps are those of this verifier.
func (v *Verifier) steps() []step {
	switch {
	case v.Use == ForBearer:
		return bearerSteps
	case v.Use == ForLogout:
		return logoutSteps()
	case v.OpenID != nil:
		return openIDSteps()
	case v.Validator != nil:
		return validatedSteps()
	}
	return steps()
}

// noteClaimed keeps whom a refused token names, so that the refusal is found when that person is looked for. No refusal of a
// token that comes with each request is kept.
func (e *exam) noteClaimed(x *sso.Exam) {
	if x.Err == nil || e.have&hasParts == 0 || e.Use == ForBearer && !x.Explaining {
		return
	}
	claims := e.claims
	if claims == nil { // a payload that cannot be read names nobody
		claims, _ = parseObject(e.compact.payload)
	}
	x.Claimed = sso.Truncate(sso.CleanText(e.Names.Claimed(claims)), maxClaimed)
}

// maxClaimed is the length of an address (RFC 5321 §4.5.3.1.3).
const maxClaimed = 254

func (v *Verifier) configured() error {
	if v == nil || v.Keys == nil && v.Validator == nil || v.Names.Email == "" {
		return fmt.Errorf("no keys or no claim names are set: %w", sso.Disabled)
	}
	if _, err := sso.ParseProfile(string(v.Profile)); err != nil {
		return fmt.Errorf("the profile %w: %w", err, sso.Disabled)
	}
	if v.OpenID != nil && (v.Profile != sso.Strict || v.Issuer == "" || v.Audience == "") {
		return fmt.Errorf("ID tokens are judged strictly, with issuer and client id: %w", sso.Disabled)
	}
	return nil
}

func (e *exam) size(x *sso.Exam) error {
	if x.Explaining {
		x.Note("%d bytes of at most %d", len(e.token), MaxSize)
	}
	return checkSize(e.token)
}

func (e *exam) form(x *sso.Exam) (err error) {
	if len(e.token) > MaxSize {
		return fmt.Errorf("not looked at: the token is too long: %w", sso.TokenMalformed)
	}
	if e.compact, err = split(e.token); err != nil {
		return err
	}
	e.have |= hasParts
	x.Note("three parts of base64url")
	return nil
}

func (e *exam) parseHeader(x *sso.Exam) (err error) {
	if e.header, err = parseHeader(e.compact.header); err != nil {
		return err
	}
	e.have |= hasHeader
	if x.Explaining {
		x.Note("alg %s, kid %s", sso.Quote(e.header.alg), sso.Quote(e.header.kid))
	}
	return nil
}

func (e *exam) algorithm(x *sso.Exam) error {
	if x.Explaining {
		x.Note("%s", sso.Quote(e.header.alg))
	}
	return checkAlgorithm(e.header.alg)
}

func (e *exam) findKeys(x *sso.Exam) (err error) {
	if e.Keys == nil { // after a refusal, in an explanation
		return fmt.Errorf("there is no key, so that the validation server alone decides: %w", sso.KeyUnknown)
	}
	if e.keys, err = keyset.Candidates(e.ctx, e.Keys, e.header.kid, e.header.alg, e.now); len(e.keys) == 0 {
		return err
	}
	e.pending = err
	e.have |= hasKeys
	x.Note("%d to try", len(e.keys))
	return nil
}

func (e *exam) signature(x *sso.Exam) error {
	i := slices.IndexFunc(e.keys, func(k keyset.Key) bool { return k.Verify(e.compact.signingInput, e.compact.signature) })
	if i >= 0 {
		e.verified, e.key = true, e.keys[i]
		x.KeyID = e.keys[i].ID
		if x.Explaining {
			x.Note("signed with %s", e.keys[i])
		} else {
			e.keys[i].Used(x.Now)
		}
		return nil
	}
	if e.pending != nil {
		return e.pending
	}
	if e.Use == ForBearer && !x.Explaining { // tokens of API clients come by the thousand, and no event keeps the hint
		return errForged
	}
	hint := keyset.Diagnose(e.keys, e.compact.signingInput, e.compact.signature)
	if hint == "" && x.Explaining { // the log stays short
		hint = keyset.Compare(e.keys)
	}
	return forged(hint)
}

var errForged = forged("")

func forged(hint string) error {
	return fmt.Errorf("the signature does not fit: the token was changed, or the identity provider signs with another secret or key%s: %w",
		hint, sso.TokenSignature)
}

func (e *exam) parseClaims(x *sso.Exam) error {
	claims, err := parseObject(e.compact.payload) // RFC 7519 §7.2 step 10
	if err != nil {
		return fmt.Errorf("the token's claims: %w: %w", err, sso.TokenMalformed)
	}
	e.claims, x.Claims = claims, claims
	e.have |= hasClaims
	if e.verified && e.Use != ForBearer { // which is used again and again, so that it proves no sign-in
		x.Proof = sso.Proof{Key: e.proofKey(), Until: e.until()}
		x.Issued = e.issued()
	}
	x.Note("%d claims", len(claims))
	return nil
}

// maxID bounds jti; a longer one does not name a token.
const maxID = 255

// proofKey names the token by (iss, jti) if it has a jti, else by what was signed (SECURITY C2). Text with NUL, which
// separates the two, could name another issuer's token.
func (e *exam) proofKey() string {
	iss, _ := e.claims.String("iss")
	jti := e.id()
	if jti == "" || strings.ContainsRune(iss, 0) || strings.ContainsRune(jti, 0) {
		return sso.ProofByContent(e.Scope, e.compact.signingInput)
	}
	return sso.ProofByID(e.Scope, iss, jti)
}

// id is the token's jti (RFC 7519 §4.1.7); "" when it has none that can be used.
func (e *exam) id() string {
	if jti, _ := e.claims.String("jti"); len(jti) <= maxID {
		return jti
	}
	return ""
}

// typ is RFC 8725 §3.11: a token made for something else (at+jwt, logout+jwt, our own) is no login.
func (e *exam) typ(x *sso.Exam) error {
	typ, ok := e.header.typ.(string)
	if e.header.typ != nil && !ok {
		return fmt.Errorf("the header's typ is not a string: %w", sso.TokenMalformed)
	}
	if x.Explaining {
		x.Note("typ %s", sso.Quote(typ))
	}
	if err := notLogout(e.claims); err != nil {
		return err
	}
	return checkType(typ)
}

func checkType(typ string) error {
	if typ == "" || strings.EqualFold(typ, "JWT") { // RFC 7519 §5.1
		return nil
	}
	return fmt.Errorf("the header's typ is %s; a login token has JWT or none: %w", sso.Quote(typ), sso.TokenType)
}

// issuer is RFC 7519 §4.1.1.
func (e *exam) issuer(x *sso.Exam) error {
	if !e.judges(x, e.Issuer, e.Settings+"ISSUER") {
		return nil
	}
	if iss, ok := e.claims.String("iss"); e.Issuer == "" || !ok || iss != e.Issuer {
		return fmt.Errorf("the token's iss is %s; %sISSUER is %s: %w", describe(e.claims["iss"]), e.Settings, sso.Quote(e.Issuer), sso.TokenIssuer)
	}
	return nil
}

// audience is RFC 7519 §4.1.3: a string, or a list of which one is ours.
func (e *exam) audience(x *sso.Exam) error {
	setting := cmp.Or(e.AudienceName, e.Settings+"AUDIENCE")
	if !e.judges(x, e.Audience, setting) {
		return nil
	}
	if e.Audience != "" && isFor(e.claims["aud"], e.Audience) {
		return nil
	}
	return fmt.Errorf("the token's aud is %s; %s is %s: %w", describe(e.claims["aud"]), setting, sso.Quote(e.Audience), sso.TokenAudience)
}

// require holds the token to what the configuration asks of claims.
func (e *exam) require(x *sso.Exam) error {
	if len(e.Require) == 0 {
		x.Note("no other claim is required")
		return nil
	}
	x.Note("%d claims are as required", len(e.Require))
	for _, r := range e.Require {
		if !r.Met(e.claims) {
			value, _ := r.Claim.In(e.claims)
			return fmt.Errorf("the token's %s is %s; it must be %s: %w", sso.Quote(r.Claim.String()), describe(value),
				sso.Quote(strings.Join(r.Values, " or ")), sso.TokenClaim)
		}
	}
	return nil
}

// judges reports whether the profile checks a claim that setting configures.
func (e *exam) judges(x *sso.Exam, want, setting string) bool {
	switch {
	case e.Profile == sso.Metabase:
		x.Note("not checked in the metabase profile")
		return false
	case e.Profile != sso.Strict && want == "":
		x.Note("not checked: %s is not set", setting)
		return false
	}
	if x.Explaining {
		x.Note("%s", sso.Quote(want))
	}
	return true
}

// isFor reports whether aud names want. A list with anything but strings names no one.
func isFor(aud any, want string) bool {
	list, ok := aud.([]any)
	if !ok {
		return aud == any(want)
	}
	for _, a := range list {
		if _, ok := a.(string); !ok {
			return false
		}
	}
	return slices.Contains(list, any(want))
}

// describe shows a claim in a message.
func describe(claim any) string {
	switch c := claim.(type) {
	case nil:
		return "absent or null"
	case string:
		return sso.Quote(c)
	}
	text, err := json.Marshal(claim)
	if err != nil {
		return fmt.Sprintf("a %T", claim)
	}
	return sso.Shorten(string(text), 100)
}

func (e *exam) tokenID(x *sso.Exam) error {
	id := e.id()
	switch {
	case id != "":
		x.Note("jti %s", sso.Quote(id))
	case e.Profile == sso.Strict:
		return fmt.Errorf("the strict profile needs a jti: a string of 1 to %d bytes, different in each token: %w", maxID, sso.TokenIDMissing)
	default:
		x.Note("no jti: the token is known by its content")
	}
	return nil
}

// nonce is compared if the token has one: an IdP need not know the claim, and state binds the login too (CONTRACT 5).
func (e *exam) nonce(x *sso.Exam) error {
	sent, ok := e.claims["nonce"]
	switch nonce, _ := sent.(string); {
	case x.Nonce == "" || !ok:
		x.Note("nothing to compare")
	case subtle.ConstantTimeCompare([]byte(nonce), []byte(x.Nonce)) != 1:
		return fmt.Errorf("the token's nonce is not the one that this login was given: %w", sso.FlowMismatch)
	}
	return nil
}

// challenge binds the token to the flow for an IdP without a token endpoint: it must return the challenge it was sent.
func (e *exam) challenge(x *sso.Exam) error {
	if x.Challenge == "" {
		x.Note("not asked for")
		return nil
	}
	sent, _ := e.claims.String("code_challenge")
	if subtle.ConstantTimeCompare([]byte(sent), []byte(x.Challenge)) != 1 {
		return fmt.Errorf("the token's code_challenge must be the one that this login was sent: %w", sso.FlowMismatch)
	}
	return nil
}

func (e *exam) identity(x *sso.Exam) (err error) {
	if x.Identity, err = e.Names.Identify(e.Provider, e.claims); err != nil {
		x.Identity = sso.Identity{}
		return err
	}
	if x.Explaining {
		x.Note("%s", e.Names.Describe(x.Identity, e.claims))
	}
	return nil
}
