package templates

import (
	"slices"
	"strings"
	"testing"
)

// What is found by the name of a device is what the list calls by it: no more and no less, whatever a User-Agent says.
func TestDeviceMarks(t *testing.T) {
	var marks []string
	for _, of := range []marked{systems, browsers} {
		for _, one := range of {
			marks = append(marks, one.mark)
		}
	}
	agents := []string{"", "x"}
	for _, a := range marks {
		for _, b := range marks {
			agents = append(agents, a, a+" "+b, "Mozilla/5.0 (Windows) "+a+" Chrome/1 Safari/1 "+b)
		}
	}
	for _, name := range Devices() {
		m, ok := DeviceMarks(name)
		if !ok || len(m.Any) == 0 {
			t.Fatalf("%s: got %+v, %v", name, m, ok)
		}
		for _, agent := range agents {
			has := func(mark string) bool { return strings.Contains(agent, mark) }
			device := strings.ToLower(Device(agent))
			called := device == strings.ToLower(name) || strings.HasPrefix(device, strings.ToLower(name)+" on ") || strings.HasSuffix(device, " on "+strings.ToLower(name))
			if found := slices.ContainsFunc(m.Any, has) && !slices.ContainsFunc(m.None, has); found != called {
				t.Errorf("%s: %q is called %q, and found: %v", name, agent, device, found)
			}
		}
	}
	if _, ok := DeviceMarks("Unknown device"); ok {
		t.Error("what is not known has marks")
	}
}
