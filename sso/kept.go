package sso

// Kept counts what is kept of a person: what a purge deletes, and the events that it makes anonymous.
type Kept struct {
	Sessions   int `json:"sessions" doc:"those that are over and not yet swept included"`
	Groups     int `json:"groups" doc:"without All Users"`
	Passkeys   int `json:"passkeys"`
	Identities int `json:"identities" doc:"names at providers"`
	Events     int `json:"events" doc:"that stay, without e-mail, network address and detail"`
}
