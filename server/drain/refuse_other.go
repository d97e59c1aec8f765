//go:build !linux

package drain

import "net"

// refuseConnections does nothing here: a connection that begins while the listener is closed may be reset.
func refuseConnections(net.Listener) {}
