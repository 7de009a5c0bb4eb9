package e2e_test

import "testing"

// TestRoles: a genuine certificate of the wrong role is refused by name, and
// the refusal is on record.
func TestRoles(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3")
	p.addHolder("H-1")

	asTerminal := func(args ...string) *process {
		return start(t, h.env(h.terminal), "enroll", append(args, "--json", "--reader", p.reader)...)
	}
	enrolling := asTerminal("issue", "--holder", "H-1").ends(exitDenied)
	if got := result[issued](enrolling); got.Verdict != "denied" || got.Reason != "PERMISSION_DENIED" {
		t.Errorf("a terminal that enrols is told %+v", got)
	}
	h.kmsctl(h.station, "domain", "create", "--name", "mine").ends(exitDenied).mentions("PERMISSION_DENIED")
	h.kmsctl(h.terminal, "audit", "export", "--out", h.path("stolen.jsonl")).ends(exitDenied).mentions("PERMISSION_DENIED")
	h.eventually("call.refuse")
}

// TestStrangers: whoever comes with a certificate of another CA, or stands in
// for the KMS with one, gets no answer. A mistake in the own files is told
// apart from a handshake that the other side may have broken off.
func TestStrangers(t *testing.T) {
	t.Parallel()
	h := newHospital(t)
	h.authority("other", trustDomain)
	stranger := h.issue("other", "station", "badge-office")

	for name, c := range map[string]struct {
		who    identity
		code   int
		reason string
		says   string
	}{
		// With TLS 1.3 the KMS refuses after the client's part of the handshake
		// is done, so the alert that says why may be lost with the connection.
		"client of another CA": {identity{stranger.cert, stranger.key, h.station.ca},
			exitUndecided, "KMS_UNREACHABLE", "Technical detail"},
		"KMS of another CA": {identity{h.station.cert, h.station.key, stranger.ca},
			exitUndecided, "KMS_UNREACHABLE", "certificate of the server"},
		"key of another certificate": {identity{h.station.cert, h.terminal.key, h.station.ca},
			exitFailed, "CERTIFICATE_INVALID", "private key does not match"},
		"key where the CA is named": {identity{h.station.cert, h.station.key, h.station.key},
			exitFailed, "CERTIFICATE_INVALID", "no PEM certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, h.env(c.who), "enroll", "holder", "add", "--id", "H-1", "--name", "X", "--json")
			got := result[issued](p.ends(c.code).mentions(c.says))
			if got.Reason != c.reason {
				t.Errorf("the reason is %s, want %s", got.Reason, c.reason)
			}
		})
	}
	list := h.enroll("holder", "list").ends(exitDone)
	if list.stdout.String() != "" {
		t.Errorf("a stranger recorded %s", list.stdout)
	}
}
