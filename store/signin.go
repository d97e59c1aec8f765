package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// The statements of a login.
const (
	spendProof = `INSERT INTO proofs (key, keep_until, spent_at, session) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`

	// Finding an account for a login locks it: another login of the same person waits here, and sees what this one did.
	findByEmail    = `UPDATE accounts SET last_login = $2, ` + noteClaim + ` WHERE email_key = $1 RETURNING ` + people.Columns
	findLinked     = `UPDATE accounts SET last_login = $2, ` + noteClaim + ` WHERE id = (` + findSubjectOf + `$5 AND subject = $1) RETURNING ` + people.Columns
	noteClaim      = `mark = CASE WHEN $3 = '' THEN mark ELSE $3 END, idp_groups = CASE WHEN $4 = '' OR source NOT IN ('', $5) THEN idp_groups ELSE $4 END`
	findSubjectOf  = `SELECT account_id FROM identities WHERE provider = `
	findGroups     = `SELECT g.id, g.name FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.account_id = $1`
	insertIdentity = `INSERT INTO identities (provider, subject, account_id, linked_at) VALUES ($1, $2, $3, $4)`
	newSession     = `INSERT INTO sessions
		(hash, account_id, provider, proof, flow, created_at, last_used, peer, user_agent, idp_subject, idp_session, proved_at, refreshed_at,
		expires_at) SELECT $1, $2, $3, $4, $5, $6, $7, $9, $10, $11, $12, $6, $13, `
	insertSession = newSession + "$8"

	// The settings by which a sign-in was judged are in force until it is kept, or it opens nothing (SECURITY D8): a session without
	// an end is refused.
	endIfJudged = `(SELECT CAST($8 AS BIGINT) FROM counters WHERE name = 'settings' AND value = $14`
)

// SignIn implements [sso.Store]: one transaction, in which each step below carries out what the policy decides.
func (s *Store) SignIn(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	ctx, err := s.admitted(ctx)
	if err != nil {
		return nil, err
	}
	note, err := noteOfToken(x)
	if err != nil {
		return nil, err
	}
	l, err := s.signIn(ctx, x, in, (*attempt).passed, (*attempt).noteGroups, note.keep, (*attempt).open)
	if err != nil {
		return nil, err
	}
	s.seen.note(x.Identity.Provider, l.noted, x.Now)
	return &l.out, nil
}

// TrySignIn implements [sso.Store]. It opens no session: it may be by settings that nobody has saved.
func (s *Store) TrySignIn(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	l, err := s.signIn(ctx, x, in, (*attempt).judgeNotices, func(*attempt, context.Context) error { return sqldb.ErrUndo })
	if err != nil {
		return nil, err
	}
	if !l.known {
		l.out.Account.ID = 0 // it was undone
	}
	return &l.out, nil
}

