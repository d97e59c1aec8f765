//go:build !linux

package ssotest

// TempInMemory does nothing here: only of Linux it is known where such files are.
func TempInMemory() {}
