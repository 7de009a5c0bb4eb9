// Package e2e tests BadgeKMS end to end and from outside: the programs that
// people run, built as `make build` builds them, each as a process of its own,
// with simulated cards behind a private PC/SC service (PCSC-Lite's pcscd and
// the vpcd driver, see package pcscd). What is asserted is what scripts and
// people see: exit codes, JSON lines, messages, files.
//
// Nothing listens on a fixed port, nothing sleeps: a test waits for an address
// file, a line of output or the end of a process. Tests that need readers are
// skipped where no private pcscd can run, unless BADGEKMS_TEST_PCSCD=1 makes
// that a failure.
package e2e
