package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
)

// refusalInterval is how often one caller's like refusals are recorded one by
// one; those between are counted into one record.
const refusalInterval = 10 * time.Second

// refusals records refused calls, so that somebody who hammers at the door
// fills neither disk nor log.
type refusals struct {
	store registry.Store
	now   func() time.Time

	mu    sync.Mutex
	peers map[refusalKey]*counted
}

type refusalKey struct{ workload, method, reason string }

type counted struct {
	record   audit.Record
	pending  int64
	recorded time.Time
}

func newRefusals(store registry.Store, now func() time.Time) *refusals {
	return &refusals{store: store, now: now, peers: map[refusalKey]*counted{}}
}

// note records a refusal now, or counts it when a like one was just recorded.
func (r *refusals) note(ctx context.Context, record audit.Record) error {
	r.mu.Lock()
	k := refusalKey{record.Actor.Workload, record.Details["method"], record.Reason}
	c := r.peers[k]
	if c == nil {
		c = &counted{record: record}
		r.peers[k] = c
	}
	c.pending++
	if !c.recorded.IsZero() && r.now().Sub(c.recorded) < refusalInterval {
		r.mu.Unlock()
		return nil
	}
	due := c.take(r.now())
	r.mu.Unlock()
	return r.write(ctx, []audit.Record{due})
}

// take empties the count into a record.
func (c *counted) take(now time.Time) audit.Record {
	due := c.record
	due.Count = c.pending
	c.pending, c.recorded = 0, now
	return due
}

// flush records what was only counted and forgets callers that went quiet.
func (r *refusals) flush(ctx context.Context) error {
	r.mu.Lock()
	var due []audit.Record
	for k, c := range r.peers {
		switch {
		case c.pending > 0:
			due = append(due, c.take(r.now()))
		case r.now().Sub(c.recorded) >= refusalInterval:
			delete(r.peers, k)
		}
	}
	r.mu.Unlock()
	return r.write(ctx, due)
}

func (r *refusals) write(ctx context.Context, due []audit.Record) error {
	if len(due) == 0 {
		return nil
	}
	return r.store.Update(ctx, func(tx registry.Tx) error {
		var errs []error
		for _, record := range due {
			errs = append(errs, tx.AppendAudit(record))
		}
		return errors.Join(errs...)
	})
}
