package server

import (
	"time"
)

// SetHandlerTimeout bounds the handlers of s, before it gets requests.
func SetHandlerTimeout(s *Server, d time.Duration) { s.web.HandlerTimeout = d }
