package brand

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// An Accent is the colour of buttons and links. The zero Accent is none: pages have their own.
type Accent struct {
	colour rgb
	set    bool
}

// rgb is a colour of sRGB, each part from 0 to 1.
type rgb [3]float64

// ParseAccent reads a colour such as #0a7d55. The empty text is none.
func ParseAccent(text string) (Accent, error) {
	if text == "" {
		return Accent{}, nil
	}
	var v uint32
	if len(text) == 7 && text[0] == '#' && strings.Trim(text[1:], "0123456789abcdefABCDEF") == "" {
		if _, err := fmt.Sscanf(text[1:], "%06x", &v); err == nil {
			return Accent{rgb{float64(v>>16) / 255, float64(v>>8&255) / 255, float64(v&255) / 255}, true}, nil
		}
	}
	return Accent{}, errors.New("is no colour: write # and six hexadecimal digits, such as #0a7d55")
}

// IsSet reports whether there is one.
func (a Accent) IsSet() bool { return a.set }

// readable is the contrast that text has at least: 4.5 to 1 (WCAG 2.2 §1.4.3), and something to spare for what rounding takes.
const readable = 4.55

// A scheme is what a page's background makes of a colour.
type scheme struct {
	surface  rgb     // behind text
	page     rgb     // behind that
	away     rgb     // to where a colour that cannot be read on them is moved
	strength float64 // how much of the colour is in the tint
}

// The backgrounds are those of app.css; a test holds them against it.
var (
	light = scheme{surface: rgb{1, 1, 1}, page: colour("f5f6f8"), away: rgb{0, 0, 0}, strength: 0.09}
	dark  = scheme{surface: colour("181e26"), page: colour("10141a"), away: rgb{1, 1, 1}, strength: 0.16}
)

func colour(text string) rgb {
	a, err := ParseAccent("#" + text)
	if err != nil {
		panic(err)
	}
	return a.colour
}

// CSS is a style sheet with the colours that follow from an accent, for light and dark pages. A filled button has the very colour, under
// letters of black or white; text has it darker or lighter, as far as reading needs (WCAG 2.2 §1.4.3: 4.5 to 1).
func (a Accent) CSS() []byte {
	if !a.set {
		return nil
	}
	return []byte(":root {\n" + a.in(light) + "}\n\n@media (prefers-color-scheme: dark) {\n:root {\n" + a.in(dark) + "}\n}\n")
}

// File is the name under which the style sheet is served, with a hash of its content; "" is none.
func (a Accent) File() string {
	if !a.set {
		return ""
	}
	return hashed("accent", a.CSS(), ".css")
}

// in are the variables of app.css.
func (a Accent) in(s scheme) string {
	tint := mix(s.surface, a.colour, s.strength)
	text := a.colour
	for step := 0.0; step < 1 && least(text, s.surface, s.page, tint) < readable; step += 0.02 {
		text = mix(a.colour, s.away, step)
	}
	on := rgb{1, 1, 1}
	if contrast(a.colour, rgb{}) > contrast(a.colour, on) {
		on = rgb{}
	}
	var b strings.Builder
	for _, v := range []struct {
		name   string
		colour rgb
	}{
		{"accent", text}, {"accent-strong", mix(text, s.away, 0.2)}, {"on-accent", s.surface}, {"tint", tint},
		{"fill", a.colour}, {"fill-strong", mix(a.colour, away(on), 0.12)}, {"on-fill", on},
	} {
		fmt.Fprintf(&b, "  --%s: %s;\n", v.name, v.colour)
	}
	return b.String()
}

// away is the end of the scale on the other side of black or white: what moves there is read better.
func away(on rgb) rgb { return rgb{1 - on[0], 1 - on[1], 1 - on[2]} }

// mix is a colour with a part of another, which screens round to 255 steps.
func mix(a, b rgb, part float64) (c rgb) {
	for i := range c {
		c[i] = math.Round((a[i]*(1-part)+b[i]*part)*255) / 255
	}
	return c
}

func least(text rgb, on ...rgb) float64 {
	worst := math.Inf(1)
	for _, o := range on {
		worst = min(worst, contrast(text, o))
	}
	return worst
}

// contrast is the contrast ratio of WCAG 2.2.
func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(c rgb) float64 {
	var linear rgb
	for i, v := range c {
		if linear[i] = v / 12.92; v > 0.04045 {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0]*255)), int(math.Round(c[1]*255)), int(math.Round(c[2]*255)))
}
