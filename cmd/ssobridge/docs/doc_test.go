// Package docs has tests only: they hold the documents to what the program does. The documents are README.md, those of the
// rooms, and the pages that GitHub looks for by name. Tables that come from the code are compared with it, code blocks that
// show a file with that file, command lines with the commands. The pages for identity providers are taken out of their
// document and run, and people sign in through them.
//
// After a change of the settings, the refusals or a file that a document shows: go test ./cmd/ssobridge/docs -update
package docs
