// Package proxies holds the documented configurations of nginx, Caddy and Traefik against SECURITY H1 to H6: the real
// proxies run with the files that the documents show, between a client that cheats and an app that reports
// every header it got.
package proxies
