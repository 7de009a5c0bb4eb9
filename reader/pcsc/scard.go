//go:build windows || (linux && cgo)

package pcsc

import (
	"errors"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ebfe/scard"
)

// systemService is the machine's PC/SC service.
type systemService struct{}

// contexts numbers the contexts, for terminator.
var contexts atomic.Uint64

func (systemService) establish() (session, error) {
	c, err := scard.EstablishContext()
	if err != nil {
		return nil, toCode(err)
	}
	return &scardSession{ctx: c, terminator: terminator(contexts.Add(1))}, nil
}

type scardSession struct {
	ctx        *scard.Context
	terminator string
}

// terminator is appended to the names in reader states. On Linux scard keeps
// the C strings of SCardGetStatusChange alive in a map by name, so that of two
// contexts that wait at one reader the second frees the first one's string
// while pcsclite still reads it. A zero byte ends the name for C; what follows
// makes it another name for the map.
func terminator(n uint64) string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return "\x00" + strconv.FormatUint(n, 10)
}

func (s *scardSession) readers() ([]string, error) {
	names, err := s.ctx.ListReaders()
	return names, toCode(err)
}

func (s *scardSession) statusChange(states []readerState, timeout time.Duration) error {
	system := make([]scard.ReaderState, len(states))
	for i, st := range states {
		system[i] = scard.ReaderState{
			Reader:       st.reader + s.terminator,
			CurrentState: scard.StateFlag(st.flags),
		}
	}
	if err := s.ctx.GetStatusChange(system, timeout); err != nil {
		return toCode(err)
	}
	for i := range states {
		states[i].flags = stateFlags(system[i].EventState)
		states[i].atr = system[i].Atr
	}
	return nil
}

func (s *scardSession) cancel() error  { return toCode(s.ctx.Cancel()) }
func (s *scardSession) release() error { return toCode(s.ctx.Release()) }

func (s *scardSession) connect(name string, mode shareMode, p protocol) (handle, error) {
	c, err := s.ctx.Connect(name, scard.ShareMode(mode), scard.Protocol(p))
	if err != nil {
		return nil, toCode(err)
	}
	return scardHandle{c}, nil
}

type scardHandle struct{ card *scard.Card }

func (h scardHandle) protocol() protocol { return protocol(h.card.ActiveProtocol()) }

func (h scardHandle) atr() ([]byte, error) {
	st, err := h.card.Status()
	if err != nil {
		return nil, toCode(err)
	}
	return st.Atr, nil
}

func (h scardHandle) begin() error { return toCode(h.card.BeginTransaction()) }
func (h scardHandle) end() error   { return toCode(h.card.EndTransaction(scard.LeaveCard)) }

func (h scardHandle) disconnect(d disposition) error {
	return toCode(h.card.Disconnect(scard.Disposition(d)))
}

func (h scardHandle) transmit(apdu []byte) ([]byte, error) {
	answer, err := h.card.Transmit(apdu)
	return answer, toCode(err)
}

// toCode turns scard's error type into ours, so that nothing else in this
// package depends on a build with PC/SC.
func toCode(err error) error {
	var e scard.Error
	if errors.As(err, &e) {
		return code(e)
	}
	return err
}
