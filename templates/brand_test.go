package templates

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso/brand"
)

// branded is the layout of a site with a colour and a logo that is so many times as wide as high.
func branded(accent string, wide int) Layout {
	l, err := brand.ReadLogo(drawnLogo(accent, wide))
	if err != nil {
		panic(err)
	}
	return Layout{Site: "Acme Reports", Brand: Brand{
		Colours: accent[1:] + ".css", Logo: fmt.Sprintf("%s-%d.svg", accent[1:], wide), Width: l.Width, Height: l.Height, Wide: l.Wide(),
	}}
}

func drawnLogo(accent string, wide int) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 20"><rect width="100%%" height="100%%" rx="4" fill="%s" stroke="#888"/></svg>`, 20*wide, accent)
}

// serveBrand serves what branded names.
func serveBrand(w http.ResponseWriter, r *http.Request) {
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	accent, wide, _ := strings.Cut("#"+name, "-")
	if kind == "css" {
		a, _ := brand.ParseAccent(accent)
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Write(a.CSS())
		return
	}
	n, _ := strconv.Atoi(wide)
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Write(drawnLogo(accent, n))
}
