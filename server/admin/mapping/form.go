package mapping

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

func (m mappingArea) pages() []area.Page {
	return []area.Page{
		area.Get("/mapping", m.show),
		area.Post("/mapping", m.form),
		area.Post("/mapping/undo", m.undoForm),
		area.Get("/mapping.json", m.export),
	}
}

const (
	emptyRows   = 3  // are offered for new mappings
	rowsShown   = 50 // of a mapping, which may have ten thousand
	seenShown   = 50 // groups that are not mapped
	offersShown = 50 // groups of the bridge; the others are found by typing
)

// show is the editor as it is when nothing was typed.
func (m mappingArea) show(c *area.Call) error {
	provider := c.QueryParam("provider")
	if provider == "" {
		provider = usual(m.Host.Config())
	}
	e, err := m.editor(c, provider)
	if err != nil {
		return err
	}
	return e.load().answer(http.StatusOK)
}

// usual is the provider whose mapping is shown when none is named: the default one, unless only others are in use.
func usual(cfg *setting.Config) string {
	if others := cfg.LoginProviders(); len(others) > 0 && !inUse(cfg.JWT) {
		return others[0].Name
	}
	return setting.DefaultProvider
}

// inUse reports whether a provider has been set up, or has a mapping.
func inUse(p *setting.Provider) bool { return p.Enabled || len(p.GroupMappings) > 0 }

// pathOf is the page of a provider's mapping, below /admin. The only provider needs no name.
func pathOf(cfg *setting.Config, provider string) string {
	if len(cfg.Providers) == 1 {
		return "/mapping"
	}
	return "/mapping?provider=" + url.QueryEscape(provider)
}

// export is the mapping as the setting GROUP_MAPPINGS of its provider takes it.
func (m mappingArea) export(c *area.Call) error {
	is, err := m.saved(c.Request().Context(), c.QueryParam("provider"))
	if err != nil {
		return err
	}
	return openapi.File{Kind: "application/json", Name: "group-mappings.json", Write: func(w io.Writer) error {
		_, err := w.Write([]byte(mappingJSON(is.mapping.Mappings) + "\n"))
		return err
	}}.Answer(c)
}

// undoForm takes the last edit back.
func (m mappingArea) undoForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	of := ofProvider{form.Get("provider")}
	_, err = m.undo(c, undoneEdit{of, form.Get("undo")})
	if err == nil {
		notice := "mapping-undone"
		if is, err := m.saved(c.Request().Context(), of.Provider); err == nil && is.mapping.Mode == admin.ModeOff {
			notice = "mapping-undone-off"
		}
		return c.Done(pathOf(m.Host.Config(), of.Provider), notice)
	}
	return c.Again(form, err, func(_ map[string]string, alert string, status int) error {
		e, err := m.editor(c, of.Provider)
		if err != nil {
			return err
		}
		e.page.Alert = alert
		return e.load().answer(status)
	})
}

// form is POST /admin/mapping. Its buttons: more (empty rows), map (a row for a group that was seen), import (rows from
// JSON), preview, save. Only the last changes anything, and whatever happens, what was typed comes back.
func (m mappingArea) form(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	e, err := m.editor(c, form.Get("provider"))
	if err != nil {
		return err
	}
	if err := e.read(form); err != nil {
		return err
	}
	switch action := form.Get("action"); {
	case form.Get("map") != "":
		e.page.Rows = append(e.page.Rows, templates.AdminMappingRow{IDP: form.Get("map"), Focus: true})
		e.countRows()
		return e.answer(http.StatusOK)
	case action == "more":
		e.page.Rows = append(e.page.Rows, make([]templates.AdminMappingRow, emptyRows)...)
		return e.answer(http.StatusOK)
	case action == "import":
		return e.take(form.Get("json"))
	case e.wrong:
		e.page.Alert = "Nothing was saved. Look at the rows that are marked below."
		return e.answer(http.StatusBadRequest)
	case action == "preview":
		if err := e.forecast(); err != nil {
			return e.again(err)
		}
		e.page.Previewed = true
		return e.answer(http.StatusOK)
	}
	_, err = m.set(c, e.change)
	switch {
	case err == nil:
		return c.Done(pathOf(e.cfg, e.provider.Name), area.Saved)
	case sso.CodeOf(err) == sso.ProofNeeded:
		return c.ProveFirst(form)
	}
	return e.again(err)
}

