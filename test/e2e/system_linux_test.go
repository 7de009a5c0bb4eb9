package e2e_test

import (
	"net"
	"syscall"
)

// diesWithUs makes the kernel end a program when the thread that started it
// ends (prctl(2), PR_SET_PDEATHSIG), so that a test run that is killed leaves
// nothing behind.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// prompt is a connection whose other side gets its acknowledgements at once.
// vpcd sends each message in two parts and waits for that of the first, which
// Linux otherwise delays by 40 ms (tcp(7), TCP_QUICKACK; it wears off).
type prompt struct{ net.Conn }

// Read implements io.Reader.
func (p prompt) Read(b []byte) (int, error) {
	if raw, err := p.Conn.(*net.TCPConn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // without it the test is slow, not wrong
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		})
	}
	return p.Conn.Read(b)
}
