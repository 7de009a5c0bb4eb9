// Package hsmsim is a SIMULATOR of a key server, NOT AN HSM: an HTTP server
// that answers like the Transit secrets engine of HashiCorp Vault (HTTP API
// v1), including the CMAC operation that only Vault Enterprise has. It exists
// so that development, demos and tests need neither a licence nor hardware.
//
// The tags are AES-CMAC (NIST SP 800-38B, RFC 4493). The package imports
// nothing else of this module and computes with github.com/aead/cmac, so that
// a program tested against it is tested against a second implementation.
//
// A test runs it in memory:
//
//	sim, token, err := hsmsim.Open(hsmsim.Options{})
//	server := httptest.NewServer(sim.Handler())
//
// With Options.StateFile the keys survive a restart, encrypted under a
// passphrase. Keys are in the memory of an ordinary process all the same:
// never use it for badges that open real doors.
//
// Which answers were seen on a real Vault server and which only follow its
// documents is told in README.md.
package hsmsim
