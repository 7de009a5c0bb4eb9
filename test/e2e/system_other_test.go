//go:build !linux

package e2e_test

import (
	"net"
	"syscall"
)

// diesWithUs has no counterpart here.
func diesWithUs() *syscall.SysProcAttr { return nil }

// prompt has no counterpart here.
type prompt struct{ net.Conn }
