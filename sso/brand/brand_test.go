package brand

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"regexp"
	"strings"
	"testing"
)

func drawing(attributes, inside string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg" ` + attributes + `>` + inside + `</svg>`)
}

func picture(t *testing.T, encode func(*bytes.Buffer, image.Image) error, wide, high int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, image.NewGray(image.Rect(0, 0, wide, high))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(b *bytes.Buffer, i image.Image) error  { return png.Encode(b, i) }
func asJPEG(b *bytes.Buffer, i image.Image) error { return jpeg.Encode(b, i, nil) }

func TestReadLogo(t *testing.T) {
	for name, tt := range map[string]struct {
		content    []byte
		kind       string
		wide, high int
		isName     bool
	}{
		"a square":               {drawing(`viewBox="0 0 24 24"`, ""), "image/svg+xml", 32, 32, false},
		"a drawing in fractions": {drawing(`viewBox="0,0,0.5,0.25"`, ""), "image/svg+xml", 64, 32, false},
		"without a view box":     {drawing(`width="300px" height="100"`, "<path d='M0 0'/>"), "image/svg+xml", 96, 32, true},
		"very wide":              {drawing(`viewBox="0 0 2000 100"`, ""), "image/svg+xml", 200, 10, true},
		"PNG":                    {picture(t, asPNG, 640, 200), "image/png", 102, 32, true},
		"JPEG, high":             {picture(t, asJPEG, 50, 200), "image/jpeg", 8, 32, false},
	} {
		l, err := ReadLogo(tt.content)
		if err != nil || l.Type != tt.kind || l.Width != tt.wide || l.Height != tt.high || l.Wide() != tt.isName {
			t.Errorf("%s: got %+v, %v", name, l, err)
		}
	}
}

func TestReadLogoRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":           {nil, "EOF"},
		"a page":          {[]byte("<!doctype html><html></html>"), `its first element is "html"`},
		"text":            {[]byte("logo.png"), "neither of these"},
		"no namespace":    {[]byte(`<svg viewBox="0 0 1 1"/>`), `<svg xmlns=`},
		"no size":         {drawing("", ""), "viewBox"},
		"no number":       {drawing(`viewBox="0 0 NaN Inf"`, ""), "shape"},
		"in percent":      {drawing(`width="100%" height="100%"`, ""), "viewBox"},
		"cut off":         {drawing(`viewBox="0 0 1 1"`, "<g>"), "syntax error"},
		"a ribbon":        {drawing(`viewBox="0 0 2100 100"`, ""), "20 times as wide"},
		"a pole":          {picture(t, asPNG, 10, 41), "4 times as high"},
		"large":           {drawing(`viewBox="0 0 1 1"`, strings.Repeat(" ", MaxLogo)), "100 kB is the most"},
		"many pixels":     {picture(t, asPNG, 4097, 4000), "4096 is the most"},
		"another charset": {[]byte(`<?xml version="1.0" encoding="latin1"?><svg/>`), "UTF-8"},
	} {
		if l, err := ReadLogo(tt.content); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %+v, %v, want %q", name, l, err, tt.want)
		}
	}
}

func FuzzReadLogo(f *testing.F) {
	f.Add(drawing(`viewBox="0 0 24 24"`, "<path/>"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		l, err := ReadLogo(content)
		if err == nil && (l.Width < 1 || l.Width > shownWide || l.Height < 1 || l.Height > shownHigh || l.Type == "") {
			t.Errorf("got %+v", l)
		}
	})
}

func TestParseAccent(t *testing.T) {
	for text, want := range map[string]string{"#0a7d55": "#0a7d55", "#FFD400": "#ffd400", "": ""} {
		a, err := ParseAccent(text)
		if err != nil || a.IsSet() != (want != "") || a.IsSet() && a.colour.String() != want || (a.CSS() != nil) != a.IsSet() || (a.File() != "") != a.IsSet() {
			t.Errorf("%q: got %v, %v", text, a, err)
		}
	}
}

func FuzzParseAccent(f *testing.F) {
	for _, s := range []string{"red", "#fff", "0a7d55", "#0a7d5", "#0a7d555", "#0a7d5g", "# a7d55", "#+a7d55", "#0a7d55;}", "#0x1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAccent(text)
		if is := text == "" || regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString(text); (err == nil) != is {
			t.Errorf("%q: got %v, %v", text, a, err)
		}
		if a.IsSet() && a.colour.String() != strings.ToLower(text) {
			t.Errorf("%q: got %s", text, a.colour)
		}
	})
}

var variable = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// variables are those of a style sheet for light and for dark pages.
func variables(t *testing.T, css []byte) (schemes [2]map[string]rgb) {
	t.Helper()
	light, dark, found := bytes.Cut(css, []byte("@media (prefers-color-scheme: dark)"))
	if !found {
		t.Fatal("nothing for dark pages")
	}
	for i, part := range [][]byte{light, dark} {
		schemes[i] = map[string]rgb{}
		for _, m := range variable.FindAllSubmatch(part, -1) {
			if _, known := schemes[i][string(m[1])]; !known {
				schemes[i][string(m[1])] = colour(string(m[2][1:]))
			}
		}
	}
	return schemes
}

// Whatever colour there is, what is written in it and on it can be read (WCAG 2.2 §1.4.3), and the button has the very colour.
func TestEveryAccentCanBeRead(t *testing.T) {
	own, err := os.ReadFile("../../static/files/app.css")
	if err != nil {
		t.Fatal(err)
	}
	pages := variables(t, own)
	for i, s := range []scheme{light, dark} {
		if pages[i]["surface"] != s.surface || pages[i]["bg"] != s.page {
			t.Errorf("the backgrounds are %v and %v, not those of app.css", s.surface, s.page)
		}
	}
	for v := range 4096 {
		a, err := ParseAccent(fmt.Sprintf("#%x%x%x%x%x%x", v>>8, v>>8, v>>4&15, v>>4&15, v&15, v&15))
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range variables(t, a.CSS()) {
			if len(c) != 7 || c["fill"] != a.colour {
				t.Fatalf("%s: got %v", a.colour, c)
			}
			for what, ratio := range map[string]float64{
				"a link": least(c["accent"], pages[i]["surface"], pages[i]["bg"], c["tint"]), "a link under the mouse": least(c["accent-strong"], pages[i]["surface"], pages[i]["bg"], c["tint"]),
				"text on the tint": least(pages[i]["text"], c["tint"]), "muted text on it": least(pages[i]["muted"], c["tint"]), "on the accent": least(c["on-accent"], c["accent"]),
				"a button": least(c["on-fill"], c["fill"]), "a button under the mouse": least(c["on-fill"], c["fill-strong"]),
			} {
				if ratio < 4.5 {
					t.Errorf("%s, scheme %d: %s has a contrast of %.2f", a.colour, i, what, ratio)
				}
			}
		}
	}
}
