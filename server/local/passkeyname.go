package local

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/templates"
)

// keepers are what keeps passkeys, by the AAGUID that it says (WebAuthn §6.5.1). It is not attested, and only names the passkey.
var keepers = map[string]string{
	"fbfc3007154e4ecc8c0b6e020557d7bd": "iCloud Keychain", "dd4ec289e01d41c9bb8970fa845d4bf2": "iCloud Keychain",
	"ea9b8d664d011d213ce4b6b48cb575d4": "Google Password Manager", "adce000235bcc60a648b0b25f1f05503": "Chrome on Mac",
	"08987058cadc4b81b6e130de50dcbe96": "Windows Hello", "9ddd1817af5a4672a2b93e3dd95000a9": "Windows Hello",
	"6028b017b1d44c02b4b3afcdafc96bb2": "Windows Hello", "53414d53554e47000000000000000000": "Samsung Pass",
	"bada5566a7aa401fbd9645619a55120d": "1Password", "d548826e79b4db40a3d811116f7e8349": "Bitwarden",
	"531126d6e717415c93203d9aa6981239": "Dashlane", "50726f746f6e5061737350726f746f6e": "Proton Pass",
	"fdb141b25d84443e8a354698c205a502": "KeePassXC", "b84e404815dc4dd08640f4f60813c8af": "NordPass",
	"0ea242b443c44a1b8b17dd6d0b6baec6": "Keeper", "cb69481e8ff7403993ec0a2729a154a8": "YubiKey",
}

// nameOf is the name of a passkey to which nobody gave one: what keeps it, else the device on which it was made.
func nameOf(made *webauthn.Credential, r *http.Request) string {
	if name, ok := keepers[hex.EncodeToString(made.Authenticator.AAGUID)]; ok {
		return name
	}
	if device := templates.Device(r.UserAgent()); device != templates.UnknownDevice {
		return device
	}
	return "Passkey"
}

// apart is a name that none of the passkeys has: the second one gets a 2.
func apart(name string, known []credential.Passkey) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(known, func(k credential.Passkey) bool { return k.Name == name })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = name + " " + strconv.Itoa(n)
	}
	return free
}