// signIn runs the steps that each sign-in has, and then those of its end.
func (s *Store) signIn(ctx context.Context, x *sso.Exam, in sso.Attempt, end ...func(*attempt, context.Context) error) (*attempt, error) {
	checks, failed := len(x.Checks), x.Err
	var l *attempt
	err := s.writing(ctx, func(c *conn) error {
		x.Checks, x.Err = x.Checks[:checks], failed // a transaction that lost a race begins anew
		l = &attempt{Store: s, c: c, x: x, in: in}
		l.askAhead()
		for _, step := range append([]func(*attempt, context.Context) error{(*attempt).spend, (*attempt).admit, (*attempt).syncGroups}, end...) {
			if err := step(l, ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return l, err
}

// An attempt is one sign-in inside its transaction.
type attempt struct {
	*Store
	c     *conn
	x     *sso.Exam
	in    sso.Attempt
	out   sso.SignedIn
	known bool     // the account was there before
	stale bool     // what others know of the account is out of date
	noted []string // names of groups that were written down as seen
	moved string   // in words: which memberships changed; "" for none
	doubt string   // in words: what of the groups claim was not understood; "" for nothing

	// What most sign-ins ask in any case, so that a database far away is asked once. nil: this one does not ask it.
	ahead struct {
		proof, flow, account, groups *sqldb.Answer
	}
}

// askAhead asks what needs no answer before it. The account is locked before its groups are read.
func (l *attempt) askAhead() {
	if l.x.Refreshes != "" { // its proof is the refresh token, which the provider has spent
		return
	}
	id, proof := l.x.Identity, l.x.Proof
	if l.in.Policy.SingleUse && proof.Key != "" {
		l.ahead.proof = l.spendOnce(proof.Key, proof.Until)
	}
	if l.in.FlowKey != "" {
		// The flow itself ends earlier; the rest is for clocks of replicas that differ.
		l.ahead.flow = l.spendOnce(l.in.FlowKey, l.x.Now.Add(2*sso.FlowLifetime))
	}
	find, key, whose := findByEmail, address.Key(id.Email), "(SELECT id FROM accounts WHERE email_key = $1)"
	args := []any{key}
	if id.Subject.Kind == sso.SubjectClaim {
		find, key, whose = findLinked, id.Subject.Value, "("+findSubjectOf+"$1 AND subject = $2)"
		args = []any{id.Provider, key}
	}
	l.ahead.account = l.c.Soon(find, key, l.x.Now, l.in.Digest, people.KeptGroups(id), id.Provider)
	if names := l.in.Policy.NamesToResolve(id); len(names) > 0 && len(names) <= fewNames {
		query, args := groupsAndNames(whose, args, names)
		l.ahead.groups = l.c.Soon(query, args...)
	}
}

// spendOnce spends a key. [attempt.spentBefore] says what came of it.
func (l *attempt) spendOnce(key string, until time.Time) *sqldb.Answer {
	return l.c.Soon(spendProof, key, until, l.x.Now, l.in.Session.Hash)
}

// check makes one decision. An exam that goes on after a refusal writes nothing from there on.
func (l *attempt) check(name string, condition func(*sso.Exam) error) error {
	if !l.x.Check(name, condition) {
		return l.x.Err
	}
	return nil
}

func (l *attempt) writes() bool { return l.x.Err == nil }

// passed lets nothing be opened for an exam that went on after a failure.
func (l *attempt) passed(context.Context) error { return l.x.Err }

// spend uses up the proof and the flow (SECURITY C1, C3, C4). The database's unique key is what decides a race.
func (l *attempt) spend(ctx context.Context) error {
	if l.x.Refreshes != "" { // see askAhead
		return nil
	}
	proof, single := l.x.Proof, l.in.Policy.SingleUse
	if single && proof.Key == "" && l.writes() {
		return fmt.Errorf("a token of single use came without a proof: %w", sso.Internal)
	}
	used, err := l.spentBefore(ctx, l.ahead.proof, proof.Key)
	if err != nil {
		return err
	}
	flowUsed, err := l.spentBefore(ctx, l.ahead.flow, l.in.FlowKey)
	if err != nil {
		return err
	}
	return l.check("single_use", func(x *sso.Exam) error {
		switch {
		case !used.IsZero():
			return fmt.Errorf("the token was used before, at %s: %w", used.Format(time.RFC3339), sso.TokenReplayed)
		case !flowUsed.IsZero():
			return fmt.Errorf("the login that this browser began was finished before, at %s: %w",
				flowUsed.Format(time.RFC3339), sso.FlowMismatch)
		case !single:
			x.Note("the profile lets a token be used again")
		case proof.Key == "":
			x.Note("not judged: the signature was not verified")
		default:
			x.Note("first use")
		}
		return nil
	})
}

// spentBefore is when the key was spent before: zero when it was not, or was not to be spent.
func (l *attempt) spentBefore(ctx context.Context, answer *sqldb.Answer, key string) (at time.Time, err error) {
	if answer == nil {
		return at, nil
	}
	n, err := answer.Changed(ctx)
	if err != nil || n == 1 {
		return at, err
	}
	found, err := l.c.One(ctx, []any{sqldb.Time(&at)}, "SELECT spent_at FROM proofs WHERE key = $1", key)
	if err == nil && !found {
		err = sqldb.ErrLost // swept between the two statements
	}
	return at, err
}

// admit finds or provisions the account, and brings names, e-mail and attributes up to date.
func (l *attempt) admit(ctx context.Context) error {
	id := l.x.Identity
	found, match, err := l.find(ctx)
	if err != nil {
		return err
	}
	taken := false
	if found != nil && address.Key(id.Email) != address.Key(found.Email) {
		if taken, err = l.emailTaken(ctx, id.Email); err != nil {
			return err
		}
	}
	if err := l.check("account", func(x *sso.Exam) (err error) {
		l.out.Admitted, err = l.in.Policy.Admit(found, id, match)
		if err == nil && taken {
			err = fmt.Errorf("the e-mail of account %d is now %s, which another account has: %w", found.ID, id.Email, sso.LinkRefused)
		}
		x.Note("%s", l.admission(found))
		return err
	}); err != nil {
		return err
	}
	for _, current := range l.in.Current {
		if leaves := found == nil || found.ID != current; leaves && !l.in.Switch {
			return &sso.SwitchNeeded{From: current, To: id} // SECURITY C5, C8
		}
	}
	l.known = found != nil
	account := id.Updated(found, l.out.Admitted, taken, l.x.Now)
	if l.writes() {
		if err := l.save(ctx, found, &account); err != nil {
			return err
		}
		if err := l.link(ctx, account.ID, found, match); err != nil {
			return err
		}
	}
	l.out.Account = account
	return nil
}

// find locks the account that the identity means, if there is one, and says how it was found.
func (l *attempt) find(ctx context.Context) (found *sso.Account, match sso.Match, err error) {
	if l.x.Refreshes != "" {
		return l.findAgain(ctx)
	}
	id := l.x.Identity
	bySubject := id.Subject.Kind == sso.SubjectClaim
	found, err = people.Answered(ctx, l.ahead.account)
	if bySubject {
		if found != nil || err != nil {
			return found, sso.MatchSubject, err
		}
		found, err = people.One(ctx, l.c, findByEmail, address.Key(id.Email), l.x.Now, l.in.Digest, people.KeptGroups(id), id.Provider)
		if found != nil {
			l.ahead.groups = nil // nobody's
		}
	}
	if found == nil || err != nil || !bySubject && (found.Source == "" || found.Source == id.Provider) {
		return found, sso.MatchEmail, err
	}
	// The subject may be linked after all: by a login of the same person, for which the lock has just waited.
	var sub string
	has, err := l.c.One(ctx, []any{&sub}, "SELECT subject FROM identities WHERE account_id = $1 AND provider = $2",
		found.ID, id.Provider)
	switch {
	case has && sub == sso.EmailLink(id.Email):
		return found, sso.MatchLinked, err
	case !has || !bySubject || strings.HasPrefix(sub, " "): // linked by an e-mail that the person has no more
		return found, sso.MatchEmail, err
	case sub == id.Subject.Value:
		return found, sso.MatchSubject, err
	}
	return found, sso.MatchOtherSubject, err
}

func (l *attempt) emailTaken(ctx context.Context, email string) (bool, error) {
	var one int
	return l.c.One(ctx, []any{&one}, "SELECT 1 FROM accounts WHERE email_key = $1", address.Key(email))
}

func (l *attempt) admission(found *sso.Account) string {
	switch {
	case found == nil:
		return "a new account for " + l.x.Identity.Email
	case l.out.Admitted == sso.AdmittedReactivated:
		return fmt.Sprintf("account %d, reactivated", found.ID)
	}
	return fmt.Sprintf("account %d", found.ID)
}

// save writes the account: a new row, or what changed (last_login was written by the lock). Who keeps the e-mail keeps its
// key, which of two accounts with one mailbox is another than EmailKey makes (see people.RenewEmailKeys).
func (l *attempt) save(ctx context.Context, found *sso.Account, a *sso.Account) error {
	if found == nil {
		id, err := insertAccount(ctx, l.c, *a, "", loginNote{l.in.Digest, people.KeptGroups(l.x.Identity)})
		if err == nil && id == 0 {
			err = sqldb.ErrLost // the same person, at the same time
		}
		a.ID = id
		return err
	}
	if a.Email == found.Email && a.FirstName == found.FirstName && a.LastName == found.LastName && a.Active == found.Active &&
		a.Source == found.Source && setText(a.Synced) == setText(found.Synced) {
		return nil
	}
	l.stale = true
	key := ""
	_, err := l.c.One(ctx, []any{&key}, `UPDATE accounts SET email = $2, email_key = CASE WHEN email = $2 THEN email_key ELSE $3 END,
		first_name = $4, last_name = $5, active = $6, source = $7, synced = $8,
		words_of = CASE WHEN email = $2 AND first_name = $4 AND last_name = $5 THEN words_of ELSE $9 END WHERE id = $1 RETURNING email_key`,
		a.ID, a.Email, address.Key(a.Email), a.FirstName, a.LastName, a.Active, a.Source, setText(a.Synced), people.TextOfWords(*a))
	if err != nil || people.TextOfWords(*a) == people.TextOfWords(*found) {
		return err
	}
	return people.SetWords(ctx, l.c, *a, key, true)
}

// link remembers the subject, so that the person is found by it from now on, whatever the e-mail; or the e-mail, see
// [sso.LinkedByEmail]. A subject takes the place of an e-mail.
func (l *attempt) link(ctx context.Context, accountID int64, found *sso.Account, match sso.Match) error {
	id := l.x.Identity
	subject, insert := sso.LinkedByEmail(found, id, match), insertIdentity+" ON CONFLICT DO NOTHING"
	if id.Subject.Kind == sso.SubjectClaim && match != sso.MatchSubject {
		subject, insert = id.Subject.Value, insertIdentity
	}
	if subject == "" {
		return nil
	}
	if err := l.c.Later(ctx, "DELETE FROM identities WHERE provider = $1 AND subject LIKE ' %' AND (account_id = $2 OR subject = $3)",
		id.Provider, accountID, subject); err != nil {
		return err
	}
	return l.c.Later(ctx, insert, id.Provider, subject, accountID, l.x.Now)
}

// syncGroups brings the memberships to what the policy plans. Ids are sorted: two logins must not lock them crosswise.
func (l *attempt) syncGroups(ctx context.Context) error {
	var current []sso.Group
	var err error
	var named map[string]int64
	names := l.in.Policy.NamesToResolve(l.x.Identity)
	switch {
	case l.ahead.groups != nil:
		current, named, err = groupsAnswered(ctx, l.ahead.groups)
	case l.known:
		current, named, err = groupsOf(ctx, l.c, l.out.Account.ID, names)
	default:
		named, err = groupIDs(ctx, l.c, names)
	}
	if err != nil {
		return err
	}
	plan := l.in.Policy.PlanGroups(l.x.Identity, named, ids(current))
	added, err := l.existing(ctx, plan.Add, named)
	if err != nil {
		return err
	}
	if plan.Remove, err = l.keepLastAdministrator(ctx, plan.Remove); err != nil {
		return err
	}
	for _, name := range l.in.Policy.MissingGroups(l.x.Identity, named) {
		l.warn("a mapping names group %q, which does not exist", name)
	}
	l.out.Added, l.out.Removed = ids(added), plan.Remove
	l.out.Groups = withAllUsers(slices.DeleteFunc(slices.Concat(current, added), func(g sso.Group) bool {
		return slices.Contains(plan.Remove, g.ID)
	}))
	l.moved = changesOf(l.out, current)
	if l.doubt, err = l.groupDoubts(ctx, named); err != nil {
		return err
	}
	if err := l.check("groups", func(x *sso.Exam) error {
		x.Note("%s", l.groupsNote())
		return nil
	}); err != nil || !l.writes() {
		return err
	}
	for _, id := range l.out.Removed {
		if err := l.c.Later(ctx, deleteMembership, l.out.Account.ID, id); err != nil {
			return err
		}
	}
	for _, id := range l.out.Added {
		if err := l.c.Later(ctx, insertMembership, l.out.Account.ID, id, sso.MemberBySync, l.x.Now); err != nil {
			return err
		}
	}
	l.stale = l.stale || len(l.out.Added)+len(l.out.Removed) > 0
	return nil
}

// existing returns those of the groups that there are, sorted by id, and warns of the others. It asks for those that were not found
// by their names.
func (l *attempt) existing(ctx context.Context, wanted []int64, named map[string]int64) ([]sso.Group, error) {
	names := map[int64]string{}
	for name, id := range named {
		names[id] = name
	}
	var groups []sso.Group
	for _, id := range wanted {
		if name, found := names[id]; found {
			groups = append(groups, sso.Group{ID: id, Name: name})
			continue
		}
		g, err := oneGroup(ctx, l.c, "id = $1", id)
		if err != nil {
			return nil, err
		}
		if g == nil {
			l.warn("a mapping names group %d, which does not exist", id)
			continue
		}
		groups = append(groups, *g)
	}
	return groups, nil
}

// keepLastAdministrator takes Administrators out of what is removed when no other administrator could sign in.
func (l *attempt) keepLastAdministrator(ctx context.Context, remove []int64) ([]int64, error) {
	if !slices.Contains(remove, sso.Administrators) {
		return remove, nil
	}
	last, err := lastAdministrator(ctx, l.c, l.out.Account.ID)
	if err != nil || !last {
		return remove, err
	}
	l.warn("account %d (%s) stays in %s although its groups at the identity provider say otherwise: it is the last administrator",
		l.out.Account.ID, l.out.Account.Email, sso.AdministratorsName) // SECURITY E6
	return slices.DeleteFunc(slices.Clone(remove), func(id int64) bool { return id == sso.Administrators }), nil
}

// groupDoubts asks for the names of all groups only when one was sent that is none of them.
func (l *attempt) groupDoubts(ctx context.Context, named map[string]int64) (string, error) {
	id, policy := l.x.Identity, l.in.Policy
	known := slices.Sorted(maps.Keys(policy.Mappings))
	if len(known) == 0 {
		known = slices.Sorted(maps.Keys(named))
	}
	doubt := policy.GroupDoubts(id, known)
	if doubt == "" || len(policy.Mappings) > 0 || !policy.SyncGroups {
		return doubt, nil
	}
	groups, err := someGroups(ctx, l.c, "SELECT id, name FROM groups ORDER BY name LIMIT "+strconv.Itoa(manyGroups))
	for _, g := range groups {
		known = append(known, g.Name)
	}
	return policy.GroupDoubts(id, known), err
}

// manyGroups is how many groups are looked through for the one that was meant.
const manyGroups = 2000

func (l *attempt) warn(format string, args ...any) {
	l.out.Warnings = append(l.out.Warnings, fmt.Sprintf(format, args...))
}

func (l *attempt) groupsNote() string {
	id, policy := l.x.Identity, l.in.Policy
	var why string
	switch {
	case !policy.SyncGroups:
		why = policy.Settings + "GROUP_SYNC is off: memberships stay as they are"
	case !id.GroupsSent && id.GroupsFault != "": // the doubt says so
	case !id.GroupsSent:
		why = "no groups were sent: memberships stay as they are"
	default:
		why = cmp.Or(l.moved, "memberships are as they should be")
	}
	parts := slices.DeleteFunc([]string{why, l.doubt}, func(part string) bool { return part == "" })
	return strings.Join(append(parts, l.out.Warnings...), "; ")
}

// changesOf says in words which memberships a login changes; "" for none.
func changesOf(out sso.SignedIn, before []sso.Group) string {
	var parts []string
	for _, side := range []struct {
		verb string
		ids  []int64
		from []sso.Group
	}{{"added to", out.Added, out.Groups}, {"removed from", out.Removed, before}} {
		var names []string
		for _, g := range side.from {
			if slices.Contains(side.ids, g.ID) {
				names = append(names, g.Name)
			}
		}
		if len(names) > 0 {
			parts = append(parts, side.verb+" "+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// open opens the session and writes the events.
func (l *attempt) open(ctx context.Context) error {
	session := l.in.Session
	session.AccountID = l.out.Account.ID
	if l.in.Granted.RefreshToken != "" {
		session.RefreshedAt = session.CreatedAt // from now on its provider is asked again
	}
	if err := l.openJudgedSession(ctx, l.c, session, l.in.Settings); err != nil {
		return err
	}
	if err := l.judgeNotices(ctx); err != nil {
		return err
	}
	if err := l.AddGrant(ctx, l.c, l.in.Session.Hash, l.in.Granted); err != nil {
		return err
	}
	e := l.in.Event
	e.AccountID = l.out.Account.ID
	e.Detail = l.eventDetail()
	if err := l.event(ctx, l.c, e); err != nil {
		return err
	}
	for _, warning := range l.out.Warnings {
		e.Kind, e.Detail = sso.EventWarning, warning
		if err := l.event(ctx, l.c, e); err != nil {
			return err
		}
	}
	if !l.known || !l.stale { // nobody can know yet what is new
		return nil
	}
	return announce(ctx, l.c, l.out.Account.ID, l.x.Now)
}

func (l *attempt) eventDetail() string {
	var parts []string
	if l.in.Event.Detail != "" {
		parts = append(parts, l.in.Event.Detail)
	}
	switch l.out.Admitted {
	case sso.AdmittedNew:
		parts = append(parts, "account provisioned")
	case sso.AdmittedReactivated:
		parts = append(parts, "account reactivated")
	}
	for _, part := range []string{l.moved, l.doubt} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}

func openSession(ctx context.Context, c *conn, n sso.Session) error {
	_, err := c.Exec(ctx, insertSession, sessionValues(n)...)
	return err
}

func sessionValues(n sso.Session) []any {
	return []any{
		n.Hash, n.AccountID, n.Provider, n.Proof, n.Flow, n.CreatedAt, n.LastUsed, n.ExpiresAt,
		sso.CleanText(n.Peer), sso.CleanText(n.UserAgent), n.AtIDP.Subject, n.AtIDP.ID, n.RefreshedAt,
	}
}

// openJudgedSession opens a session if the saved settings still have the version by which the sign-in was judged. If not, the
// transaction ends with [sso.SettingsChanged].
func (s *Store) openJudgedSession(ctx context.Context, c *conn, n sso.Session, settings int64) error {
	return c.LaterOr(ctx, sso.SettingsChanged{}, newSession+endIfJudged+s.db.KeepRow()+")", append(sessionValues(n), settings)...)
}

// lastAdministrator reports whether no other active account is in Administrators. Whoever asks holds a lock until the end
// of the transaction, so that two administrators cannot lose their rights at once, each because of the other.
func lastAdministrator(ctx context.Context, c *conn, accountID int64) (bool, error) {
	if _, err := c.Exec(ctx, "UPDATE counters SET value = value WHERE name = 'administrators'"); err != nil {
		return false, err
	}
	var one int
	others, err := c.One(ctx, []any{&one}, `SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.group_id = $1 AND a.active AND a.id <> $2 LIMIT 1`, sso.Administrators, accountID)
	return !others, err
}

// someGroups reads groups in the order of the query.
func someGroups(ctx context.Context, c *conn, query string, args ...any) (groups []sso.Group, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var g sso.Group
		err := rows.Scan(&g.ID, &g.Name)
		groups = append(groups, g)
		return err
	}, query, args...)
	return groups, err
}
