package vpcd

import (
	"net"
	"syscall"
)

// quickAck asks the kernel to acknowledge what arrived at once (tcp(7),
// TCP_QUICKACK). It only makes things faster, so a failure changes nothing.
func quickAck(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
