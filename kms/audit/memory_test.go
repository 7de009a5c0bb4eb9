package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// memory is a Storage and a Reader for tests.
type memory struct {
	mu          sync.Mutex
	appended    []Stored   // by the order of their commits
	index       []Position // by index
	hashes      []Hash
	checkpoints []Checkpoint
	failCommit  error
}

func (m *memory) find(p Position) (Stored, error) {
	for _, s := range m.appended {
		if s.Writer == p.Writer && s.Seq == p.Seq {
			return s, nil
		}
	}
	return Stored{}, fmt.Errorf("no record %v", p)
}

func (m *memory) LatestCheckpoint(context.Context) (Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.checkpoints) == 0 {
		return Checkpoint{}, nil
	}
	return m.checkpoints[len(m.checkpoints)-1], nil
}

func (m *memory) Unsequenced(_ context.Context, limit int) ([]Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sequenced := make(map[Position]bool, len(m.index))
	for _, p := range m.index {
		sequenced[p] = true
	}
	var out []Stored
	for _, s := range m.appended {
		if len(out) < limit && !sequenced[Position{s.Writer, s.Seq}] {
			out = append(out, s)
		}
	}
	return out, nil
}

func (m *memory) SequencedTail(_ context.Context, writer string) (Tail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range slices.Backward(m.index) {
		if p.Writer == writer {
			s, err := m.find(p)
			return s.Tail(), err
		}
	}
	return Tail{}, nil
}

func (m *memory) Hashes(_ context.Context, positions []int64) ([]Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Hash
	for _, p := range positions {
		if p >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("no hash at %d", p)
		}
		out = append(out, m.hashes[p])
	}
	return out, nil
}

func (m *memory) Commit(_ context.Context, b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failCommit != nil {
		return m.failCommit
	}
	if b.Base != int64(len(m.index)) || b.FirstHash != int64(len(m.hashes)) {
		return ErrConflict
	}
	m.index = append(m.index, b.Entries...)
	m.hashes = append(m.hashes, b.Hashes...)
	m.checkpoints = append(m.checkpoints, b.Checkpoint)
	return nil
}

func (m *memory) Sequenced(_ context.Context, first int64, limit int) ([]Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Stored
	for i := first; i < int64(len(m.index)) && len(out) < limit; i++ {
		s, err := m.find(m.index[i])
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// breakDisk makes every commit fail with err; nil mends it.
func (m *memory) breakDisk(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failCommit = err
}

// size is the number of records in the tree.
func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.index)
}

// journal is a log under test: its storage, its key and its writers' tails.
type journal struct {
	*memory
	key   *SigningKey
	seq   *Sequencer
	clock time.Time
	// random gives key and salts.
	random io.Reader
	tails  map[string]Tail
}

func newJournal(t testing.TB) *journal {
	t.Helper()
	return newJournalFrom(t, rand.Reader)
}

func newJournalFrom(t testing.TB, random io.Reader) *journal {
	t.Helper()
	key, err := CreateSigningKey(t.TempDir()+"/audit.key", "audit.badges.example", random)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	return &journal{
		memory: m, key: key, random: random, seq: NewSequencer(m, key, quiet),
		clock: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), tails: map[string]Tail{},
	}
}

// add appends one record, a second after the one before.
func (j *journal) add(t testing.TB, writer string, r Record) {
	t.Helper()
	a, err := NewAppender(writer, func() time.Time { return j.clock }, j.random)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Next(j.tails[writer], r)
	if err != nil {
		t.Fatal(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.appended, j.tails[writer], j.clock = append(j.appended, s), s.Tail(), j.clock.Add(time.Second)
}

// sequence takes everything in and returns the number of records.
func (j *journal) sequence(t testing.TB) int {
	t.Helper()
	n, err := j.seq.Sequence(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tap(badge string) Record {
	return Record{
		Action: "conversation.authenticate", Outcome: Granted,
		Actor: Actor{Workload: "spiffe://badges.example/terminal/porte-3"},
		Badge: badge, Details: map[string]string{"card_type": "EV2"},
	}
}

// rootOf computes a tree with tlog, from the leaves alone.
func rootOf(t testing.TB, leaves []Hash) Hash {
	t.Helper()
	var stored []Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]Hash, error) {
		var out []Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

var errDisk = errors.New("disk full")
