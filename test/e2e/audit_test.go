package e2e_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// eventually exports and verifies the audit log until it tells of an action,
// and gives the export. A record is there at once; it is exported once the
// sequencer has signed for it.
func (h *hospital) eventually(action string) string {
	h.t.Helper()
	path := h.path("audit.jsonl")
	for late := time.Now().Add(limit); time.Now().Before(late); {
		h.kmsctl(h.officer, "audit", "export", "--out", path).ends(exitDone)
		if bytes.Contains(mustRead(h.t, path), []byte(action)) {
			return path
		}
	}
	h.t.Fatalf("the audit log does not tell of %s", action)
	return ""
}

// verify runs `kmsctl audit verify` with the KMS's public key.
func (h *hospital) verify(export string) *process {
	h.t.Helper()
	return start(h.t, nil, "kmsctl", "audit", "verify", "--json", "--key", h.path("state/audit.key.pub"), export)
}

// TestAudit: what happened to a badge can be proven offline, and nobody can
// change a word of it.
func TestAudit(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3")
	badge := p.issueFor("H-1")
	p.handOver(badge.Badge)
	p.opens(badge)

	export := h.eventually("badge.authenticate")
	type report struct {
		Records int            `json:"records"`
		Writers map[string]int `json:"writers"`
	}
	got := result[report](h.verify(export).ends(exitDone))
	text := string(mustRead(t, export))
	if lines := strings.Count(text, "\n"); got.Records != lines-1 || got.Writers["kms-e2e"] != got.Records {
		t.Errorf("verified: %+v of %d lines", got, lines)
	}
	for _, action := range []string{"domain.create", "holder.create", "badge.hand_over", "badge.authenticate"} {
		if !strings.Contains(text, action) {
			t.Errorf("nothing is told of %s", action)
		}
	}

	forged := h.path("forged.jsonl")
	if err := os.WriteFile(forged, []byte(strings.Replace(text, "badge.hand_over", "badge.hand_0ver", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.verify(forged).ends(exitFailed)
	shorter := h.path("shorter.jsonl")
	_, rest, _ := strings.Cut(text, "\n")
	if err := os.WriteFile(shorter, []byte(rest), 0o600); err != nil {
		t.Fatal(err)
	}
	h.verify(shorter).ends(exitFailed)
}
