// Package pcscd runs a private PC/SC service for tests and for the demo: a
// pcscd of PCSC-Lite (the PC/SC workgroup's resource manager, parts 5 and 6)
// that has virtual readers of the vsmartcard project (vpcd) and nothing else.
//
// Private means four things. The daemon has a mount namespace of its own in
// which a temporary directory lies over /run, so its socket and pid file are
// never the system's. It is started as a child, never by socket activation.
// An empty directory lies over its USB drivers, so a real reader on the desk
// is left to its owner. And it is ended by its own process id.
//
// A client finds it through PCSCLITE_CSOCK_NAME (see Daemon.Env), which
// libpcsclite reads once in the life of a process: set it before the first
// call to PC/SC, and use one Daemon in one process.
//
// A card plugs in by connecting to one of Daemon.VPCDAddress. vpcd listens on
// all interfaces of the machine and asks no password; that is its design, and
// one more reason to put nothing but simulated cards with test keys behind it.
package pcscd

import "errors"

// ErrUnavailable is wrapped by every error that says that a private pcscd
// cannot run on this machine; the message names what is missing and the cure.
var ErrUnavailable = errors.New("a private pcscd cannot run here")

// SlotsPerReader is the number of slots of one vpcd reader (ifd-vpcd.c,
// VICC_MAX_SLOTS, as Debian builds it). Slot n listens on the reader's port+n.
const SlotsPerReader = 2

// maxReaders keeps the slots within the 16 that pcscd serves
// (PCSCLITE_MAX_READERS_CONTEXTS in pcsclite.h).
const maxReaders = 16 / SlotsPerReader

// Options adjusts a private pcscd. The zero value is one reader of two slots.
type Options struct {
	// Readers is the number of virtual readers, 1 to 8; 0 stands for 1.
	Readers int
	// Verbose adds pcscd's debug messages to Daemon.Log. It never logs APDUs.
	Verbose bool
}
