package pcsc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"badgekms/reader"
)

// connection is one card with the context it lives in.
type connection struct {
	name        string
	atr         []byte
	log         *slog.Logger
	transaction bool

	mu      sync.Mutex // held for a whole run
	session session
	handle  handle // nil once closed
	lost    bool   // a command failed: the card is most likely gone
}

func (c *connection) ATR() []byte { return c.atr }

// Transmit implements reader.Card. A deadline is honoured between commands; a
// command that the reader has taken is waited for, because nothing in PC/SC
// calls it back.
func (c *connection) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	responses, err := reader.Exchange(c.exchange).Transmit(ctx, run)
	if err != nil {
		return responses, fmt.Errorf("reader %q: %w", c.name, err)
	}
	return responses, nil
}

// minCommand is CLA INS P1 P2, the shortest command APDU (ISO/IEC 7816-3
// §12.1.1). Less is no APDU: scard panics on nothing, and vpcd takes one byte
// for a control message.
const minCommand = 4

// exchange sends one command APDU. Of its body nothing is logged.
func (c *connection) exchange(_ context.Context, apdu []byte) ([]byte, error) {
	if c.handle == nil {
		return nil, fmt.Errorf("the connection is closed: %w", fs.ErrClosed)
	}
	if len(apdu) < minCommand {
		return nil, fmt.Errorf("a command APDU of %d bytes; the shortest has %d", len(apdu), minCommand)
	}
	begun := time.Now()
	answer, err := c.handle.transmit(apdu)
	attrs := []any{"reader", c.name, "ins", fmt.Sprintf("%02X", apdu[1]), "sent", len(apdu), "took", time.Since(begun)}
	if err = c.diagnose(answer, err); err != nil {
		c.lost = true
		c.log.Debug("APDU failed", append(attrs, "error", err)...)
		return nil, err
	}
	c.log.Debug("APDU", append(attrs, "received", len(answer), "sw", statusWord(answer))...)
	return answer, nil
}

// diagnose names a transmission's failure. Two of them say only that the
// exchange broke, "not transacted" and an answer without a single byte, which
// is what vpcd and some readers make of a card that is pulled away. With a
// contactless card that is what it nearly always means, unless the reader
// itself is gone, which the next look tells.
func (c *connection) diagnose(answer []byte, err error) error {
	switch {
	case err == nil && len(answer) > 0:
		return nil
	case err == nil:
		err = fmt.Errorf("empty answer: %w", reader.ErrMalformed)
	case !isCode(err, codeNotTransacted) && !isCode(err, codeCommDataLost):
		return inSession(err)
	}
	_, status := c.handle.atr()
	if status != nil {
		if s := inSession(status); !errors.Is(s, reader.ErrRemoved) {
			return fmt.Errorf("%w after %w", s, err)
		}
	}
	return fmt.Errorf("%w (%w)", reader.ErrRemoved, err)
}

func statusWord(answer []byte) string {
	r, err := reader.ParseResponse(answer)
	if err != nil {
		return "none"
	}
	return r.SW.String()
}

// Close ends the transaction, resets the card, so that no session stays open
// on it for the next program, and releases the handle and its context. It
// waits for a command in progress. The reader, the card or the service being
// gone is no error: there is nothing left to release then.
func (c *connection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == nil {
		return nil
	}
	var errs []error
	if c.transaction {
		errs = append(errs, notGone(c.handle.end()))
	}
	errs = append(errs, notGone(c.handle.disconnect(c.farewell())), notGone(c.session.release()))
	c.handle = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close reader %q: %w", c.name, err)
	}
	c.log.Debug("card released", "reader", c.name)
	return nil
}

// farewell chooses what becomes of the card. One that is gone must not be
// reset: pcscd then notes "absent" behind the back of the thread that polls
// the reader, and if a card lies there again by the next poll, nobody sees it
// until it is taken away once more (winscard.c, SCardDisconnect; seen with
// 1.9.9).
func (c *connection) farewell() disposition {
	if c.lost {
		return leaveCard
	}
	if _, err := c.handle.atr(); err != nil {
		return leaveCard
	}
	return resetCard
}

// notGone drops the errors that say that the thing to release is gone.
func notGone(err error) error {
	var c code
	if errors.As(err, &c) && meansGone(c) {
		return nil
	}
	return err
}
