// Package static holds what pages load: the style sheet, the script, the icon. They are part of the program.
//
// A file has two addresses. [URL] gives the one that pages use; it contains a hash of the content, so browsers may keep
// the answer for ever. The plain one (/auth/static/app.css) is for people and is revalidated at each use. There are no
// directories to list, and no path reaches the file system.
package static

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Prefix is where [Handler] expects to be mounted: under /auth, so that an app behind the bridge keeps its own /static.
const Prefix = "/auth/static/"

// The type of each kind of file there is. The system's own table differs from machine to machine.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

//go:embed files
var embedded embed.FS

type file struct {
	name    string // app.css
	hash    string // of the content, 16 hex digits
	kind    string // its Content-Type
	content []byte
}

// files are by plain name. A file that cannot be served is a mistake of ours and stops every test.
var files = sync.OnceValue(func() map[string]file {
	entries, err := embedded.ReadDir("files")
	if err != nil {
		panic(err)
	}
	all := make(map[string]file, len(entries))
	for _, e := range entries {
		content, err := embedded.ReadFile("files/" + e.Name())
		if err != nil {
			panic(err)
		}
		kind, ok := contentTypes[path.Ext(e.Name())]
		if !ok {
			panic(fmt.Sprintf("static: no content type for %s", e.Name()))
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = file{name: e.Name(), hash: hex.EncodeToString(sum[:8]), kind: kind, content: content}
	}
	return all
})

// URL returns the address of a file by its plain name, such as /auth/static/app.0123456789abcdef.css for app.css. A name that
// does not exist panics: names are written in templates, and a test renders each.
func URL(name string) string {
	f, ok := files()[name]
	if !ok {
		panic(fmt.Sprintf("static: there is no file %q", name))
	}
	ext := path.Ext(name)
	return Prefix + strings.TrimSuffix(name, ext) + "." + f.hash + ext
}

var hashedName = regexp.MustCompile(`^([a-z0-9-]+)\.([0-9a-f]{16})(\.[a-z]+)$`)

// lookup finds the file that a path names. fixed says that the path names this very content.
//
// A hash that is not ours gives the file all the same, without the promise: while a new version is rolled out, a page of
// one replica asks another for its style sheet.
func lookup(urlPath string) (f file, fixed, ok bool) {
	name, ok := strings.CutPrefix(urlPath, Prefix)
	if !ok {
		return file{}, false, false
	}
	if f, ok = files()[name]; ok {
		return f, false, true
	}
	m := hashedName.FindStringSubmatch(name)
	if m == nil {
		return file{}, false, false
	}
	f, ok = files()[m[1]+m[3]]
	return f, ok && m[2] == f.hash, ok
}

// Handler serves the files under [Prefix], to GET and HEAD. It answers 404 to other paths and 405 to other methods.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	f, fixed, ok := lookup(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // a proxy shows our pages under the address of an app
	h.Set("ETag", `"`+f.hash+`"`)
	h.Set("Cache-Control", "no-cache")
	if fixed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // RFC 8246
	}
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
}
