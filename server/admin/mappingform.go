package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

func (a *Admin) mappingPages() []page {
	return []page{
		{http.MethodGet, "/mapping", a.mappingPage},
		{http.MethodPost, "/mapping", a.mappingForm},
		{http.MethodGet, "/mapping.json", a.mappingExport},
	}
}

// emptyRows are offered for new mappings.
const emptyRows = 2

// mappingPage is the editor as it is when nothing was typed.
func (a *Admin) mappingPage(c *call) error {
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	p, groups, err := a.mappingTemplate(c, cfg)
	if err != nil {
		return err
	}
	p.Mode = mode(cfg)
	p.Rows = mappingRows(cfg.JWTGroupMappings, groups, true)
	return c.render(http.StatusOK, p.WithRows(emptyRows))
}

// mappingExport is the mapping as the setting JWT_GROUP_MAPPINGS takes it.
func (a *Admin) mappingExport(c *call) error {
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	return c.answer(download{"application/json", "group-mappings.json", func(w io.Writer) error {
		_, err := w.Write([]byte(mappingJSON(cfg.JWTGroupMappings) + "\n"))
		return err
	}})
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

// mappingTemplate has what the editor needs besides the rows.
func (a *Admin) mappingTemplate(c *call, cfg *setting.Config) (p templates.AdminMapping, groups []sso.Group, err error) {
	ctx := c.Request().Context()
	_, version, err := a.Settings.Current(ctx)
	if err != nil {
		return p, nil, err
	}
	if groups, err = a.Store.Groups(ctx); err != nil {
		return p, nil, err
	}
	p = templates.AdminMapping{
		AdminLayout: c.layout(templates.AdminSectionMapping), Version: strconv.FormatInt(version, 10),
		ModeFixed: fixed(cfg, groupSync), MappingsFixed: fixed(cfg, groupMappings), JSON: mappingJSON(cfg.JWTGroupMappings),
	}
	for _, g := range groups {
		if g.ID != sso.AllUsers {
			p.Groups = append(p.Groups, g.Name)
		}
	}
	seen, err := a.Store.GroupNamesSeen(ctx)
	for _, g := range seen {
		if _, mapped := cfg.JWTGroupMappings[g.Name]; !mapped && !slices.Contains(p.Seen, g.Name) {
			p.Seen = append(p.Seen, g.Name)
		}
	}
	return p, groups, err
}

// mappingRows are mappings as rows of the form, sorted. saved says that they are the saved ones.
func mappingRows(m sso.Mappings, groups []sso.Group, saved bool) []templates.AdminMappingRow {
	var rows []templates.AdminMappingRow
	for _, key := range sortedKeys(m) {
		row := templates.AdminMappingRow{IDP: key, Groups: groupsText(m[key], groups)}
		if saved {
			row.Was = key
		}
		if gone := missing(sso.Mappings{key: m[key]}, groups); len(gone) > 0 {
			row.Gone = fmt.Sprintf("%s: no group has this id any more. Nobody gets into it; take it out, or choose another.", groupsText(refs(gone), groups))
		}
		rows = append(rows, row)
	}
	return rows
}

func refs(ids []int64) []sso.GroupRef {
	var all []sso.GroupRef
	for _, id := range ids {
		all = append(all, sso.GroupRef{ID: id})
	}
	return all
}

// groupsText writes groups as the form takes them: names separated by commas, which no name contains, and #7 for an id
// that no group has.
func groupsText(list []sso.GroupRef, groups []sso.Group) string {
	var all []string
	for _, ref := range list {
		name := ref.Name
		for _, g := range groups {
			if ref.Name == "" && g.ID == ref.ID {
				name = g.Name
			}
		}
		if name == "" {
			name = "#" + strconv.FormatInt(ref.ID, 10)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// readGroups reads what groupsText writes. A group that exists is meant by its id, so that it may be renamed, unless the
// mapping before named it by name; what does not exist is meant by name, and made.
func readGroups(text string, groups []sso.Group, before []sso.GroupRef) ([]sso.GroupRef, error) {
	all := []sso.GroupRef{}
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		ref, err := readGroup(name, groups, before)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	return all, nil
}

func readGroup(name string, groups []sso.Group, before []sso.GroupRef) (sso.GroupRef, error) {
	if name == sso.AllUsersName {
		return sso.GroupRef{}, fmt.Errorf("everyone is in %s; it cannot be mapped", name)
	}
	if byName := (sso.GroupRef{Name: name}); slices.Contains(before, byName) {
		return byName, nil
	}
	for _, g := range groups {
		if g.Name == name {
			return sso.GroupRef{ID: g.ID}, nil
		}
	}
	if digits, ok := strings.CutPrefix(name, "#"); ok {
		if id, err := strconv.ParseInt(digits, 10, 64); err == nil && id > sso.AllUsers {
			return sso.GroupRef{ID: id}, nil
		}
	}
	if err := sso.CheckGroupName(name); err != nil {
		return sso.GroupRef{}, fmt.Errorf("%q: %w", name, err)
	}
	return sso.GroupRef{Name: name}, nil
}

// A typedMapping is the posted form.
type typedMapping struct {
	page   templates.AdminMapping
	change mappingChange
	wrong  bool // a row has an error
}

// readMapping reads the posted form: what it asks for, and the page with all that was typed and an error at each row that
// cannot be read.
func (a *Admin) readMapping(form url.Values, cfg *setting.Config, p templates.AdminMapping, groups []sso.Group) (*typedMapping, error) {
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the form has no version: %w", sso.RequestMalformed)
	}
	t := &typedMapping{page: p, change: mappingChange{
		Version: version, Mode: form.Get("mode"), Mappings: mappings{}, Unmapped: map[string]string{}, Administrators: form.Get("administrators") == "yes",
	}}
	t.page.Mode = t.change.Mode
	if p.MappingsFixed != "" {
		t.change.Mappings = mappings(cfg.JWTGroupMappings)
		t.page.Rows = mappingRows(cfg.JWTGroupMappings, groups, true)
		return t, nil
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
		t.row(&row, cfg, groups)
		if row.IDP != "" || row.Groups != "" || row.Was != "" {
			t.page.Rows = append(t.page.Rows, row)
		}
	}
	return t, nil
}

const maxRows = 10_000

func (t *typedMapping) row(row *templates.AdminMappingRow, cfg *setting.Config, groups []sso.Group) {
	switch {
	case row.Remove && row.Was != "":
		t.change.Unmapped[row.Was] = row.Members
		return
	case row.Remove || row.IDP == "" && row.Groups == "" && row.Was == "":
		return
	case row.IDP == "":
		row.IDPError = "Which group of the identity provider? To take a mapping out, tick Remove."
	case row.IDP != sso.CleanText(row.IDP):
		row.IDPError = "It has control characters."
	case t.change.Mappings[row.IDP] != nil:
		row.IDPError = "This group is mapped twice: write its groups in one row."
	}
	list, err := readGroups(row.Groups, groups, cfg.JWTGroupMappings[row.Was])
	if err != nil {
		row.GroupsError = err.Error()
	}
	if row.IDPError != "" || row.GroupsError != "" {
		t.wrong = true
		return
	}
	t.change.Mappings[row.IDP] = list
}

// mappingForm is POST /admin/mapping. Its buttons: more (empty rows), import (rows from JSON), preview, save. Only the last
// changes anything, and whatever happens, what was typed comes back.
func (a *Admin) mappingForm(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	p, groups, err := a.mappingTemplate(c, cfg)
	if err != nil {
		return err
	}
	t, err := a.readMapping(form, cfg, p, groups)
	if err != nil {
		return err
	}
	t.page.Version = form.Get("version")
	switch action := form.Get("action"); {
	case action == "more":
		return c.render(http.StatusOK, t.page.WithRows(2*emptyRows))
	case action == "import":
		return a.importMapping(c, t, form.Get("json"), groups)
	case t.wrong:
		t.page.Alert = "Nothing was saved. Look at the rows that are marked below."
		return c.render(http.StatusBadRequest, t.page.WithRows(emptyRows))
	case action == "preview":
		return a.showPreview(c, t, cfg)
	}
	_, err = a.setMapping(c, t.change)
	if err == nil {
		return c.done("/mapping", "saved")
	}
	if sso.CodeOf(err) == sso.ProofNeeded {
		return c.proveFirst(form)
	}
	return a.mappingAgain(c, t, cfg, err)
}

// importMapping takes the rows from JSON; they are saved when the form is.
func (a *Admin) importMapping(c *call, t *typedMapping, text string, groups []sso.Group) error {
	m, err := sso.ParseMappings(text)
	t.page.Import = true
	if err != nil {
		t.page.JSON, t.page.JSONError = text, err.Error()
		return c.render(http.StatusBadRequest, t.page.WithRows(emptyRows))
	}
	saved := t.page.Rows
	t.page.JSON, t.page.Rows = text, mappingRows(m, groups, false)
	for i, row := range t.page.Rows { // a mapping that was there is the same one
		for _, old := range saved {
			if old.Was == row.IDP {
				t.page.Rows[i].Was = row.IDP
			}
		}
	}
	for _, old := range saved {
		if _, still := m[old.Was]; old.Was != "" && !still {
			old.Remove = true
			t.page.Rows = append(t.page.Rows, old)
		}
	}
	if t.page.Mode != modeManual && len(m) > 0 && t.page.ModeFixed == "" {
		t.page.Mode = modeManual
	}
	t.page.Info = "The rows below are those of the JSON. Nothing is saved yet."
	return c.render(http.StatusOK, t.page.WithRows(emptyRows))
}

// showPreview shows who would gain and lose what.
func (a *Admin) showPreview(c *call, t *typedMapping, cfg *setting.Config) error {
	if _, err := a.plan(cfg, t.change); err != nil && !errors.Is(err, errNewAdministrators) {
		return a.mappingAgain(c, t, cfg, err)
	}
	v, err := a.preview(c.Request().Context(), mappingDraft{t.change.Mode, t.change.Mappings})
	if err != nil {
		return err
	}
	t.page.NewAdministrators = newAdministrators(cfg.JWTGroupMappings, sso.Mappings(t.change.Mappings))
	t.page.Preview = &templates.AdminPreview{People: v.People, Changed: v.Changed, Creates: v.Creates}
	for _, g := range v.Groups {
		t.page.Preview.Groups = append(t.page.Preview.Groups, templates.AdminGroupPreview{Name: g.Name, Gain: g.Gain, Lose: g.Lose})
	}
	for _, one := range v.Some {
		t.page.Preview.Some = append(t.page.Preview.Some, templates.AdminPersonPreview{
			Email: one.Email, Gain: strings.Join(one.Gain, ", "), Lose: strings.Join(one.Lose, ", "),
		})
	}
	return c.render(http.StatusOK, t.page.WithRows(emptyRows))
}

// mappingAgain shows the form once more, with the reason.
func (a *Admin) mappingAgain(c *call, t *typedMapping, cfg *setting.Config, cause error) error {
	fields, told := fieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !told && !conflict {
		return cause
	}
	p, status := t.page, http.StatusBadRequest
	switch {
	case conflict:
		_, version, err := a.Settings.Current(c.Request().Context())
		if err != nil {
			return err
		}
		status, p.Version = http.StatusConflict, strconv.FormatInt(version, 10)
		p.Alert = "Somebody else has saved settings meanwhile. What you typed is still here; saving it again replaces what they saved:"
		p.Theirs = mappingJSON(cfg.JWTGroupMappings)
	case errors.Is(cause, errNewAdministrators):
		p.NewAdministrators = newAdministrators(cfg.JWTGroupMappings, sso.Mappings(t.change.Mappings))
		p.Alert = "Nothing was saved yet: please confirm the new administrators below."
	case fields["mode"] != "":
		p.ModeError = sentence(fields["mode"])
	default:
		p.Alert = sentence(sso.Reason(cause))
	}
	return c.render(status, p.WithRows(emptyRows))
}

// sentence makes a reason a sentence for people.
func sentence(reason string) string {
	if reason == "" {
		return ""
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "."
}
