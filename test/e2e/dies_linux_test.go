package e2e_test

import "syscall"

// diesWithUs makes the kernel end a program when the thread that started it
// ends (prctl(2), PR_SET_PDEATHSIG), so that a test run that is killed leaves
// nothing behind.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
