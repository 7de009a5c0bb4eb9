package registrytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"badgekms/kms/registry"
)

func createHolder(id string) func(registry.Tx) error {
	return func(tx registry.Tx) error {
		_, err := tx.CreateHolder(registry.Holder{ID: id, Name: id})
		return err
	}
}

// holderIDs lists who is there.
func (f *fixture) holderIDs(t *testing.T) (ids []string) {
	t.Helper()
	f.view(t, func(tx registry.Tx) error {
		l, err := tx.ListHolders(registry.Page{})
		for _, h := range l.Items {
			ids = append(ids, h.ID)
		}
		return err
	})
	return ids
}

func failedUpdate(t *testing.T, f *fixture) {
	f.refused(t, errChange, func(tx registry.Tx) error {
		return errors.Join(createHolder("H-1")(tx), errChange)
	})
	equal(t, "holders", f.holderIDs(t), nil)
	// A refusal within a change may be overlooked without harm.
	f.update(t, func(tx registry.Tx) error {
		is(t, "unknown holder", createAssignment(tx), registry.ErrNotFound)
		return createHolder("H-2")(tx)
	})
	equal(t, "holders", f.holderIDs(t), []string{"H-2"})
}

func createAssignment(tx registry.Tx) error {
	_, err := tx.CurrentAssignment("b-9")
	return err
}

func viewCannotWrite(t *testing.T, f *fixture) {
	if err := f.store.View(t.Context(), createHolder("H-1")); err == nil {
		t.Error("a View wrote")
	}
	equal(t, "holders", f.holderIDs(t), nil)
	f.update(t, createHolder("H-1"))
}

func viewIsASnapshot(t *testing.T, f *fixture) {
	f.update(t, createHolder("H-1"))
	f.view(t, func(tx registry.Tx) error {
		before, err := tx.ListHolders(registry.Page{})
		if err != nil {
			return err
		}
		f.update(t, createHolder("H-2"))
		after, err := tx.ListHolders(registry.Page{})
		equal(t, "holders seen", len(after.Items), len(before.Items))
		return err
	})
	equal(t, "holders", f.holderIDs(t), []string{"H-1", "H-2"})
}

func cancelledUpdate(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	// One that has begun runs to its end.
	err := f.store.Update(ctx, func(tx registry.Tx) error {
		cancel()
		return createHolder("H-1")(tx)
	})
	is(t, "cancelled while it ran", err, nil)
	is(t, "cancelled before", f.store.Update(ctx, createHolder("H-2")), context.Canceled)
	is(t, "cancelled view", f.store.View(ctx, createAssignment), context.Canceled)
	equal(t, "holders", f.holderIDs(t), []string{"H-1"})
}

func panicInUpdate(t *testing.T, f *fixture) {
	func() {
		defer func() { equal(t, "what was recovered", recover(), any("on purpose")) }()
		_ = f.store.Update(t.Context(), func(tx registry.Tx) error {
			if err := createHolder("H-1")(tx); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	equal(t, "holders", f.holderIDs(t), nil)
	f.update(t, createHolder("H-2"))
}

func txEnds(t *testing.T, f *fixture) {
	var leaked registry.Tx
	f.update(t, func(tx registry.Tx) error { leaked = tx; return nil })
	if err := createHolder("H-1")(leaked); err == nil {
		t.Error("a Tx was used after its Update")
	}
	f.view(t, func(tx registry.Tx) error { leaked = tx; return nil })
	if err := createAssignment(leaked); err == nil || errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a Tx was used after its View: %v", err)
	}
	equal(t, "holders", f.holderIDs(t), nil)
}

// concurrentUpdates mixes changes that succeed and changes that fail: what is
// kept is exactly what was said to be.
func concurrentUpdates(t *testing.T, f *fixture) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("H-%d-%02d", w, i)
				fails := i%5 == 0
				err := f.store.Update(t.Context(), func(tx registry.Tx) error {
					err := createHolder(id)(tx)
					if fails {
						err = errors.Join(err, errChange)
					}
					return err
				})
				if fails != errors.Is(err, errChange) || !fails && err != nil {
					t.Errorf("%s: %v", id, err)
				}
				// What an Update has returned is there for every View.
				err = f.store.View(t.Context(), func(tx registry.Tx) error {
					_, err := tx.Holder(id)
					return err
				})
				if fails != errors.Is(err, registry.ErrNotFound) || !fails && err != nil {
					t.Errorf("%s, read back: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	equal(t, "number of holders", len(f.holderIDs(t)), writers*each*4/5)
}

// concurrentIssueNumbers asks for numbers of one card from all sides: none
// comes twice.
func concurrentIssueNumbers(t *testing.T, f *fixture) {
	const writers, each = 8, 20
	uid := f.uid()
	var mu sync.Mutex
	given := map[registry.IssueNumber]int{}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				var n registry.IssueNumber
				err := f.store.Update(t.Context(), func(tx registry.Tx) (err error) {
					n, err = tx.AllocateIssue(uid, "c")
					return err
				})
				if err != nil {
					t.Errorf("allocate: %v", err)
				}
				mu.Lock()
				given[n]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	equal(t, "different numbers", len(given), writers*each)
	for n, times := range given {
		if times != 1 {
			t.Errorf("number %s was given %d times", n, times)
		}
	}
}

func closedStore(t *testing.T, f *fixture) {
	f.update(t, createHolder("H-1"))
	is(t, "close", f.store.Close(), nil)
	is(t, "close again", f.store.Close(), nil)
	is(t, "update", f.store.Update(t.Context(), createHolder("H-2")), registry.ErrClosed)
	is(t, "view", f.store.View(t.Context(), createAssignment), registry.ErrClosed)
	_, err := f.store.AuditTree().LatestCheckpoint(t.Context())
	is(t, "audit", err, registry.ErrClosed)
}
