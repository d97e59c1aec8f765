package search

// Fold makes texts equal that a person would take for one.
var Fold = fold
