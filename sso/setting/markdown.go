package setting

import (
	"fmt"
	"strings"
)

// Markdown is the table of settings for the README.
func Markdown() string {
	var b strings.Builder
	section := ""
	for _, s := range all.rows {
		if s.Section != section {
			if section != "" {
				b.WriteByte('\n')
			}
			section = s.Section
			fmt.Fprintf(&b, "**%s**\n\n| setting | value | default | what it does |\n| --- | --- | --- | --- |\n", section)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markdownName(s), cell(s.Type), markdownDefault(s), cell(s.Help))
	}
	fmt.Fprintf(&b, "\n**Other providers**\n\n| setting | value | default | what it does |\n| --- | --- | --- | --- |\n")
	const name = "name"
	own := providerSettings(DefaultProvider)
	for _, s := range providerSettings(name) {
		help := s.Help
		for _, d := range own {
			if settingsOf(name)+d.Field() == s.Name && d.Help == s.Help {
				help = "as `" + d.Name + "`"
			}
		}
		if s.Choices != nil {
			s.Type = inWords(s.Choices)
		}
		s.Name = strings.Replace(s.Name, settingsOf(name), "PROVIDER_<NAME>_", 1)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markdownName(&s), cell(s.Type), markdownDefault(&s), cell(help))
	}
	return b.String()
}

func markdownName(s *Setting) string {
	name := "`" + s.Name + "`"
	if s.Alias != "" {
		name += " (`" + s.Alias + "`)"
	}
	return name
}

func markdownDefault(s *Setting) string {
	if s.Default == "" {
		return ""
	}
	return "`" + cell(s.Default) + "`"
}

// cell keeps text inside one cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
