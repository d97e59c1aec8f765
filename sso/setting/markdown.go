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
