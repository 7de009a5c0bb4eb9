package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"badgekms/reader"
)

// waitLimit bounds each wait for a change. Two things can be lost for good
// without it: a SCardCancel that comes just before the wait begins, and a
// reader attached between the list and the wait, because PCSC-Lite counts
// readers from the start of the call (SCardGetStatusChange, winscard_clnt.c).
const waitLimit = time.Second

// idlePause keeps a service that keeps saying "changed" with nothing new to
// tell from taking a processor (github.com/ebfe/scard issue 25).
const idlePause = 20 * time.Millisecond

// Watch implements reader.Watcher. It waits for a service that is not there
// and for one that stops, with Options.Backoff between the attempts; List
// tells whether there is one. A build without PC/SC returns at once, with
// reader.ErrUnavailable.
//
// A card whose ATR is nil is one that did not answer to reset.
func (r *Readers) Watch(ctx context.Context, handle func(reader.Event)) error {
	failures := 0
	for ctx.Err() == nil {
		w := &watch{ctx: ctx, report: func(e reader.Event) { r.logEvent(e); handle(e) }}
		err := r.serve(w)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errNotBuilt) {
			return err
		}
		w.detachAll()
		if w.looked {
			failures = 0
		}
		failures++
		r.logLoss(err, failures)
		if pause(ctx, r.backoff.delay(failures)) != nil {
			break
		}
	}
	return ctx.Err()
}

// logLoss warns once for each time that the service goes away.
func (r *Readers) logLoss(err error, failures int) {
	level := slog.LevelDebug
	if failures == 1 {
		level = slog.LevelWarn
	}
	r.log.Log(context.Background(), level, "no PC/SC service; waiting for it",
		"error", err, "attempt", failures, "next", r.backoff.delay(failures))
}

func (r *Readers) logEvent(e reader.Event) {
	r.log.Info(e.Kind.String(), "reader", e.Reader)
}

// serve watches under one context until it breaks or w.ctx ends.
func (r *Readers) serve(w *watch) error {
	s, err := r.establish()
	if err != nil {
		return err
	}
	defer r.release(s)
	cancelled := make(chan struct{})
	stop := context.AfterFunc(w.ctx, func() {
		defer close(cancelled)
		_ = s.cancel() // the wait is bounded, should this fail
	})
	defer func() {
		if !stop() {
			<-cancelled // no cancel on a context that is released
		}
	}()
	return w.run(s)
}

// watch is what one context has reported so far.
type watch struct {
	ctx    context.Context
	report func(reader.Event)
	known  []readerState // as reported, in the order of the service's list
	pnp    stateFlags    // of the notification reader, as the service gave it
	looked bool          // at least one look succeeded
}

// run alternates looks and waits. A look compares the service's truth with
// what was reported, so a wait has only to end in time: a change that falls
// between a look and the wait after it ends that wait at once, because the
// wait starts from the states that the look saw.
func (w *watch) run(s session) error {
	for woken := false; ; {
		news, err := w.look(s)
		if err == nil {
			w.looked = true
			if woken && !news {
				err = pause(w.ctx, idlePause)
			}
		}
		if err == nil {
			err = w.wait(s)
		}
		if cause := w.ctx.Err(); cause != nil {
			return cause
		}
		woken = err == nil
		switch {
		case err == nil, isCode(err, codeTimeout):
		case isCode(err, codeUnknownReader): // unplugged since the list
			if err := pause(w.ctx, idlePause); err != nil {
				return err
			}
		default:
			return fmt.Errorf("watch the readers: %w", sentinel(err))
		}
	}
}

// look reports what changed and tells whether anything did.
func (w *watch) look(s session) (bool, error) {
	names, err := listReaders(s)
	if err != nil {
		return false, err
	}
	now, err := snapshot(s, names)
	if err != nil {
		return false, err
	}
	before := w.known
	w.known = now
	news := w.reportGone(before, now)
	for _, st := range now {
		if w.reportReader(find(before, st.reader), st) {
			news = true
		}
	}
	return news, nil
}

// snapshot asks for the state of each reader: a caller that is unaware is
// always answered at once, on every system.
func snapshot(s session, names []string) ([]readerState, error) {
	var states []readerState
	for len(names) > 0 {
		n := min(len(names), maxStates)
		part := make([]readerState, n)
		for i, name := range names[:n] {
			part[i] = readerState{reader: name, flags: stateUnaware}
		}
		if err := s.statusChange(part, 0); err != nil {
			return nil, err
		}
		names = names[n:]
		for _, st := range part {
			if !st.flags.gone() { // unplugged since the list
				states = append(states, st)
			}
		}
	}
	return states, nil
}

// wait returns when a reader's state or the list of readers has changed.
func (w *watch) wait(s session) error {
	states := make([]readerState, 0, len(w.known)+1)
	for _, st := range w.known {
		states = append(states, readerState{reader: st.reader, flags: st.flags &^ stateChanged})
	}
	states = append(states, readerState{reader: notification, flags: w.pnp &^ stateChanged})
	// The bound of the wait stands in for whatever the call has no room for.
	states = states[:min(len(states), maxStates)]
	if err := s.statusChange(states, waitLimit); err != nil {
		return err
	}
	if last := states[len(states)-1]; last.reader == notification {
		w.pnp = last.flags
	}
	return nil
}

// reportGone reports the readers that are no longer there.
func (w *watch) reportGone(before, now []readerState) bool {
	news := false
	for _, st := range before {
		if find(now, st.reader) != nil {
			continue
		}
		news = true
		if st.flags.present() {
			w.report(reader.Event{Kind: reader.CardRemoved, Reader: st.reader})
		}
		w.report(reader.Event{Kind: reader.ReaderDetached, Reader: st.reader})
	}
	return news
}

// reportReader reports what happened at a reader between two looks, the first
// of which is nil for a new reader.
func (w *watch) reportReader(before *readerState, now readerState) bool {
	news := before == nil
	if news {
		w.report(reader.Event{Kind: reader.ReaderAttached, Reader: now.reader})
		before = &readerState{}
	}
	was, is := before.flags.present(), now.flags.present()
	swapped := was && is && !sameCard(*before, now)
	if was && (!is || swapped) {
		news = true
		w.report(reader.Event{Kind: reader.CardRemoved, Reader: now.reader})
	}
	if is && (!was || swapped) {
		news = true
		w.report(reader.Event{Kind: reader.CardInserted, Reader: now.reader, ATR: bytes.Clone(now.atr)})
	}
	return news
}

// sameCard tells whether the card seen in both states never left in between:
// the service counts the movements at each reader.
func sameCard(before, now readerState) bool {
	return before.flags.movements() == now.flags.movements() && bytes.Equal(before.atr, now.atr)
}

// detachAll reports everything known as gone.
func (w *watch) detachAll() {
	known := w.known
	w.known = nil
	w.reportGone(known, nil)
}

func find(states []readerState, name string) *readerState {
	for i := range states {
		if states[i].reader == name {
			return &states[i]
		}
	}
	return nil
}
