package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrBroken is wrapped by the error for a log in storage that was changed
// outside the KMS. Nothing may be signed over it: it needs an investigation,
// not another try.
var ErrBroken = errors.New("the stored audit log is not what was written")

const (
	batchLimit = 1000
	// flushTime bounds the last step of Run, after its context ended.
	flushTime = 5 * time.Second
)

// Sequencer gives records their indices and signs checkpoints. There is one at
// a time per log; it is not safe for concurrent use. A second one by mistake
// loses nothing: Storage.Commit refuses it.
type Sequencer struct {
	storage Storage
	key     *SigningKey
	log     *slog.Logger
	// checked is the checkpoint that the stored tree was last compared with.
	checked Checkpoint
	// tails are the sequenced tails of the writers seen.
	tails map[string]Tail
}

// NewSequencer makes the sequencer of a log. Nothing is read before the first
// call of Sequence.
func NewSequencer(storage Storage, key *SigningKey, log *slog.Logger) *Sequencer {
	return &Sequencer{storage: storage, key: key, log: log, tails: make(map[string]Tail)}
}

// Run sequences at once and then at every interval, which is a second at most
// where DESIGN §9 holds, until ctx ends; it then takes in what is left and
// returns the error of that last step, if any. A storage that fails before is
// logged and tried again. ErrBroken ends Run.
func (s *Sequencer) Run(ctx context.Context, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := s.drain(ctx); errors.Is(err, ErrBroken) {
			return err
		} else if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "audit records wait for their place in the tree", "error", err)
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			defer cancel()
			return s.drain(last)
		case <-ticker.C:
		}
	}
}

// drain sequences until nothing is left.
func (s *Sequencer) drain(ctx context.Context) error {
	for {
		n, err := s.Sequence(ctx)
		if err != nil || n < batchLimit {
			return err
		}
	}
}

// Sequence takes up to 1000 records into the tree, in one transaction, and
// returns their number. When there are none it signs nothing. Each record is
// checked against its writer's chain first, and the stored tree against its
// checkpoint: what does not fit fails with ErrBroken.
func (s *Sequencer) Sequence(ctx context.Context) (int, error) {
	checkpoint, err := s.storage.LatestCheckpoint(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the audit checkpoint: %w", err)
	}
	if err := s.compare(ctx, checkpoint); err != nil {
		return 0, err
	}
	records, err := s.storage.Unsequenced(ctx, batchLimit)
	if err != nil {
		return 0, fmt.Errorf("read new audit records: %w", err)
	}
	if len(records) == 0 {
		return 0, nil
	}
	batch, tails, err := s.extend(ctx, checkpoint.Size, records)
	if err != nil {
		return 0, err
	}
	if err := s.storage.Commit(ctx, batch); err != nil {
		clear(s.tails)
		return 0, fmt.Errorf("store the audit tree of size %d: %w", batch.Checkpoint.Size, err)
	}
	s.checked, s.tails = batch.Checkpoint, tails
	return len(records), nil
}

// compare checks the stored tree against its latest checkpoint, unless that
// was done or the checkpoint is this sequencer's own.
func (s *Sequencer) compare(ctx context.Context, c Checkpoint) error {
	if c.Size == s.checked.Size && bytes.Equal(c.Note, s.checked.Note) {
		return nil
	}
	if c.Size < s.checked.Size {
		return fmt.Errorf("%w: the tree shrank from %d to %d records", ErrBroken, s.checked.Size, c.Size)
	}
	clear(s.tails)
	tree, err := openCheckpoint(c.Note, s.key.Verifier())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	root, err := tlog.TreeHash(c.Size, s.hashes(ctx, c.Size, nil))
	if err != nil {
		return fmt.Errorf("read the audit tree of size %d: %w", c.Size, err)
	}
	if tree.N != c.Size || tree.Hash != root {
		return fmt.Errorf("%w: the tree of %d records does not match its checkpoint of %d", ErrBroken, c.Size, tree.N)
	}
	s.checked = c
	return nil
}

// extend computes the batch that takes records in, and the writers' tails
// after it.
func (s *Sequencer) extend(ctx context.Context, base int64, records []Stored) (Batch, map[string]Tail, error) {
	batch := Batch{Base: base, FirstHash: tlog.StoredHashCount(base)}
	tails := make(map[string]Tail, len(s.tails))
	for writer, tail := range s.tails {
		tails[writer] = tail
	}
	for i, r := range records {
		if err := s.follow(ctx, tails, r); err != nil {
			return Batch{}, nil, err
		}
		hashes, err := tlog.StoredHashesForRecordHash(base+int64(i), r.Leaf(), s.hashes(ctx, base, batch.Hashes))
		if err != nil {
			return Batch{}, nil, fmt.Errorf("read the audit tree of size %d: %w", base, err)
		}
		batch.Hashes = append(batch.Hashes, hashes...)
		batch.Entries = append(batch.Entries, Position{Writer: r.Writer, Seq: r.Seq})
	}
	size := base + int64(len(records))
	root, err := tlog.TreeHash(size, s.hashes(ctx, base, batch.Hashes))
	if err != nil {
		return Batch{}, nil, fmt.Errorf("compute the audit tree of size %d: %w", size, err)
	}
	batch.Checkpoint, err = signCheckpoint(s.key.signer, size, root)
	return batch, tails, err
}

// follow checks that r continues its writer's chain and moves the tail on.
func (s *Sequencer) follow(ctx context.Context, tails map[string]Tail, r Stored) error {
	last, known := tails[r.Writer]
	if !known {
		var err error
		if last, err = s.storage.SequencedTail(ctx, r.Writer); err != nil {
			return fmt.Errorf("read the audit chain of writer %q: %w", r.Writer, err)
		}
	}
	if err := r.checkHeader(last); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := r.checkBody(); err != nil {
		return fmt.Errorf("%w: writer %q number %d: %w", ErrBroken, r.Writer, r.Seq, err)
	}
	tails[r.Writer] = r.Tail()
	return nil
}

// hashes reads the tree of size base from storage, and what comes after it
// from fresh.
func (s *Sequencer) hashes(ctx context.Context, base int64, fresh []Hash) tlog.HashReader {
	first := tlog.StoredHashCount(base)
	return tlog.HashReaderFunc(func(positions []int64) ([]Hash, error) {
		var stored []int64
		for _, p := range positions {
			if p < first {
				stored = append(stored, p)
			}
		}
		var old []Hash
		if len(stored) > 0 {
			var err error
			if old, err = s.storage.Hashes(ctx, stored); err != nil {
				return nil, err
			}
			if len(old) != len(stored) {
				return nil, fmt.Errorf("%d hashes for %d positions", len(old), len(stored))
			}
		}
		all := make([]Hash, 0, len(positions))
		for _, p := range positions {
			if p < first {
				all, old = append(all, old[0]), old[1:]
			} else {
				all = append(all, fresh[p-first])
			}
		}
		return all, nil
	})
}