// A mappingEditor is one look at the page, or one posted form.
type mappingEditor struct {
	m mappingArea
	c *area.Call
	saved
	lastSeen map[string]time.Time // by the names that the provider has sent
	groups   []sso.Group
	page     templates.AdminMapping
	change   mappingChange
	wrong    bool // a row has an error
}

// editor has what the page needs besides the rows.
func (m mappingArea) editor(c *area.Call, provider string) (*mappingEditor, error) {
	ctx := c.Request().Context()
	e := &mappingEditor{m: m, c: c}
	var err error
	if e.saved, err = m.saved(ctx, provider); err != nil {
		return nil, err
	}
	if e.mapping.Others, err = m.domain(provider).Others(ctx, e.mapping); err != nil {
		return nil, err
	}
	if e.groups, err = m.Store.Groups(ctx); err != nil {
		return nil, err
	}
	e.page = templates.AdminMapping{
		AdminLayout: c.Layout(templates.AdminSectionMapping), Version: strconv.FormatInt(e.version, 10), Now: m.Now(),
		Provider: e.provider.Name, Setting: e.provider.Setting(admin.GroupMappings), Clients: e.mapping.Clients, Idle: !e.provider.SignsIn() && e.provider.Bearer.Accounts == "existing",
		ModeFixed: e.modeFixed, MappingsFixed: e.mappingsFixed, Providers: e.tabs(),
	}
	if len(e.mapping.Mappings) <= rowsShown {
		e.page.JSON = mappingJSON(e.mapping.Mappings)
	}
	for _, g := range e.groups[:min(len(e.groups), offersShown)] {
		if g.ID != sso.AllUsers {
			e.page.Groups = append(e.page.Groups, admin.WriteGroups([]sso.GroupRef{{ID: g.ID}}, e.groups))
		}
	}
	e.page.Total, e.page.Search = len(e.mapping.Mappings), c.QueryParam("search")
	if err := e.undo(); err != nil {
		return nil, err
	}
	seen, err := m.Store.GroupNamesSeen(ctx)
	e.lastSeen = map[string]time.Time{}
	for _, g := range seen {
		if g.Provider != e.provider.Name {
			continue
		}
		e.lastSeen[g.Name] = g.LastSeen
		if _, mapped := e.mapping.Mappings[g.Name]; !mapped && contains(g.Name, e.page.Search) {
			e.page.Unmapped++
			if len(e.page.Seen) < seenShown {
				e.page.Seen = append(e.page.Seen, templates.AdminSeenGroup{Name: g.Name, At: g.LastSeen})
			}
		}
	}
	return e, err
}

// contains compares without case. Everything contains "".
func contains(name, search string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(strings.TrimSpace(search)))
}

// tabs lead to the mappings of all providers; none when there is one.
func (e *mappingEditor) tabs() (all []templates.AdminTab) {
	for _, p := range e.cfg.Providers {
		if p.Name != setting.DefaultProvider || inUse(p) || p == e.provider {
			all = append(all, templates.AdminTab{Label: cmp.Or(area.LabelOf(p), p.Name), URL: e.c.Link(area.PagesPrefix + pathOf(e.cfg, p.Name)), Here: p == e.provider})
		}
	}
	if len(all) == 1 {
		return nil
	}
	return all
}

