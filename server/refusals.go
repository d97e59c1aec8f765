package server

import (
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// RefusalsMarkdown is the table of refusals for the README: each code with the status and the words that programs get, and
// what the person who configures the bridge should change. "…" stands for the one public value of an error.
func RefusalsMarkdown() string {
	var signIn, other strings.Builder
	signIn.WriteString("| code | status | message | what to change |\n| --- | --- | --- | --- |\n")
	other.WriteString("| code | status | message |\n| --- | --- | --- |\n")
	for _, code := range sso.Codes() {
		v := vocabulary(code)
		row := fmt.Sprintf("| `%s` | %d | %s |", code, v.status, strings.ReplaceAll(v.message, "%s", "…"))
		if advice := code.Advice(); advice != "" {
			fmt.Fprintf(&signIn, "%s %s |\n", row, advice)
		} else {
			fmt.Fprintf(&other, "%s\n", row)
		}
	}
	return signIn.String() + "\nThese are not about a token:\n\n" + other.String()
}
