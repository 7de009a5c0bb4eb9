package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/pki"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
)

// refusalInterval is how often one caller's like refusals are recorded one by
// one; those between are counted into one record.
const refusalInterval = 10 * time.Second

// recordTimeout bounds the wait for the storage of a record.
const recordTimeout = 5 * time.Second

// refusals records refused calls, so that somebody who hammers at the door
// fills neither disk nor log.
type refusals struct {
	store registry.Store
	now   func() time.Time

	mu    sync.Mutex
	peers map[refusalKey]*counted
}

type refusalKey struct{ workload, resource, reason string }

type counted struct {
	record   audit.Record
	pending  int64
	recorded time.Time
}

func newRefusals(store registry.Store, now func() time.Time) *refusals {
	return &refusals{store: store, now: now, peers: map[refusalKey]*counted{}}
}

// refuse records that a caller was refused a resource (a method, or a
// procedure), and returns err. A refusal that cannot be recorded is still one.
// The caller cannot avoid the record by hanging up.
func (r *refusals) refuse(ctx context.Context, id pki.Identity, resource, kind string, err error) error {
	who := ""
	if id != (pki.Identity{}) {
		who = id.String()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	failed := r.note(ctx, refusalKey{workload: who, resource: resource, reason: reason.Name(reason.Of(err))}, kind)
	if failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// note records a refusal now, or counts it when a like one was just recorded.
func (r *refusals) note(ctx context.Context, k refusalKey, kind string) error {
	r.mu.Lock()
	c := r.peers[k]
	if c == nil {
		c = &counted{record: audit.Record{
			Action: "call.refuse", Outcome: audit.Refused, Reason: k.reason,
			Actor: audit.Actor{Workload: k.workload}, Details: map[string]string{kind: k.resource},
		}}
		r.peers[k] = c
	}
	c.pending++
	now := r.now()
	if !c.recorded.IsZero() && now.Sub(c.recorded) < refusalInterval {
		r.mu.Unlock()
		return nil
	}
	due := c.take(now)
	r.mu.Unlock()
	return r.write(ctx, []taken{due})
}

// taken is a count that is on its way into the log.
type taken struct {
	from   *counted
	record audit.Record
}

// take empties the count into a record.
func (c *counted) take(now time.Time) taken {
	due := c.record
	due.Count = c.pending
	c.pending, c.recorded = 0, now
	return taken{c, due}
}

// flush records what was only counted and forgets callers that went quiet.
func (r *refusals) flush(ctx context.Context) error {
	r.mu.Lock()
	var due []taken
	now := r.now()
	for k, c := range r.peers {
		switch {
		case c.pending > 0:
			due = append(due, c.take(now))
		case now.Sub(c.recorded) >= refusalInterval:
			delete(r.peers, k)
		}
	}
	r.mu.Unlock()
	return r.write(ctx, due)
}

// write stores records. What cannot be stored is counted again, so that a full
// disk loses no refusal of a process that goes on.
func (r *refusals) write(ctx context.Context, due []taken) error {
	if len(due) == 0 {
		return nil
	}
	err := r.store.Update(ctx, func(tx registry.Tx) error {
		var errs []error
		for _, d := range due {
			errs = append(errs, tx.AppendAudit(d.record))
		}
		return errors.Join(errs...)
	})
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range due {
		d.from.pending += d.record.Count
	}
	return err
}
