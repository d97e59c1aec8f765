package templates

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
	"github.com/ssobridge/ssobridge/static"
)

// adminDesign is the page that shows every part of which pages are made. It is for those who make pages, and no part of the
// program: its HTML is in testdata, and a screenshot of it is made with those of the others.
type adminDesign struct {
	AdminLayout
	Fields []Field
	Select AdminSelect
	Tabs   []AdminTab
	Pager  AdminPager
	Chart  Chart
	Now    time.Time
	Long   time.Time // ago
}

func (adminDesign) template() string { return "admin-design" }

// Faults are what is wrong with its fields.
func (d adminDesign) Faults() Faults { return faults("", d.Fields...) }

func designSample() sample {
	d := adminDesign{AdminLayout: adminSample(AdminSectionOverview), Now: sampleTime, Long: sampleTime.Add(-100 * time.Hour),
		Fields: []Field{{Name: "plain", Label: "A field", Type: "text", Value: "What was typed", Help: "One line that helps", Autocomplete: "off"},
			{Name: "wrong", Label: "A field with a mistake", Type: "text", Value: "ada", Error: "An e-mail address has an @.", Help: "It stays as it was typed", Autocomplete: "off"}},
		Select: AdminSelect{Name: "choice", Options: []AdminOption{{Value: "a", Label: "The usual", Chosen: true}, {Value: "b", Label: "Another"}}},
		Tabs:   []AdminTab{{"All", "/admin/people", true}, {"Never signed in", "/admin/people?seen=never", false}},
		Pager:  AdminPager{First: "/admin/people", Next: "/admin/people?after=5"},
		Chart:  Chart{ID: "parts", Label: "Sign-ins"}}
	for i := range 14 {
		d.Chart.Days = append(d.Chart.Days, ChartDay{Day: sampleTime.AddDate(0, 0, i-13), Count: i * i % 17})
	}
	return sample{"admin design", d}
}

// addDesign adds the page to those of the program.
func addDesign(t testing.TB, p *Pages, base string) {
	t.Helper()
	p.byName["admin-design"] = map[string]func() (*template.Template, error){"en": sync.OnceValues(func() (*template.Template, error) {
		functions := functionsIn("en", func(english string) string { return english })
		functions["asset"] = func(name string) string { return base + static.URL(name) }
		functions["path"] = func(p string) string { return base + p }
		made, err := parseFiles(template.New("").Funcs(functions), base, "layout.html", "parts.html", "admin.html")
		if err != nil {
			return nil, err
		}
		page, err := os.ReadFile("testdata/admin-design.html")
		if err != nil {
			return nil, err
		}
		return made.New("admin-design.html").Parse(ownLink.ReplaceAllString(string(page), "${1}"+base+"/"))
	})}
}

// Where the colours are the reader's own, nothing is lost: each part has an edge, a word or a sign, and axe-core finds nothing.
func TestDesignInForcedColours(t *testing.T) {
	site := serveSamples(t, []sample{designSample()})
	ctx := chrome.Open(t, 3*time.Minute)
	if err := chromedp.Run(ctx, chromedp.Navigate(site.URL+"/sample/0")); err != nil {
		t.Fatal(err)
	}
	if chromium.AxeCore("..") == "" {
		ssotest.Missing(t, "axe-core", "npm install axe-core@4.14.1 beside go.mod, or elsewhere with SSOBRIDGE_TEST_NODE_MODULES naming the node_modules folder")
	}
	if err := chromedp.Run(ctx, loadAxe); err != nil {
		t.Fatal(err)
	}
	for _, l := range chromium.Looks("design in forced colours") {
		l.Name, l.Forced = "forced-"+l.Name, true
		l.Check(ctx, t, true)
		l.Shoot(ctx, t, "admin design")
		var bare []string
		if err := chromedp.Run(ctx, chromedp.Evaluate(`[...document.querySelectorAll(".button, .badge, .chip, .tags li, [aria-current=page]")].filter((part) => {
			const style = getComputedStyle(part);
			return style.borderStyle === "none" && style.textDecorationLine === "none";
		}).map((part) => part.className || part.textContent)`, &bare)); err != nil {
			t.Fatal(err)
		}
		for _, part := range bare {
			t.Errorf("%s: %q has no edge", l.Name, part)
		}
	}
}

// maxLoaded is how much a page loads at most, in bytes: style sheets, scripts, pictures and fonts, as they are sent. The bridge does not
// compress them; a proxy in front may. The page itself is not counted.
const maxLoaded = 60_000

// What any page loads stays small.
func TestWhatAPageLoadsIsSmall(t *testing.T) {
	largest, of := 0, ""
	for _, s := range samples() {
		total := 0
		for name, size := range loaded(t, render(t, englishPages(t), s.page)) {
			if strings.Contains(name, "/auth/brand/") {
				continue // what a site brings has a bound of its own: brand.MaxLogo
			}
			if size == 0 {
				t.Errorf("%s: %s is no file of ours", s.name, name)
			}
			total += size
		}
		if total > largest {
			largest, of = total, s.name
		}
		if total > maxLoaded {
			t.Errorf("%s: loads %d bytes, want at most %d", s.name, total, maxLoaded)
		}
	}
	if largest < 1000 {
		t.Errorf("got %d bytes as the most, of %q: nothing was found", largest, of)
	}
	t.Logf("most is %d bytes, of %q", largest, of)
}

// inCSS is a file that a style sheet loads.
var inCSS = regexp.MustCompile(`url\(|@import`)

// loaded are the files that a page loads, with their sizes.
func loaded(t *testing.T, page string) map[string]int {
	t.Helper()
	files := map[string]int{}
	for n := range parse(t, page).Descendants() {
		address := attr(n, "src")
		if n.Data == "link" {
			address = attr(n, "href")
		}
		if address == "" || n.Data == "iframe" {
			continue
		}
		w := httptest.NewRecorder()
		static.Handler().ServeHTTP(w, httptest.NewRequest("GET", address, nil))
		if w.Code == http.StatusOK {
			files[address] = w.Body.Len()
		} else {
			files[address] = 0
		}
		if strings.HasSuffix(address, ".css") && inCSS.MatchString(w.Body.String()) {
			t.Errorf("%s loads more, which is not counted", address)
		}
	}
	return files
}
