package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/audit"
	"badgekms/kms/custody"
	"badgekms/kms/keyring"
	"badgekms/kms/procedure"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/cardsim"
	"badgekms/reader/key"
)

// countdown fails the n-th call, and with stays every one after it.
type countdown struct {
	mu    sync.Mutex
	left  int
	stays bool
	hit   bool
}

func (c *countdown) fails() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	failed := c.left == 0 || c.left < 0 && c.stays
	c.hit = c.hit || failed
	return failed
}

// failingStore is a registry whose n-th Update fails.
type failingStore struct {
	registry.Store
	countdown
}

func (s *failingStore) Update(ctx context.Context, change func(registry.Tx) error) error {
	if s.fails() {
		return fmt.Errorf("%w: disk full", registry.ErrStorage)
	}
	return s.Store.Update(ctx, change)
}

// The storage fails at each Update of an enrolment, once or from then on:
// nothing is lost, and the next presentation finishes the card. No key bytes
// leave without the intent on record.
func TestStorageFails(t *testing.T) {
	for _, stays := range []bool{false, true} {
		t.Run(fmt.Sprintf("stays %t", stays), func(t *testing.T) {
			t.Parallel()
			k := newKMS(t)
			k.holder()
			n := 1
			for ; ; n++ {
				card := newCard(t, cardsim.EV3)
				store := &failingStore{Store: k.store, countdown: countdown{left: n, stays: stays}}
				k.restart(func(o *procedure.Options) { o.Store = store })
				_, err := k.provision(card, card.UID())
				k.restart(func(o *procedure.Options) { o.Store = k.store })
				if err == nil && !store.hit {
					break
				}
				if reason.Of(err) != badgekmsv1.Reason_REASON_STORAGE_FAILED {
					t.Errorf("failed at update %d: %v", n, err)
				}
				k.mustFinish(card, fmt.Sprintf("storage failed at update %d", n))
			}
			if n < 5 {
				t.Errorf("an enrolment made only %d updates", n-1)
			}
		})
	}
}

// A tap that cannot be recorded is no grant.
func TestUnrecordedTap(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	k.mustFinish(card, "fresh")
	k.restart(func(o *procedure.Options) {
		o.Store = &failingStore{Store: k.store, countdown: countdown{left: 1}}
	})
	if _, err := k.tap(card, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_STORAGE_FAILED {
		t.Errorf("error %v", err)
	}
}

// failingCustody is a custody whose n-th Derive fails.
type failingCustody struct {
	custody.Custody
	countdown
}

func (c *failingCustody) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	if c.fails() {
		return nil, fmt.Errorf("%w: sealed", custody.ErrUnavailable)
	}
	return c.Custody.Derive(ctx, m, inputs)
}

// failing puts a custody under the Engine whose n-th Derive fails.
func (k *kms) failing(n int) *failingCustody {
	c := &failingCustody{Custody: k.custody, countdown: countdown{left: n}}
	k.restart(func(o *procedure.Options) { o.Deriver = keyring.NewDeriver(c, o.Deriver.Ring()) })
	return c
}

// The custody fails at each derivation of an enrolment, fresh and resumed: it
// is undecided, and the next presentation finishes the card.
func TestCustodyFails(t *testing.T) {
	for _, torn := range []int{0, 15, 30} {
		k := newKMS(t)
		k.holder()
		n := 1
		for ; ; n++ {
			card := newCard(t, cardsim.EV3)
			if torn > 0 {
				k.tornAt(card, torn, cardsim.After, "torn")
				card.TearAt(0, cardsim.After)
			}
			c := k.failing(n)
			_, err := k.provision(card, card.UID())
			k.failing(0)
			if err == nil && !c.hit {
				break
			}
			if reason.Of(err) != badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE {
				t.Errorf("torn at %d, failed at derivation %d: %v", torn, n, err)
			}
			k.mustFinish(card, fmt.Sprintf("custody failed at derivation %d", n))
		}
		if n < 3 {
			t.Errorf("an enrolment made only %d derivations", n-1)
		}
	}
}

// A tap while the custody is away is undecided, never denied, and recorded so.
func TestTapWithoutCustody(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	k.mustFinish(card, "fresh")
	k.failing(1)
	tap, err := k.tap(card, card.UID())
	if r := reason.Of(err); reason.Verdict(r) != badgekmsv1.Verdict_VERDICT_UNDECIDED || r != badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE {
		t.Errorf("error %v", err)
	}
	if tap.BadgeID == "" || !errors.Is(err, custody.ErrUnavailable) {
		t.Errorf("tap %+v, %v", tap, err)
	}
	if got := k.lastRecord(); got.Action != "badge.authenticate" || got.Outcome != audit.Undecided || got.Reason != "CUSTODY_UNAVAILABLE" {
		t.Errorf("on record: %+v", got)
	}
}

// lastRecord is the header of the latest audit record.
func (k *kms) lastRecord() audit.Header {
	k.t.Helper()
	rows, err := k.store.AuditTree().Unsequenced(k.t.Context(), 10000)
	must(k.t, err)
	h, err := audit.ParseHeader(rows[len(rows)-1].Header)
	must(k.t, err)
	return h
}
