package keyring

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/profile"
	"badgekms/reader/key"
)

// KeyRef names one daughter key: the key of one slot of one badge.
type KeyRef struct {
	Domain     string
	Generation int
	UID        []byte      // 7 bytes, the real one
	AID        profile.AID // profile.PICC for the keys at card level
	Slot       byte        // at card level: 0, or CardDefaultSlot
	Issue      uint16
}

// CardDefaultSlot stands, with profile.PICC, for the default key that
// SetConfiguration (option 01) gives to new applications. The card has no such
// key number; it keeps this key apart from the PICC master key, slot 0.
const CardDefaultSlot = 1

// Deriver gives daughter keys out of a Ring and a Custody. It is safe for
// concurrent use.
type Deriver struct {
	custody custody.Custody
	ring    atomic.Pointer[Ring]
}

// NewDeriver combines c and ring. A nil ring is one without domains, for a KMS
// that has not read its registry yet.
func NewDeriver(c custody.Custody, ring *Ring) *Deriver {
	d := &Deriver{custody: c}
	if ring == nil {
		ring = new(Ring)
	}
	d.ring.Store(ring)
	return d
}

// Ring is the ring in use.
func (d *Deriver) Ring() *Ring { return d.ring.Load() }

// SetRing replaces the ring for derivations that begin later.
func (d *Deriver) SetRing(ring *Ring) { d.ring.Store(ring) }

// Derive returns the daughter keys of refs, in order, all or none. Keys of one
// master share one call to the custody, and the calls go out together: a card
// has keys of many masters and waits for all of them. It refuses with ErrUnknownDomain,
// ErrUnknownGeneration, ErrState when a generation does not serve use, ErrKind
// when an admin domain is asked for anything but slot 0 and the keys at card
// level, or another domain for one of these, and with the errors of
// profile.Format.M and custody.Custody.
func (d *Deriver) Derive(ctx context.Context, use Use, refs ...KeyRef) ([]key.AES128, error) {
	batches, err := d.Ring().plan(use, refs)
	if err != nil {
		return nil, err
	}
	keys := make([]key.AES128, len(refs))
	if err := d.runAll(ctx, batches, keys); err != nil {
		destroy(keys)
		return nil, err
	}
	return keys, nil
}

// runAll derives every batch, and reports the first failure in their order.
// One batch, that of a tap, costs no goroutine.
func (d *Deriver) runAll(ctx context.Context, batches []*batch, keys []key.AES128) error {
	if len(batches) == 1 {
		return d.run(ctx, batches[0], keys)
	}
	errs := make([]error, len(batches))
	var calls sync.WaitGroup
	for i, b := range batches {
		calls.Go(func() { errs[i] = d.run(ctx, b, keys) })
	}
	calls.Wait()
	return cmp.Or(errs...)
}

// run derives one batch into its places in keys, which own them from then on.
func (d *Deriver) run(ctx context.Context, b *batch, keys []key.AES128) error {
	derived, err := d.custody.Derive(ctx, b.master, b.inputs)
	if err == nil && len(derived) != len(b.inputs) {
		destroy(derived)
		err = fmt.Errorf("%w: %d keys for %d inputs", custody.ErrWrongAnswer, len(derived), len(b.inputs))
	}
	if err != nil {
		return fmt.Errorf("derive keys of domain %q, generation %d: %w", b.master.Domain, b.master.Generation, err)
	}
	for i, place := range b.places {
		keys[place] = derived[i]
	}
	return nil
}

func destroy(keys []key.AES128) {
	for i := range keys {
		keys[i].Destroy()
	}
}

// batch is what one call to the custody derives.
type batch struct {
	master custody.Master
	inputs []an10922.M
	places []int // of the inputs' keys in the answer
}

// plan checks all refs before the custody is called for any, and groups them
// by master in the order of first use.
func (r *Ring) plan(use Use, refs []KeyRef) ([]*batch, error) {
	var batches []*batch
	byMaster := map[custody.Master]*batch{}
	for i, ref := range refs {
		master, m, err := r.resolve(use, ref)
		if err != nil {
			return nil, err
		}
		b, begun := byMaster[master]
		if !begun {
			b = &batch{master: master}
			byMaster[master] = b
			batches = append(batches, b)
		}
		b.inputs = append(b.inputs, m)
		b.places = append(b.places, i)
	}
	return batches, nil
}

// resolve finds the master and the input of one key.
func (r *Ring) resolve(use Use, ref KeyRef) (custody.Master, an10922.M, error) {
	e, err := r.entry(ref.Domain)
	if err != nil {
		return custody.Master{}, an10922.M{}, err
	}
	if err := e.allows(ref); err != nil {
		return custody.Master{}, an10922.M{}, err
	}
	g, err := r.Generation(ref.Domain, ref.Generation)
	if err != nil {
		return custody.Master{}, an10922.M{}, err
	}
	if !g.State.Serves(use) {
		return custody.Master{}, an10922.M{}, fmt.Errorf("%w: domain %q, generation %d is %s and does not serve to %s", ErrState, g.Domain, g.Number, g.State, use)
	}
	m, err := e.format.M(profile.Input{UID: ref.UID, AID: ref.AID, Slot: ref.Slot, Issue: ref.Issue, SystemID: e.SystemID})
	if err != nil {
		return custody.Master{}, an10922.M{}, fmt.Errorf("domain %q: %w", ref.Domain, err)
	}
	return g.Master(), m, nil
}

// allows keeps the admin domain apart: it derives slot 0 of the application and
// the keys at card level, and no other domain does.
func (d Domain) allows(ref KeyRef) error {
	if ref.AID == profile.PICC && ref.Slot > CardDefaultSlot {
		return fmt.Errorf("%w: at card level only the master key (slot 0) and the default key of new applications (slot %d) are derived, not slot %d", ErrKind, CardDefaultSlot, ref.Slot)
	}
	needsAdmin := ref.AID == profile.PICC || ref.Slot == 0
	if needsAdmin != (d.Kind == Admin) {
		return fmt.Errorf("%w: domain %q is of kind %s and does not derive slot %d of AID %s; the admin domain derives slot 0 and the keys at card level, and nothing else", ErrKind, d.Name, d.Kind, ref.Slot, ref.AID)
	}
	return nil
}
