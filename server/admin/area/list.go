package area

import (
	"maps"
	"net/url"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// Part is what an operation takes that lists something: which part of the list. It is embedded.
type Part struct {
	After string `query:"after" doc:"next of the page before"`
	Limit int    `query:"limit" doc:"1 to 500; 50 when it is left out"`
}

// Page is the part as stores take it.
func (p Part) Page() sso.Page { return sso.Page{After: p.After, Limit: p.Limit} }

// Pager leads on from a part of the list at path, of which after was the beginning. next begins the next part; "" at the
// end.
func Pager(path string, filter url.Values, after, next string) templates.AdminPager {
	p := templates.AdminPager{}
	if after != "" {
		p.First = WithQuery(path, filter)
	}
	if next != "" {
		filter = maps.Clone(filter)
		filter.Set("after", next)
		p.Next = WithQuery(path, filter)
	}
	return p
}

// WithQuery adds a query to a path, if there is any.
func WithQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Filter collects the parameters of a list that are not empty, from name and value in turn.
func Filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// Choose marks the value that is chosen.
func Choose(chosen string, all ...templates.AdminOption) []templates.AdminOption {
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

// TimeOrNull is a time in JSON: null for never.
func TimeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
