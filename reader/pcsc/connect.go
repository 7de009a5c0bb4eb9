package pcsc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"badgekms/reader"
)

// A reader that is busy is tried again for busyPatience: the Windows service
// and desktop agents such as scdaemon probe each new card for an instant.
const (
	busyPatience = 2 * time.Second
	busyPause    = 50 * time.Millisecond
)

// Connect connects to the card in the named reader, under a context of its
// own. Exclusive sharing keeps every other program from the card and holds a
// transaction; while another program is connected it waits up to 2 s and then
// fails with reader.ErrBusy.
//
// A card that does not answer to reset, held askew or already leaving, counts
// as reader.ErrNoCard. ctx is honoured between the attempts; an error of ctx that
// comes while the reader is busy wraps reader.ErrBusy too.
func (r *Readers) Connect(ctx context.Context, readerName string, sharing reader.Sharing) (reader.Connection, error) {
	s, err := r.establish()
	if err != nil {
		return nil, fmt.Errorf("connect to %q: %w", readerName, err)
	}
	c, err := r.connectPatiently(ctx, s, readerName, sharing)
	if err != nil {
		err = explain(s, readerName, err)
		r.release(s)
		return nil, err
	}
	r.log.Debug("card connected", "reader", readerName, "exclusive", sharing == reader.Exclusive)
	return c, nil
}

func (r *Readers) connectPatiently(ctx context.Context, s session, name string, sharing reader.Sharing) (*connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	giveUp := time.Now().Add(busyPatience)
	c, err := r.connectOnce(s, name, sharing)
	for isCode(err, codeSharingViolation) && time.Now().Before(giveUp) {
		if ended := pause(ctx, busyPause); ended != nil {
			return nil, fmt.Errorf("%w; %w", err, ended)
		}
		c, err = r.connectOnce(s, name, sharing)
	}
	return c, err
}

// connectOnce leaves no handle behind when it fails.
func (r *Readers) connectOnce(s session, name string, sharing reader.Sharing) (*connection, error) {
	mode := shareShared
	if sharing == reader.Exclusive {
		mode = shareExclusive
	}
	h, err := connectProtocol(s, name, mode)
	if err != nil {
		return nil, err
	}
	atr, err := prepare(h, mode)
	if err != nil {
		_ = h.disconnect(leaveCard) // the error that led here tells more
		return nil, err
	}
	return &connection{
		name: name, session: s, handle: h, atr: atr, log: r.log,
		transaction: mode == shareExclusive,
	}, nil
}

// connectProtocol asks for T=1, which contactless readers speak (PC/SC part 3
// §3.1.3.2.3), and takes T=0 from a reader that has nothing else.
func connectProtocol(s session, name string, mode shareMode) (handle, error) {
	h, err := s.connect(name, mode, protocolT1)
	if isCode(err, codeProtoMismatch) {
		return s.connect(name, mode, protocolT0|protocolT1)
	}
	return h, err
}

// prepare checks the protocol, which scard's Transmit panics about, reads the
// ATR and takes the transaction of an exclusive connection.
func prepare(h handle, mode shareMode) ([]byte, error) {
	if p := h.protocol(); p != protocolT0 && p != protocolT1 {
		return nil, fmt.Errorf("%w: no transmission protocol was agreed with the card (%d)", reader.ErrReader, p)
	}
	atr, err := h.atr()
	if err != nil {
		return nil, err
	}
	if mode == shareExclusive {
		if err := h.begin(); err != nil {
			return nil, err
		}
	}
	return atr, nil
}

// explain names the reader in a failure to connect and says what to do.
func explain(s session, name string, err error) error {
	wrapped := fmt.Errorf("connect to %q: %w", name, sentinel(err))
	switch {
	case isCode(err, codeUnresponsiveCard), isCode(err, codeUnpoweredCard):
		return fmt.Errorf("%w: the card does not answer; lay it flat and leave it there", wrapped)
	case errors.Is(wrapped, reader.ErrBusy):
		return fmt.Errorf("%w: close the other program that uses this reader", wrapped)
	case !errors.Is(wrapped, reader.ErrNoReader):
		return wrapped
	}
	attached, err := listReaders(s)
	if err != nil || len(attached) == 0 {
		return fmt.Errorf("%w: no reader is attached", wrapped)
	}
	return fmt.Errorf("%w: attached are %s", wrapped, quoted(attached))
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// pause waits d, or less if ctx ends, and then returns its error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
