// Package brand makes the pages that people meet look like a site of its own: its logo, and its colour with the ones that follow from it.
package brand

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // forms that a logo may have
	_ "image/png"
	"io"
	"strconv"
	"strings"
)

// A Logo is a picture that was looked at: what it is says its content, and not its name.
type Logo struct {
	Content       []byte
	Type          string // its media type
	Width, Height int    // in pixels of CSS, as pages show it
	ending        string // of the name under which it is served
}

const (
	// MaxLogo is how many bytes a logo may have: every page that people meet loads it.
	MaxLogo = 100 << 10
	// maxSide is how many pixels a picture may be wide or high. A browser that draws it needs four bytes for each.
	maxSide = 4096
	// shownHigh and shownWide bound the place that pages have for it.
	shownHigh, shownWide = 32, 200
)

// ReadLogo reads a picture: SVG, PNG or JPEG. An error reads on from the name of the setting, and says what to do.
func ReadLogo(content []byte) (*Logo, error) {
	if len(content) > MaxLogo {
		return nil, fmt.Errorf("names a picture of %d kB: %d kB is the most", (len(content)+1023)>>10, MaxLogo>>10)
	}
	l := &Logo{Content: content, Type: "image/svg+xml", ending: ".svg"}
	var wide, high float64
	shape, form, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil:
		if wide, high, err = sizeOfSVG(content); err != nil {
			return nil, fmt.Errorf("names no picture that can be shown (SVG, PNG or JPEG): %w", err)
		}
	case shape.Width > maxSide || shape.Height > maxSide:
		return nil, fmt.Errorf("names a picture of %d × %d pixels: %d is the most on each side", shape.Width, shape.Height, maxSide)
	default:
		l.Type, l.ending, wide, high = "image/"+form, "."+form, float64(shape.Width), float64(shape.Height)
	}
	if !(wide >= 1 && high >= 1 && wide/high <= 20 && high/wide <= 4) {
		return nil, errors.New("names a picture of a shape that has no place on a page: make it between 4 times as high as wide and 20 times as wide as high")
	}
	scale := min(shownHigh/high, shownWide/wide)
	l.Width, l.Height = max(1, int(wide*scale+0.5)), max(1, int(high*scale+0.5))
	return l, nil
}

// Policy is the Content-Security-Policy under which a logo is served: a drawing that somebody opens by itself is a page, and can do nothing.
const Policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

// Wide reports whether the logo is most likely the name itself, which pages then do not write beside it.
func (l *Logo) Wide() bool { return l.Width > 2*l.Height }

// File is the name under which the logo is served, with a hash of its content.
func (l *Logo) File() string { return hashed("logo", l.Content, l.ending) }

func hashed(name string, content []byte, ending string) string {
	sum := sha256.Sum256(content)
	return name + "." + hex.EncodeToString(sum[:8]) + ending
}

// sizeOfSVG reads the size of a drawing, which its first element says. Browsers run no script in an image, and load nothing that it names.
func sizeOfSVG(content []byte) (wide, high float64, err error) {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = func(name string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("its text is in %q: save it as UTF-8", name)
	}
	var root xml.StartElement
	for root.Name.Local == "" {
		token, err := d.Token()
		if err != nil {
			return 0, 0, fmt.Errorf("it is neither of these, nor XML: %w", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			root = e
		}
	}
	if root.Name.Local != "svg" || root.Name.Space != "http://www.w3.org/2000/svg" {
		return 0, 0, fmt.Errorf("its first element is %q, and an image's is <svg xmlns=\"http://www.w3.org/2000/svg\">", root.Name.Local)
	}
	given := map[string]string{}
	for _, a := range root.Attr {
		given[a.Name.Local] = a.Value
	}
	if box := strings.FieldsFunc(given["viewBox"], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }); len(box) == 4 {
		wide, high = number(box[2]), number(box[3])
	} else {
		wide, high = number(strings.TrimSuffix(given["width"], "px")), number(strings.TrimSuffix(given["height"], "px"))
	}
	if wide <= 0 || high <= 0 {
		return 0, 0, errors.New("the <svg> has no size: give it a viewBox, such as viewBox=\"0 0 120 32\"")
	}
	// A picture of any unit is drawn to the place that there is; only its shape counts.
	if low := min(wide, high); low < 1 {
		wide, high = wide/low, high/low
	}
	for { // what is broken further down would be a broken image on every page
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return wide, high, nil
		} else if err != nil {
			return 0, 0, err
		}
	}
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return n
}
