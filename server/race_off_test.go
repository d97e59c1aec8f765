//go:build !race

package server_test

// raceDetector reports whether it runs along: then times say nothing.
const raceDetector = false
