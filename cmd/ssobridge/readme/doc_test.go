// Package readme has tests only: they hold the README to what the program does. Tables that come from the code are
// compared with it, code blocks that show a file with that file, command lines with the commands; the pages for identity
// providers are taken out of the README and run, and people sign in through them.
//
// After a change of the settings, the refusals or a file that the README shows: go test ./cmd/ssobridge/readme -update
package readme
