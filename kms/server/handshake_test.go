package server_test

import (
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/kms/pki"
)

// A client whose certificate is refused may learn nothing but that the
// connection broke; who it was and why is in the audit log. A probe of the port
// that says nothing is not.
func TestRefusedHandshakeIsRecorded(t *testing.T) {
	w := newWorld(t)
	other, err := pki.Init(t.TempDir(), trustDomain, pki.Options{})
	must(t, err)
	conn := connect(t, w.addr, w.trusting(pair(t, other, pki.Officer)))
	for range 3 {
		if err := poke(deadline(t), conn, "/badgekms.v1.DomainService/ListDomains"); status.Code(err) != codes.Unavailable {
			t.Fatalf("a stranger's call: %v", err)
		}
	}
	probe, err := net.Dial("tcp", w.addr)
	must(t, err)
	must(t, probe.Close())

	must(t, w.server.Stop(deadline(t)))
	refusals := w.refusals()
	if len(refusals) == 0 {
		t.Fatal("nothing is on record")
	}
	for _, r := range refusals {
		if r.Reason != "CERTIFICATE_INVALID" || r.Details["peer"] != "127.0.0.1" {
			t.Errorf("record %s %v", r.Reason, r.Details)
		}
	}
	if len(refusals) > 2 {
		t.Errorf("%d records of like refusals, which are to be counted into one", len(refusals))
	}
}
