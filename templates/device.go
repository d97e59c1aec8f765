package templates

import (
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// marked are names and what a User-Agent has in it that gets them.
type marked []struct{ mark, name string }

// A User-Agent names many products for compatibility, so the order decides: Edge says Chrome too, Chrome says Safari.
var (
	browsers = marked{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
		{"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"},
		{"Safari/", "Safari"}, {"curl/", "curl"}, {"Wget/", "Wget"}, {"python-requests/", "Python"},
		{"Go-http-client/", "a Go program"}, {"node", "a Node program"},
	}
	systems = marked{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"},
	}
)

// UnknownDevice is a device of which nothing is known.
const UnknownDevice = "Unknown device"

// Device puts a User-Agent into words that people recognise, such as "Firefox on Windows". It never repeats the header
// itself, which anyone can make up.
func Device(userAgent string) string {
	browser, system := "", ""
	for _, b := range browsers {
		if strings.Contains(userAgent, b.mark) {
			browser = b.name
			break
		}
	}
	for _, s := range systems {
		if strings.Contains(userAgent, s.mark) {
			system = s.name
			break
		}
	}
	switch {
	case browser == "" && system == "":
		return UnknownDevice
	case browser == "":
		return "Unknown browser on " + system
	case system == "":
		return strings.ToUpper(browser[:1]) + browser[1:]
	}
	return browser + " on " + system
}

// Devices are the names of systems and of browsers that [Device] knows, each once, in the order in which people look for them.
func Devices() (names []string) {
	for _, of := range []marked{systems, browsers} {
		for _, one := range of {
			if !slices.Contains(names, one.name) {
				names = append(names, one.name)
			}
		}
	}
	return names
}

// DeviceMarks are those of the User-Agents that [Device] calls by a name of [Devices]; ok is false for another name.
func DeviceMarks(name string) (marks sso.Marks, ok bool) {
	for _, of := range []marked{systems, browsers} {
		var earlier []string // whoever has one of these has another name
		for _, one := range of {
			if one.name == name {
				marks.Any, marks.None, ok = append(marks.Any, one.mark), earlier, true
			} else if !ok {
				earlier = append(earlier, one.mark)
			}
		}
		if ok {
			return marks, true
		}
	}
	return marks, false
}
