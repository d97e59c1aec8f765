package setting

// Reload reads flags, environment and file anew, as [Resolve] does. What is read once, at the start, stays as it is in c; pending
// names the settings of this kind that would be other ones after a restart. With faults, c is still right.
func (c *Config) Reload(in Inputs) (next *Config, pending []string, faults []Fault) {
	next, faults = Resolve(in)
	if len(faults) > 0 {
		return next, nil, faults
	}
	g := next.given
	for _, s := range next.rows().rows {
		if !s.AtStart || next.Text(s.Name) == c.given.text(s) {
			continue
		}
		pending = append(pending, s.Name)
		if v, ok := c.given.values[s.Name]; ok {
			g.values[s.Name] = v
		} else {
			delete(g.values, s.Name)
		}
	}
	next, faults = g.with(Saved{}, c.port)
	return next, pending, faults
}

// text is the value of a setting that was given, or its default.
func (g *given) text(s *Setting) string {
	if v, ok := g.values[s.Name]; ok {
		return v.text
	}
	return s.Default
}
