package server

import (
	"net"
	"net/http"
	"time"
)

// newTransport is how the bridge reaches UPSTREAM. There is no limit on how long the app thinks: a report may take
// minutes, and a client that gives up ends the request.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 100,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // what the client accepts is between it and the app
		ForceAttemptHTTP2:   true,
		// Time for the app to refuse an upload before it is sent; then it is sent.
		ExpectContinueTimeout: time.Second,
	}
}