// undo offers to take the last edit back.
func (e *mappingEditor) undo() error {
	last, err := e.m.last(e.c.Request().Context(), e.provider.Name)
	if err != nil || last == nil || e.page.ModeFixed != "" && e.page.MappingsFixed != "" {
		return err
	}
	e.page.Undo = &templates.AdminUndo{ID: last.ID, At: last.At, By: last.By, Uncounted: last.People == nil}
	if last.People != nil {
		e.page.Undo.People = *last.People
	}
	for _, g := range last.Groups {
		e.page.Undo.Groups = append(e.page.Undo.Groups, templates.AdminCleared{Name: g.Name, Members: g.Members, Deleted: g.Deleted})
	}
	return nil
}

// load fills the form with what is saved.
func (e *mappingEditor) load() *mappingEditor {
	e.page.Mode = string(e.mapping.Mode)
	e.loadRows()
	return e
}

// loadRows puts a part of what is saved on the page: what fits the search, from where the address says.
func (e *mappingEditor) loadRows() {
	after, filter := e.c.QueryParam("after"), area.Filter("provider", e.provider.Name, "search", e.page.Search)
	var keys []string
	for key, refs := range e.mapping.Mappings {
		if key > after && (contains(key, e.page.Search) || contains(admin.WriteGroups(refs, e.groups), e.page.Search)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	next := ""
	if len(keys) > rowsShown {
		keys = keys[:rowsShown]
		next = keys[rowsShown-1]
	}
	part := sso.Mappings{}
	for _, key := range keys {
		part[key] = e.mapping.Mappings[key]
	}
	e.page.Rows = e.rows(part)
	e.page.Pager = area.Pager(e.c.Link(area.PagesPrefix+"/mapping"), filter, after, next)
}

// answer shows the page.
func (e *mappingEditor) answer(status int) error {
	if err := e.targets(); err != nil {
		return err
	}
	seen := len(e.page.Seen)
	e.page.Seen = slices.DeleteFunc(e.page.Seen, func(g templates.AdminSeenGroup) bool {
		return slices.ContainsFunc(e.page.Rows, func(row templates.AdminMappingRow) bool { return row.IDP == g.Name })
	})
	e.page.Unmapped -= seen - len(e.page.Seen)
	return e.c.Show(status, e.page.WithRows(emptyRows))
}

// targets puts the groups to which it leads beside each saved mapping: what becomes of them is asked when it is removed.
func (e *mappingEditor) targets() error {
	targets := admin.Targets(e.mapping, e.groups)
	var ids []int64
	for _, row := range e.page.Rows {
		for _, g := range targets[row.Was] {
			ids = append(ids, g.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	counts, err := e.m.Store.MemberCounts(e.c.Request().Context(), ids)
	for i := range e.page.Rows {
		row := &e.page.Rows[i]
		for _, g := range targets[row.Was] {
			row.Targets = append(row.Targets, templates.AdminTarget{Name: g.Name, Members: counts[g.ID], Shared: g.Shared})
		}
	}
	return err
}

func mappingJSON(m sso.Mappings) string {
	if len(m) == 0 {
		return "{}"
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil { // names and numbers always marshal
		return ""
	}
	return string(raw)
}

// rows are mappings as rows of the form, sorted. One that is saved is the same one, whatever becomes of it.
func (e *mappingEditor) rows(m sso.Mappings) []templates.AdminMappingRow {
	var rows []templates.AdminMappingRow
	missing := admin.MissingGroups(m, e.groups)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		row := templates.AdminMappingRow{IDP: key, Groups: admin.WriteGroups(m[key], e.groups), Seen: e.lastSeen[key]}
		if _, is := e.mapping.Mappings[key]; is {
			row.Was, row.Unseen = key, row.Seen.IsZero() && len(e.lastSeen) > 0
		}
		gone := slices.DeleteFunc(slices.Clone(m[key]), func(ref sso.GroupRef) bool { return !slices.Contains(missing, ref) })
		if len(gone) > 0 {
			row.Gone = fmt.Sprintf("%s: no group has this id any more. Nobody gets into it; take it out, or choose another.", admin.WriteGroups(gone, e.groups))
		}
		rows = append(rows, row)
	}
	return rows
}

const maxRows = 10_000

// read reads the posted form: what it asks for, and the page with all that was typed and an error at each row that cannot be
// read. What is saved and has no row in the form, which shows a part, stays.
func (e *mappingEditor) read(form url.Values) error {
	version, err := area.VersionOf(form)
	if err != nil {
		return err
	}
	e.change = mappingChange{
		ofProvider: ofProvider{e.provider.Name}, Version: version, Mode: admin.Mode(form.Get("mode")), Mappings: mappings{}, Unmapped: map[string]admin.Fate{},
		Administrators: form.Get("administrators") == "yes", Confirm: readLosses(form.Get("confirm")),
	}
	e.page.Version, e.page.Mode = form.Get("version"), form.Get("mode")
	if e.page.MappingsFixed != "" {
		e.change.Mappings = mappings(e.mapping.Mappings)
		e.loadRows()
		return nil
	}
	maps.Copy(e.change.Mappings, e.mapping.Mappings)
	for i := 0; form.Has("idp." + strconv.Itoa(i)); i++ {
		delete(e.change.Mappings, form.Get("was."+strconv.Itoa(i)))
	}
	for i := range maxRows {
		n := strconv.Itoa(i)
		if !form.Has("idp." + n) {
			break
		}
		row := templates.AdminMappingRow{
			IDP: strings.TrimSpace(form.Get("idp." + n)), Groups: strings.TrimSpace(form.Get("groups." + n)), Was: form.Get("was." + n),
			Remove: form.Get("remove."+n) == "yes", Members: form.Get("members." + n),
		}
		e.row(&row)
		if row.IDP != "" || row.Groups != "" || row.Was != "" {
			e.page.Rows = append(e.page.Rows, row)
		}
	}
	return nil
}

// readLosses reads the box that confirms them: two numbers.
func readLosses(text string) (l admin.Losses) {
	members, groups, _ := strings.Cut(text, " ")
	var err error
	if l.Members, err = strconv.Atoi(members); err != nil {
		return admin.Losses{}
	}
	if l.Groups, err = strconv.Atoi(groups); err != nil {
		return admin.Losses{}
	}
	return l
}

func (e *mappingEditor) row(row *templates.AdminMappingRow) {
	switch {
	case row.Remove && row.Was != "":
		e.change.Unmapped[row.Was] = admin.Fate(row.Members)
		return
	case row.Remove || row.IDP == "" && row.Groups == "" && row.Was == "":
		return
	case row.IDP == "":
		row.IDPError = "Which group of your product? To take a mapping out, tick Remove."
	case row.IDP != sso.CleanText(row.IDP):
		row.IDPError = "It has control characters."
	case e.change.Mappings[row.IDP] != nil:
		row.IDPError = "This group is mapped twice: write its groups in one row."
	}
	list, err := admin.ReadGroups(row.Groups, e.groups, e.mapping.Mappings[row.Was])
	if err != nil {
		row.GroupsError = err.Error()
	}
	if row.IDPError != "" || row.GroupsError != "" {
		e.wrong = true
		return
	}
	e.change.Mappings[row.IDP] = list
}

// take takes the rows from JSON; they are saved when the form is.
func (e *mappingEditor) take(text string) error {
	m, err := sso.ParseMappings(text)
	e.page.Import, e.page.JSON = true, text
	if err != nil {
		e.page.JSONError = err.Error()
		return e.answer(http.StatusBadRequest)
	}
	gone := maps.Clone(e.mapping.Mappings)
	maps.DeleteFunc(gone, func(key string, _ []sso.GroupRef) bool { _, still := m[key]; return still })
	removed := e.rows(gone)
	for i := range removed {
		removed[i].Remove = true
	}
	e.page.Rows = append(e.rows(m), removed...)
	if len(m) > 0 {
		e.countRows()
	}
	e.page.Info = "The rows below are those of the JSON. Nothing is saved yet."
	return e.answer(http.StatusOK)
}

// countRows chooses the table, where the form may choose: who takes rows into it wants them to count. It is saved with them.
func (e *mappingEditor) countRows() {
	if e.page.ModeFixed == "" {
		e.page.Mode = string(admin.ModeManual)
	}
}

// forecast puts what saving would do on the page.
func (e *mappingEditor) forecast() error {
	plan, err := e.m.plan(e.c, mappingDraft{ofProvider{e.provider.Name}, e.change.Mode, e.change.Mappings, e.change.Unmapped})
	if err != nil {
		return err
	}
	lost := plan.Losses()
	e.page.NewAdministrators = plan.NewAdministrators
	e.page.Preview = &templates.AdminPreview{
		Now: shownClearings(plan.Now), Kept: shownClearings(plan.Kept), Creates: plan.Creates, People: plan.People,
		Next: shownForecast(plan.Next), Due: shownForecast(plan.Due),
	}
	if plan.Pending != nil {
		e.page.Preview.Pending = &templates.AdminPending{Looked: plan.Pending.Looked, AtMost: plan.Pending.AtMost}
	}
	if lost.Any() {
		e.page.Confirm = &templates.AdminConfirm{Value: fmt.Sprintf("%d %d", lost.Members, lost.Groups), Lost: lost.String()}
	}
	return nil
}

func shownClearings(all []admin.Clearing) []templates.AdminCleared {
	var out []templates.AdminCleared
	for _, c := range all {
		out = append(out, templates.AdminCleared{Name: c.Name, Members: c.Members, Deleted: c.Delete, Some: c.Some})
	}
	return out
}

// forecastShown is how many people the page names.
const forecastShown = 10

func shownForecast(f admin.Forecast) templates.AdminForecast {
	out := templates.AdminForecast{People: f.People}
	for _, g := range f.Groups {
		out.Groups = append(out.Groups, templates.AdminGroupForecast(g))
	}
	for _, p := range f.Some[:min(len(f.Some), forecastShown)] {
		out.Some = append(out.Some, templates.AdminPersonForecast{
			ID: p.AccountID, Email: p.Email, Gain: p.Gain, Lose: p.Lose, Keep: p.Keep, Miss: p.Miss,
		})
	}
	return out
}

// again shows the form once more, with the reason.
func (e *mappingEditor) again(cause error) error {
	fields, readable := area.FieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !readable && !conflict {
		return cause
	}
	status := http.StatusBadRequest
	switch {
	case conflict:
		_, version, err := e.m.Settings.Current(e.c.Request().Context())
		if err != nil {
			return err
		}
		status, e.page.Version = http.StatusConflict, strconv.FormatInt(version, 10)
		e.page.Alert, e.page.Theirs = e.conflict(cause, version)
	case errors.Is(cause, admin.ErrNotConfirmed):
		if err := e.forecast(); err != nil {
			return err
		}
		e.page.AdministratorsError, e.page.ConfirmError = "Confirm that this is meant.", "Confirm that this is meant."
		if fields["administrators"] == "" {
			e.page.AdministratorsError = ""
		}
		if fields["confirm"] == "" || e.page.Confirm == nil {
			e.page.ConfirmError = ""
		}
		e.page.Alert = "Nothing was saved yet. Look at what saving would do, and confirm it."
	case fields["mode"] != "":
		e.page.ModeError = area.Sentence(fields["mode"])
	case fields["mappings"]+fields[e.provider.Setting(admin.GroupMappings)] != "":
		e.page.Alert = area.Sentence("nothing was saved: the table " + fields["mappings"] + fields[e.provider.Setting(admin.GroupMappings)])
	default:
		e.page.Alert = area.Sentence(sso.Reason(cause))
	}
	return e.answer(status)
}

// conflict says what is not as the administrator saw it: the settings, or the number of people in a group.
func (e *mappingEditor) conflict(cause error, version int64) (alert, theirs string) {
	if version == e.change.Version {
		return "Nothing was saved: " + sso.Reason(cause) + ".", ""
	}
	return "Somebody else has saved settings meanwhile. What you typed is still here. Saving it again replaces their rows for the same groups of the product, and leaves their others:",
		mappingJSON(e.mapping.Mappings)
}
