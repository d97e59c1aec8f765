package sso

import "fmt"

// A Profile says how strict a token is judged (CONTRACT 4). The zero Profile is not valid: choosing one is deliberate.
type Profile string

// The profiles, from the most lenient. Metabase behaves as Metabase does, for IdPs that cannot change; Standard is the
// default; Strict is what we recommend for a new IdP.
const (
	Metabase Profile = "metabase"
	Standard Profile = "standard"
	Strict   Profile = "strict"
)

// ParseProfile returns the profile of that name.
func ParseProfile(name string) (Profile, error) {
	switch p := Profile(name); p {
	case Metabase, Standard, Strict:
		return p, nil
	}
	return "", fmt.Errorf("%q is none of metabase, standard, strict", name)
}

// A Binding says how a login is tied to the browser that began it (CONTRACT 5).
type Binding string

// The bindings. With BindingOff a token is accepted from whoever brings it, as Metabase does.
const (
	BindingOff   Binding = "off"
	BindingState Binding = "state"
	BindingPKCE  Binding = "pkce"
)

// ParseBinding returns the binding of that name.
func ParseBinding(name string) (Binding, error) {
	switch b := Binding(name); b {
	case BindingOff, BindingState, BindingPKCE:
		return b, nil
	}
	return "", fmt.Errorf("%q is none of off, state, pkce", name)
}
