package web

import "net/http"

// wayLifetime is how long a browser remembers how it was signed in last.
const wayLifetime = 400 * 24 * 60 * 60 // seconds; browsers keep no cookie longer (RFC 6265bis §5.5)

// RememberWay has the sign-in page offer first what this browser signed in with: the name of a provider, "password" or "passkey".
// Where there is one way only, nothing is remembered. The cookie proves nothing: it only sorts.
func (site *Site) RememberWay(w http.ResponseWriter, way string) {
	ways := len(site.Bridge.Providers.Beginners())
	if site.Config.EnablePasswordLogin || site.PasskeysPossible() {
		ways++
	}
	if ways > 1 {
		http.SetCookie(w, site.LaxCookie(site.CookieName("way"), way, wayLifetime))
	}
}

// LastWay is how this browser was signed in last; "" when it does not say so, and whatever it likes when it lies.
func (site *Site) LastWay(r *http.Request) string {
	way, _ := CookieValue(r.Header["Cookie"], site.CookieName("way"))
	return way
}
