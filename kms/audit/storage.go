package audit

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 value: of a leaf or of a node of the tree.
type Hash = tlog.Hash

// ErrConflict is wrapped by the error of Storage.Commit when the tree is no
// longer of the size that the batch builds on: another sequencer is at work.
var ErrConflict = errors.New("another sequencer extended the audit tree")

// Stored is a record as it is kept: one row. Everything in it is fixed when it
// is appended, but for Salt and Body, which retention sets to nil together.
type Stored struct {
	// Writer and Seq identify the row: which process wrote the record, and
	// which of its records it is, counted from 1. Both repeat what Header says.
	Writer string
	Seq    int64
	// Header is the canonical encoding of Header: no personal data.
	Header []byte
	// Tag is HMAC-SHA256(Salt, Body). It stays when they are erased.
	Tag [32]byte
	// Salt is 32 random bytes, or nil once erased.
	Salt []byte
	// Body is the canonical encoding of the rest of the record, or nil once
	// erased.
	Body []byte
}

// Tail is the end of one writer's chain: the sequence number and the leaf hash
// of its last record. The zero value is the tail of a writer without records.
type Tail struct {
	Seq  int64
	Leaf Hash
}

// Checkpoint is a signed statement of the tree's size and root hash. The zero
// value stands for an empty tree that was never signed.
type Checkpoint struct {
	Size int64
	// Note is the signed text, in the format of CheckpointText.
	Note []byte
}

// Batch is one step of the sequencer, to be stored in one transaction.
type Batch struct {
	// Base is the size of the tree that the batch extends.
	Base int64
	// Entries get the indices Base, Base+1, ... in this order.
	Entries []Position
	// Hashes are to be stored at the positions FirstHash, FirstHash+1, ... in
	// this order (tlog.StoredHashIndex gives each its meaning).
	FirstHash int64
	Hashes    []Hash
	// Checkpoint covers the tree with this batch, of size Base+len(Entries).
	Checkpoint Checkpoint
}

// Position names one stored record.
type Position struct {
	Writer string
	Seq    int64
}

// Storage is what the sequencer needs of a database. Appending is not part of
// it: the transaction that stores a fact inserts the row of Appender.Next.
type Storage interface {
	// LatestCheckpoint is the checkpoint of the last batch committed, or the
	// zero value.
	LatestCheckpoint(ctx context.Context) (Checkpoint, error)
	// Unsequenced gives at most limit records that have no index yet. Records
	// of one writer come by ascending Seq, its lowest first, without a gap;
	// between writers any order will do.
	Unsequenced(ctx context.Context, limit int) ([]Stored, error)
	// SequencedTail is the tail of a writer's chain as far as it has indices:
	// its record with the highest Seq that has one. Zero when there is none.
	SequencedTail(ctx context.Context, writer string) (Tail, error)
	// Hashes reads the hashes at these positions, in the order asked for. A
	// position that is not stored is an error.
	Hashes(ctx context.Context, positions []int64) ([]Hash, error)
	// Commit stores a batch durably and entirely, or not at all. It fails with
	// ErrConflict when the tree is not of size Base, or when an entry has an
	// index already.
	Commit(ctx context.Context, b Batch) error
}

// Reader reads the sequenced log, for listing and for export.
type Reader interface {
	// LatestCheckpoint is as in Storage.
	LatestCheckpoint(ctx context.Context) (Checkpoint, error)
	// Sequenced gives at most limit records by index, from index first on.
	Sequenced(ctx context.Context, first int64, limit int) ([]Stored, error)
}
