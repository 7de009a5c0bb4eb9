package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"badgekms/kms/registry"
)

func createHolder(id string) func(registry.Tx) error {
	return func(tx registry.Tx) error {
		_, err := tx.CreateHolder(registry.Holder{ID: id, Name: id})
		return err
	}
}

func holderIDs(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx registry.Tx) error {
		l, err := tx.ListHolders(registry.Page{})
		for _, h := range l.Items {
			ids = append(ids, h.ID)
		}
		return err
	})
	if err != nil {
		t.Fatalf("list the holders: %v", err)
	}
	return ids
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestUpdatesShareAFlush holds the first change open until many more wait, and
// counts the flushes they take together.
func TestUpdatesShareAFlush(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	synctest.Test(t, func(t *testing.T) {
		var shared []int
		o := testOptions(t)
		o.OnCommit = func(updates int) { shared = append(shared, updates) }
		s := openAt(t, path, o)
		const waiting = maxShared + 10
		first := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx registry.Tx) error {
				<-first
				return createHolder("first")(tx)
			})
			if err != nil {
				t.Errorf("first: %v", err)
			}
		})
		synctest.Wait()
		var failed atomic.Int32
		for i := range waiting {
			wg.Go(func() {
				err := s.Update(context.Background(), func(tx registry.Tx) error {
					err := createHolder(fmt.Sprintf("H-%d", i))(tx)
					if i%10 == 0 {
						return errors.Join(err, errOnPurpose)
					}
					return err
				})
				if errors.Is(err, errOnPurpose) {
					failed.Add(1)
				} else if err != nil {
					t.Errorf("H-%d: %v", i, err)
				}
			})
		}
		synctest.Wait()
		close(first)
		wg.Wait()
		kept := 1 + waiting - int(failed.Load())
		if len(shared) != 2 || shared[0] != maxShared || shared[0]+shared[1] != kept {
			t.Errorf("%d updates were flushed as %v, want two flushes, the first of %d", kept, shared, maxShared)
		}
		if got := len(holderIDs(t, s)); got != kept {
			t.Errorf("%d holders, want %d", got, kept)
		}
		closeStore(t, s)
	})
}

var errOnPurpose = errors.New("on purpose")

// TestFlushComesFirst shows that Update returns after its flush, and that what
// is not kept needs none.
func TestFlushComesFirst(t *testing.T) {
	var events []string
	o := testOptions(t)
	o.OnCommit = func(int) { events = append(events, "flushed") }
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), o)
	defer closeStore(t, s)
	for _, id := range []string{"H-1", "H-1", "H-2"} {
		if err := s.Update(t.Context(), createHolder(id)); err != nil {
			events = append(events, "refused")
			continue
		}
		events = append(events, "returned")
	}
	want := []string{"flushed", "returned", "refused", "flushed", "returned"}
	if !slices.Equal(events, want) {
		t.Errorf("got %v, want %v", events, want)
	}
}

// TestSurvivesACrash copies the files as they are when Update has returned,
// which is what a killed process leaves, and opens the copy.
func TestSurvivesACrash(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "registry.db"), filepath.Join(t.TempDir(), "registry.db")
	s := openAt(t, from, testOptions(t))
	defer closeStore(t, s)
	for i := range 5 {
		id := fmt.Sprintf("H-%d", i)
		if err := s.Update(t.Context(), createHolder(id)); err != nil {
			t.Fatal(err)
		}
		inDoubt := func(tx registry.Tx) error {
			if err := createHolder("in doubt")(tx); err != nil {
				return err
			}
			copyDatabase(t, from, to) // killed in the middle of a change
			return errOnPurpose
		}
		if err := s.Update(t.Context(), inDoubt); !errors.Is(err, errOnPurpose) {
			t.Fatal(err)
		}
		o := testOptions(t)
		o.Create = false
		after := openAt(t, to, o)
		if got := holderIDs(t, after); len(got) != i+1 || got[i] != id {
			t.Errorf("after the crash: %v, want %d holders up to %s", got, i+1, id)
		}
		closeStore(t, after)
	}
}

func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatalf("copy the database: %v", err)
		}
	}
	_ = os.Remove(to + "-shm") // memory of the process that was killed
}

