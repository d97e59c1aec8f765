package sso

// FoldSearch makes texts equal that a person would take for one.
func FoldSearch(s string) string { return foldSearch(s) }
