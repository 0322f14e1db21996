package admin

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load nothing but its own files.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// An overlay is the files of a page in front of those that all pages share.
type overlay struct{ own, shared fs.FS }

func (o overlay) Open(name string) (fs.File, error) {
	if o.own != nil {
		if f, err := o.own.Open(name); err == nil {
			return f, nil
		}
	}
	return o.shared.Open(name)
}

// pageHandler serves the page's files, the first of them with what f knows, so
// that there is something to see at once.
func pageHandler(f *feed, page fs.FS) http.Handler {
	shared, err := fs.Sub(pageFiles, "page")
	if err != nil {
		// unreachable: the directory is compiled in
		panic(err)
	}
	files := overlay{page, shared}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		// the same
		panic(err)
	}
	before, after, _ := bytes.Cut(index, []byte("<!-- known -->"))
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if r.URL.Path != "/" {
			h.Set("Cache-Control", "no-cache")
			serve.ServeHTTP(w, r)
			return
		}
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", "text/html; charset=utf-8")
		latest, _ := f.read()
		// In its JSON every < is escaped: nothing in it ends the element.
		_, _ = fmt.Fprintf(w, `%s<script type="application/json" id="known">{"history":%s,"latest":%s}</script>%s`, before, f.remembered(), latest, after)
	})
}
