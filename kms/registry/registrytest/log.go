package registrytest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
)

func record(badge string) audit.Record {
	return audit.Record{Action: "badge.suspend", Outcome: audit.Done, Actor: audit.Actor{Person: "lea"}, Badge: badge}
}

func appendRecords(n int) func(registry.Tx) error {
	return func(tx registry.Tx) error {
		for i := range n {
			if err := tx.AppendAudit(record(fmt.Sprintf("b-%d", i))); err != nil {
				return err
			}
		}
		return nil
	}
}

// auditAppend shows that a record shares the fate of its fact, and that the
// chain has no gap where a transaction failed.
func auditAppend(t *testing.T, f *fixture) {
	f.update(t, appendRecords(2))
	f.refused(t, errChange, func(tx registry.Tx) error {
		return errors.Join(tx.AppendAudit(record("b-9")), errChange)
	})
	f.refused(t, audit.ErrRecord, func(tx registry.Tx) error { return tx.AppendAudit(audit.Record{Action: "Suspend"}) })
	f.update(t, appendRecords(1))
	list, err := f.store.AuditTree().Unsequenced(t.Context(), 10)
	is(t, "unsequenced", err, nil)
	equal(t, "records", len(list), 3)
	var last audit.Tail
	for i, s := range list {
		h, err := audit.ParseHeader(s.Header)
		is(t, "header", err, nil)
		equal(t, "writer", h.Writer, Writer)
		equal(t, "sequence number", h.Seq, int64(i+1))
		equal(t, "previous record", h.Previous, last.Leaf)
		last = s.Tail()
	}
}

// auditSequence takes records through the real sequencer, out by the real
// export and through the offline verification.
func auditSequence(t *testing.T, f *fixture) {
	tree := f.store.AuditTree()
	key, err := audit.CreateSigningKey(filepath.Join(t.TempDir(), "key"), "registry.test", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sequencer := audit.NewSequencer(tree, key, slog.New(slog.NewTextHandler(io.Discard, nil)))
	for _, n := range []int{1, 3, 0, 9} {
		f.update(t, appendRecords(n))
		got, err := sequencer.Sequence(t.Context())
		is(t, "sequence", err, nil)
		equal(t, "records sequenced", got, n)
	}
	// A sequencer that starts anew checks the stored tree before it goes on.
	f.update(t, appendRecords(2))
	got, err := audit.NewSequencer(tree, key, slog.Default()).Sequence(t.Context())
	is(t, "sequence after a restart", err, nil)
	equal(t, "records sequenced after a restart", got, 2)

	var export bytes.Buffer
	n, err := audit.Export(t.Context(), &export, tree)
	is(t, "export", err, nil)
	equal(t, "records exported", n, 15)
	_, err = audit.Verify(bytes.NewReader(export.Bytes()), key.Verifier(), audit.Checks{})
	is(t, "verify the export", err, nil)
	page, err := tree.Sequenced(t.Context(), 4, 3)
	is(t, "read a part", err, nil)
	equal(t, "records of a part", len(page), 3)
	equal(t, "first record of a part", page[0].Seq, 5)
}

func auditConflict(t *testing.T, f *fixture) {
	tree := f.store.AuditTree()
	f.update(t, appendRecords(2))
	c, err := tree.LatestCheckpoint(t.Context())
	is(t, "checkpoint of the empty tree", err, nil)
	equal(t, "checkpoint of the empty tree", c, audit.Checkpoint{})
	first := audit.Batch{
		Entries: []audit.Position{{Writer: Writer, Seq: 1}}, Hashes: []audit.Hash{{1}},
		Checkpoint: audit.Checkpoint{Size: 1, Note: []byte("one")},
	}
	is(t, "first batch", tree.Commit(t.Context(), first), nil)
	second := first
	second.Base, second.FirstHash, second.Checkpoint.Size = 1, 1, 2
	third := second
	third.Entries, third.FirstHash = []audit.Position{{Writer: Writer, Seq: 2}}, 0
	unknown := second
	unknown.Entries = []audit.Position{{Writer: Writer, Seq: 3}}
	gap := second
	gap.Base, gap.FirstHash, gap.Entries, gap.Checkpoint.Size = 5, 8, third.Entries, 6
	for name, b := range map[string]audit.Batch{"same base": first, "past the end": gap, "same record": second, "same hash": third, "no such record": unknown} {
		is(t, name, tree.Commit(t.Context(), b), audit.ErrConflict)
	}
	tail, err := tree.SequencedTail(t.Context(), Writer)
	is(t, "tail", err, nil)
	equal(t, "tail", tail.Seq, 1)
	tail, err = tree.SequencedTail(t.Context(), "nobody")
	is(t, "tail of nobody", err, nil)
	equal(t, "tail of nobody", tail, audit.Tail{})
	left, err := tree.Unsequenced(t.Context(), 10)
	is(t, "unsequenced", err, nil)
	equal(t, "unsequenced", len(left), 1)
	_, err = tree.Hashes(t.Context(), []int64{0, 1})
	is(t, "hash that is not stored", err, registry.ErrNotFound)
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}
