package templates

// AdminSection is an entry of the administrator's navigation.
type AdminSection string

// The sections, in the order of the navigation.
const (
	AdminSectionOverview AdminSection = "overview"
	AdminSectionSignIn   AdminSection = "sign-in"
	AdminSectionMapping  AdminSection = "mapping"
	AdminSectionPeople   AdminSection = "people"
	AdminSectionGroups   AdminSection = "groups"
	AdminSectionSessions AdminSection = "sessions"
	AdminSectionServices AdminSection = "service-accounts"
	AdminSectionActivity AdminSection = "activity"
)

// AdminLayout surrounds every page of the administrator's place.
type AdminLayout struct {
	Layout
	Section AdminSection
	Notice  string // what was just done; "" leaves it out
}

// An AdminLink is one entry of the navigation.
type AdminLink struct {
	Section    AdminSection
	URL, Label string
	Here       bool
}

// Nav is the navigation.
func (l AdminLayout) Nav() []AdminLink {
	all := []AdminLink{
		{Section: AdminSectionOverview, URL: "/admin", Label: "Overview"},
		{Section: AdminSectionSignIn, URL: "/admin/providers", Label: "Sign-in"},
		{Section: AdminSectionMapping, URL: "/admin/mapping", Label: "Group mapping"},
		{Section: AdminSectionPeople, URL: "/admin/people", Label: "People"},
		{Section: AdminSectionGroups, URL: "/admin/groups", Label: "Groups"},
		{Section: AdminSectionSessions, URL: "/admin/sessions", Label: "Sessions"},
		{Section: AdminSectionServices, URL: "/admin/service-accounts", Label: "Service accounts"},
		{Section: AdminSectionActivity, URL: "/admin/activity", Label: "Activity"},
	}
	for i := range all {
		all[i].Here = all[i].Section == l.Section
	}
	return all
}

// An AdminTab leads to one of several pages that are about the same.
type AdminTab struct {
	Label string
	URL   string
	Here  bool
}
