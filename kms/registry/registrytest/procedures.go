package registrytest

import (
	"errors"
	"testing"

	"badgekms/kms/registry"
)

func oneProcedureAtATime(t *testing.T, f *fixture) {
	b, other := f.badge(t, registry.Reserved), f.badge(t, registry.Reserved)
	first := f.start(t, b, "c-1")
	recent(t, "started", first.Started)
	var asked []string
	err := f.store.Update(t.Context(), func(tx registry.Tx) error {
		_, err := tx.StartProcedure(procedure(b, "c-2"), func(conversation string) bool {
			asked = append(asked, conversation)
			return true
		})
		return err
	})
	is(t, "second procedure on the badge", err, registry.ErrBusy)
	var busy *registry.BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("the error is a %T", err)
	}
	equal(t, "busy with", *busy, registry.BusyError{Badge: b.ID, Conversation: "c-1", Procedure: registry.Provision, Since: first.Started})
	equal(t, "conversations asked about", asked, []string{"c-1"})
	f.update(t, func(tx registry.Tx) error {
		_, err := tx.StartProcedure(procedure(other, "c-2"), alive)
		return err
	})
	f.view(t, func(tx registry.Tx) error {
		open, err := tx.OpenProcedure(b.UID)
		equal(t, "open procedure", open, first)
		return err
	})
	invalidProcedures(t, f, b)
}

func invalidProcedures(t *testing.T, f *fixture, b registry.Badge) {
	stranger := registry.Badge{ID: b.ID, UID: f.uid()}
	f.refused(t, registry.ErrNotFound, func(tx registry.Tx) error {
		_, err := tx.StartProcedure(procedure(stranger, "c-3"), dead)
		return err
	})
	for name, spoil := range map[string]func(*registry.Procedure){
		"name":         func(p *registry.Procedure) { p.Name = "authenticate" },
		"conversation": func(p *registry.Procedure) { p.Conversation = "" },
		"instance":     func(p *registry.Procedure) { p.Instance = "" },
		"actor":        func(p *registry.Procedure) { p.Actor = "" },
		"station":      func(p *registry.Procedure) { p.Station = "" },
		"profile hash": func(p *registry.Procedure) { p.ProfileHash = nil },
		"uid":          func(p *registry.Procedure) { p.UID = nil },
	} {
		t.Run("no "+name, func(t *testing.T) {
			p := procedure(b, "c-3")
			spoil(&p)
			f.refused(t, registry.ErrInvalid, func(tx registry.Tx) error {
				_, err := tx.StartProcedure(p, dead)
				return err
			})
		})
	}
}

func fencing(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	n := f.issue(t, b.UID)
	old := f.start(t, b, "c-1")
	intent := f.intent(t, old, registry.IntentSlot{AID: registry.PICC, Old: registry.PublicDefault(), New: daughter("admin", 1, n)})
	f.update(t, func(tx registry.Tx) error { return tx.CheckFence(b.UID, old.Fence) })

	newer := f.start(t, b, "c-2") // c-1 is dead
	if newer.Fence <= old.Fence {
		t.Fatalf("fencing number %d after %d", newer.Fence, old.Fence)
	}
	proof := registry.Evidence{Kind: registry.EvidenceAuthentication, Key: daughter("admin", 1, n), Conversation: "c-1"}
	for name, write := range map[string]func(tx registry.Tx) error{
		"check":        func(tx registry.Tx) error { return tx.CheckFence(b.UID, old.Fence) },
		"check future": func(tx registry.Tx) error { return tx.CheckFence(b.UID, newer.Fence+1) },
		"end":          func(tx registry.Tx) error { return tx.EndProcedure(b.UID, old.Fence, registry.EndDone) },
		"open intent": func(tx registry.Tx) error {
			_, err := tx.OpenIntent(registry.Intent{Procedure: old, Slots: []registry.IntentSlot{
				{AID: application, Old: registry.PublicDefault(), New: daughter("admin", 1, n)}}})
			return err
		},
		"close intent": func(tx registry.Tx) error {
			_, err := tx.CloseIntent(old.Fence, intent.ID, registry.PICC, 0, registry.OutcomeNew, proof)
			return err
		},
		"forget application": func(tx registry.Tx) error {
			return tx.SettleGone(b.UID, old.Fence, application, registry.Evidence{Kind: registry.EvidenceMAC, Key: proof.Key, Conversation: "c-1"})
		},
	} {
		t.Run(name, func(t *testing.T) { f.refused(t, registry.ErrFenced, write) })
	}
	f.update(t, func(tx registry.Tx) error { return tx.CheckFence(b.UID, newer.Fence) })
}

func endProcedure(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	end := func(fence uint64, end registry.ProcedureEnd) func(registry.Tx) error {
		return func(tx registry.Tx) error { return tx.EndProcedure(b.UID, fence, end) }
	}
	f.refused(t, registry.ErrInvalid, end(p.Fence, "gave up"))
	f.refused(t, registry.ErrInvalid, end(p.Fence, registry.EndTakenOver))
	f.refused(t, registry.ErrNotFound, end(p.Fence+1, registry.EndDone))
	f.update(t, end(p.Fence, registry.EndFailed))
	f.refused(t, registry.ErrNotFound, end(p.Fence, registry.EndFailed))
	f.refused(t, registry.ErrFenced, func(tx registry.Tx) error { return tx.CheckFence(b.UID, p.Fence) })
	f.update(t, func(tx registry.Tx) error {
		_, missing := tx.OpenProcedure(b.UID)
		is(t, "open procedure", missing, registry.ErrNotFound)
		// Nothing is open, so nobody is asked.
		next, err := tx.StartProcedure(procedure(b, "c-2"), func(string) bool { t.Error("asked"); return true })
		equal(t, "fencing number", next.Fence, p.Fence+1)
		return err
	})
}
