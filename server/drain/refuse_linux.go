package drain

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handshake is how long a connection may take that had begun before none was taken any more: the way to the proxy and back.
const handshake = 100 * time.Millisecond

// refuseConnections lets no new connection begin on l, and those that have begun be accepted. Closing a listener resets the
// connections that the system has taken and the program has not, and with them the requests that were sent on these: a proxy
// must not send a POST again then. A client whose SYN is dropped sends it again after a second, learns that nobody listens, and
// has sent nothing that could be lost.
func refuseConnections(l net.Listener) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	// The filter sees the header of TCP: byte 13 has the flags (RFC 9293 §3.1). Accepted connections inherit it, where no SYN comes.
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 2, Jt: 0, Jf: 1}, // SYN
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	if err != nil || failed != nil { // the system has no such filters, and connections that begin now may be reset
		return
	}
	time.Sleep(handshake)
	for end := time.Now().Add(silence); waiting(raw) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// waiting reports whether there are connections that the system has taken and the program has not. Of a listener, the kernel counts
// these as unacknowledged.
func waiting(raw syscall.RawConn) (some bool) {
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		some = err == nil && info.Unacked > 0
	})
	return some
}
