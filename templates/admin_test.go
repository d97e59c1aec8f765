package templates

// adminSamples show the administrator's pages.
func adminSamples() []sample {
	return []sample{
		{"admin overview", AdminOverview{
			AdminLayout: adminSample(AdminSectionOverview), SignIn: true, PasswordLogin: true, People: 1234, Administrators: 2,
			Callback: "https://bridge.acme.example/auth/sso", Warnings: []string{"JWT_GROUP_MAPPINGS is set, but JWT_GROUP_SYNC is off: groups are not synced"},
		}},
		{"admin overview new", AdminOverview{AdminLayout: adminSample(AdminSectionOverview), Administrators: 1}},
	}
}

func adminSample(section AdminSection) AdminLayout {
	return AdminLayout{
		Layout:  Layout{Site: "Acme Reports", User: &UserMenu{Name: "Ada Lovelace", AdminURL: "/admin"}},
		Section: section, Notice: "Saved. It is in force now.",
	}
}
