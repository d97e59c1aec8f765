// Package web is what all answers of the bridge share: refusals, pages, cookies, bodies, the id of a request, and where its
// own paths stand. A [Web] has the settings in force; [Web.Site] is what follows from them.
//
// A handler returns an error that carries a [sso.Code]. [Web.ServeRefusal] alone makes status, words, page and log line of
// it; [ReaderOf] decides between a page, JSON and plain text.
package web