// TestDiskFull lets SQLite run out of pages, which it reports like a full disk
// (SQLITE_FULL).
func TestDiskFull(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	if err := s.Update(t.Context(), createHolder("before")); err != nil {
		t.Fatal(err)
	}
	limitPages(t, s, 1) // SQLite makes that the present size
	big := func(id string) func(registry.Tx) error {
		return func(tx registry.Tx) error {
			_, err := tx.CreateHolder(registry.Holder{ID: id, Name: strings.Repeat("n", 1<<20)})
			return err
		}
	}
	for name, change := range map[string]func(registry.Tx) error{
		"reported": big("H-1"),
		"overlooked": func(tx registry.Tx) error {
			_ = big("H-2")(tx)
			return nil
		},
		"written after": func(tx registry.Tx) error {
			_ = big("H-3")(tx)
			return createHolder("H-4")(tx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(t.Context(), change)
			if !errors.Is(err, registry.ErrStorage) {
				t.Errorf("got error %v, want %v", err, registry.ErrStorage)
			}
			limitPages(t, s, 1)
		})
	}
	if got := holderIDs(t, s); !slices.Equal(got, []string{"before"}) {
		t.Errorf("holders %v, want only the one before", got)
	}
	limitPages(t, s, 1<<30)
	if err := s.Update(t.Context(), big("after")); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

func limitPages(t *testing.T, s *Store, n int) {
	t.Helper()
	if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
		t.Fatal(err)
	}
}

// TestOverlookedFailure lets a change go on after a statement of its own has
// failed without ending the transaction: it is not kept.
func TestOverlookedFailure(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	err := s.Update(t.Context(), func(r registry.Tx) error {
		if err := createHolder("H-1")(r); err != nil {
			return err
		}
		_, _ = r.(*tx).exec("INSERT INTO nowhere VALUES (1)")
		return nil
	})
	if !errors.Is(err, registry.ErrStorage) {
		t.Errorf("got error %v, want %v", err, registry.ErrStorage)
	}
	if got := holderIDs(t, s); len(got) != 0 {
		t.Errorf("holders %v were kept", got)
	}
}

// TestLeakedTxCannotJoinTheNext uses the Tx of one Update in another of the
// same batch, while their common transaction is still open.
func TestLeakedTxCannotJoinTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, path, testOptions(t))
		second := make(chan struct{})
		var leaked registry.Tx
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = s.Update(context.Background(), func(tx registry.Tx) error {
				leaked = tx
				<-second
				return nil
			})
		})
		synctest.Wait()
		wg.Go(func() {
			_ = s.Update(context.Background(), func(registry.Tx) error {
				if err := createHolder("H-1")(leaked); !errors.Is(err, errEnded) {
					t.Errorf("got error %v, want %v", err, errEnded)
				}
				return nil
			})
		})
		synctest.Wait()
		close(second)
		wg.Wait()
		if got := holderIDs(t, s); len(got) != 0 {
			t.Errorf("holders %v were written", got)
		}
		closeStore(t, s)
	})
}

// TestLostTransaction ends the transaction under the feet of a batch, as SQLite
// does itself on some failures: nobody in the batch may be told that it is
// durable, and nothing may be written outside of it.
func TestLostTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, path, testOptions(t))
		errs := make([]error, 3)
		second := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			errs[0] = s.Update(context.Background(), func(tx registry.Tx) error {
				<-second
				return createHolder("H-0")(tx)
			})
		})
		synctest.Wait()
		wg.Go(func() {
			errs[1] = s.Update(context.Background(), func(r registry.Tx) error {
				if _, err := r.(*tx).exec("ROLLBACK"); err != nil {
					t.Errorf("roll back: %v", err)
				}
				return errOnPurpose
			})
		})
		synctest.Wait()
		close(second)
		wg.Wait()
		if !errors.Is(errs[0], registry.ErrStorage) || !errors.Is(errs[1], errOnPurpose) {
			t.Errorf("got errors %v, want %v and %v", errs, registry.ErrStorage, errOnPurpose)
		}
		errs[2] = s.Update(context.Background(), createHolder("H-2"))
		if got := holderIDs(t, s); errs[2] != nil || !slices.Equal(got, []string{"H-2"}) {
			t.Errorf("afterwards: %v, holders %v, want H-2 alone", errs[2], got)
		}
		closeStore(t, s)
	})
}
