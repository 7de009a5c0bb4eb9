//go:build unix

package e2e_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestKMSStopped: a door without its KMS accuses nobody and opens nothing, and
// goes on by itself when the KMS is back.
func TestKMSStopped(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3")
	badge := p.issueFor("H-1")
	p.handOver(badge.Badge)

	h.kms.signal(syscall.SIGTERM)
	h.kms.ends(exitDone)
	p.tap(exitUndecided, "undecided", "KMS_UNREACHABLE")
	p.enroll("holder", "list").ends(exitUndecided).mentions("cannot be reached")

	h.startKMS()
	p.opens(badge)
}

// TestKMSKilled: a KMS that dies in the middle of an enrolment, as by a power
// cut, has lost neither the badges that it knew nor the card on the reader.
func TestKMSKilled(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	known := h.lay(t, 0, "EV2")
	badge := known.issueFor("H-1")
	known.handOver(badge.Badge)

	torn := h.place(t, 1)
	wire := torn.wired(moment{ins: insChangeKey, nth: 2})
	torn.put("--type", "EV3")
	torn.addHolder("H-2")
	enrolling := torn.atReader("issue", "--holder", "H-2")
	wire.waitFor(t)
	h.killKMS()
	wire.goOn()
	enrolling.ends(exitUndecided)
	if got := result[issued](enrolling); got.Verdict != "undecided" || got.Reason != "KMS_UNREACHABLE" {
		t.Errorf("the station says %+v", got)
	}
	known.tap(exitUndecided, "undecided", "KMS_UNREACHABLE")

	h.startKMS()
	known.opens(badge)
	torn.tap(exitDenied, "denied", "BADGE_INCOMPLETE")
	second := result[issued](torn.atReader("issue", "--holder", "H-2").ends(exitDone))
	if !second.Resumed || second.Badge == badge.Badge {
		t.Errorf("issued after the crash: %+v", second)
	}
	torn.handOver(second.Badge)
	torn.opens(second)
}

// TestCustodyOutage: a Vault that hangs, and one that is gone, make taps and
// enrolments undecided; nothing has to be restarted when it is back.
func TestCustodyOutage(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3")
	badge := p.issueFor("H-1")
	p.handOver(badge.Badge)
	blank := h.lay(t, 1, "EV2")
	blank.addHolder("H-2")

	h.vault.signal(syscall.SIGSTOP)
	p.tap(exitUndecided, "undecided", "CUSTODY_UNAVAILABLE")
	h.vault.signal(syscall.SIGCONT)
	p.opens(badge)

	h.vault.signal(syscall.SIGTERM)
	h.vault.ends(exitDone)
	p.tap(exitUndecided, "undecided", "CUSTODY_UNAVAILABLE")
	blank.atReader("issue", "--holder", "H-2").ends(exitUndecided).mentions("CUSTODY_UNAVAILABLE")

	h.startVault(strings.TrimPrefix(h.url, "http://"))
	p.opens(badge)
	second := result[issued](blank.atReader("issue", "--holder", "H-2").ends(exitDone))
	blank.handOver(second.Badge)
	blank.opens(second)
}

// TestGracefulEnd: every program that runs on ends with 0 when it is told to,
// and takes its address file with it.
func TestGracefulEnd(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3")
	door := start(t, p.env(h.terminal), "terminal", "--reader", h.field.daemon.ReaderNames()[1])
	door.says("Ready")
	for _, program := range []*process{door, p.card, h.kms, h.vault} {
		program.signal(syscall.SIGTERM)
		program.ends(exitDone)
	}
	for _, name := range []string{"kms.address", "vault.address"} {
		if _, err := os.Stat(h.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}
