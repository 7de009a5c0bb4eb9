//go:build !linux

package e2e_test

import "syscall"

// diesWithUs has no counterpart here.
func diesWithUs() *syscall.SysProcAttr { return nil }
