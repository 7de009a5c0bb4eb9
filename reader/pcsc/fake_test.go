package pcsc

import (
	"slices"
	"sync"
	"time"
)

// fakeService behaves like pcscd 1.9.9 where it matters here: event counters
// that a caller's counter of zero does not compare with, a notification that
// counts readers from the start of the call, cancels that are lost outside of
// a wait, contexts that die with the service.
type fakeService struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	down    error         // what establish returns
	epoch   int           // contexts of an earlier epoch are dead
	list    []readerState // flags without stateChanged
	card    fakeCard
	fail    map[string][]error // next results of a call; nil is a success

	sessions, handles int // now open
	calls             map[string]int
	attempts          []time.Time // of establish
	restless          bool        // statusChange always claims a change
	loseCancel        bool
}

// fakeCard is what every reader's card is like.
type fakeCard struct {
	protocol protocol
	answers  [][]byte
	received [][]byte
	locked   int // transactions open
	resets   int // by SCardDisconnect
}

func newFake(readers ...string) *fakeService {
	f := &fakeService{
		changed: make(chan struct{}),
		fail:    map[string][]error{},
		calls:   map[string]int{},
		card:    fakeCard{protocol: protocolT1},
	}
	for _, name := range readers {
		f.list = append(f.list, readerState{reader: name})
	}
	return f
}

// change edits the fake under its lock and wakes whoever waits.
func (f *fakeService) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
	close(f.changed)
	f.changed = make(chan struct{})
}

var testATR = []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}

// count tells how often a call was made.
func (f *fakeService) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

// open tells how many contexts are open.
func (f *fakeService) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sessions
}

// begun tells when contexts were asked for.
func (f *fakeService) begun() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.attempts)
}

// stateEmpty is what a service says of a reader without a card; the watch has
// no use for it.
const stateEmpty stateFlags = 0x0010

// insert and remove are to be called inside change.
func (f *fakeService) insert(name string, atr []byte) {
	st := find(f.list, name)
	st.flags = (st.flags | statePresent) + 1<<16
	st.atr = atr
}

func (f *fakeService) remove(name string) {
	st := find(f.list, name)
	st.flags = (st.flags &^ statePresent) + 1<<16
	st.atr = nil
}

func (f *fakeService) unplug(name string) {
	f.list = slices.DeleteFunc(f.list, func(st readerState) bool { return st.reader == name })
}

// take counts a call and returns the result that the test set for it.
func (f *fakeService) take(call string) error {
	f.calls[call]++
	queue := f.fail[call]
	if len(queue) == 0 {
		return nil
	}
	f.fail[call] = queue[1:]
	return queue[0]
}

func (f *fakeService) establish() (session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = append(f.attempts, time.Now())
	if f.down != nil {
		return nil, f.down
	}
	if err := f.take("establish"); err != nil {
		return nil, err
	}
	f.sessions++
	return &fakeSession{f: f, epoch: f.epoch, cancelled: make(chan struct{}, 1)}, nil
}

type fakeSession struct {
	f         *fakeService
	epoch     int
	waiting   bool
	released  bool
	cancelled chan struct{}
}

// enter is called with the lock held.
func (s *fakeSession) enter(call string) error {
	if s.released {
		return codeInvalidHandle
	}
	if s.epoch != s.f.epoch {
		return codeNoService
	}
	return s.f.take(call)
}

func (s *fakeSession) readers() ([]string, error) {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if err := s.enter("readers"); err != nil {
		return nil, err
	}
	if len(s.f.list) == 0 {
		return nil, codeNoReadersAvailable
	}
	var names []string
	for _, st := range s.f.list {
		names = append(names, st.reader)
	}
	return names, nil
}

func (s *fakeSession) statusChange(states []readerState, timeout time.Duration) error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if err := s.enter("statusChange"); err != nil {
		return err
	}
	if len(states) > maxStates {
		return code(0x80100004) // SCARD_E_INVALID_PARAMETER
	}
	for _, st := range states {
		if st.reader != notification && find(s.f.list, st.reader) == nil {
			return codeUnknownReader
		}
	}
	count := len(s.f.list)
	expired := time.After(timeout)
	for {
		if s.epoch != s.f.epoch {
			return codeNoService
		}
		if s.compare(states, count) || s.f.restless {
			return nil
		}
		if timeout == 0 {
			return codeTimeout
		}
		if err := s.block(expired); err != nil {
			return err
		}
	}
}

// compare fills in the event states and tells whether one differs.
func (s *fakeSession) compare(states []readerState, count int) bool {
	differs := false
	for i := range states {
		st := &states[i]
		now := find(s.f.list, st.reader)
		event := stateFlags(0)
		switch {
		case st.reader == notification && count != len(s.f.list):
			event = stateChanged
		case st.reader == notification:
		case now == nil:
			event = stateUnknown | stateUnavailable | stateChanged
		default:
			event = now.flags
			if !now.flags.present() {
				event |= stateEmpty
			}
			counted := st.flags.movements() != 0 && st.flags.movements() != now.flags.movements()
			if st.flags == stateUnaware || counted || st.flags.present() != now.flags.present() {
				event |= stateChanged
			}
		}
		if event&stateChanged != 0 {
			differs = true
		}
		if differs || s.f.restless {
			st.flags = event
			if now != nil {
				st.atr = now.atr
			}
		}
	}
	return differs
}

// block gives up the lock until something happens.
func (s *fakeSession) block(expired <-chan time.Time) error {
	changed := s.f.changed
	s.waiting = true
	s.f.mu.Unlock()
	defer func() { s.f.mu.Lock(); s.waiting = false }()
	select {
	case <-changed:
		return nil
	case <-expired:
		return codeTimeout
	case <-s.cancelled:
		return codeCancelled
	}
}

func (s *fakeSession) cancel() error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.f.calls["cancel"]++
	if s.released {
		panic("SCardCancel of a context that was released")
	}
	if s.waiting && !s.f.loseCancel {
		s.cancelled <- struct{}{}
	}
	return nil
}

func (s *fakeSession) release() error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.released {
		panic("SCardReleaseContext twice")
	}
	s.released = true
	s.f.sessions--
	return s.f.take("release")
}

func (s *fakeSession) connect(name string, mode shareMode, p protocol) (handle, error) {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if err := s.enter("connect"); err != nil {
		return nil, err
	}
	st := find(s.f.list, name)
	if st == nil {
		return nil, codeUnknownReader
	}
	if !st.flags.present() {
		return nil, codeNoSmartcard
	}
	s.f.handles++
	return &fakeHandle{s: s}, nil
}

type fakeHandle struct {
	s            *fakeSession
	disconnected bool
}

func (h *fakeHandle) call(name string) error {
	h.s.f.mu.Lock()
	defer h.s.f.mu.Unlock()
	if h.disconnected {
		return codeInvalidHandle
	}
	return h.s.enter(name)
}

func (h *fakeHandle) protocol() protocol { return h.s.f.card.protocol }

func (h *fakeHandle) atr() ([]byte, error) { return testATR, h.call("atr") }

func (h *fakeHandle) begin() error {
	err := h.call("begin")
	if err == nil {
		h.s.f.card.locked++
	}
	return err
}

func (h *fakeHandle) end() error {
	h.s.f.card.locked--
	return h.call("end")
}

func (h *fakeHandle) disconnect(d disposition) error {
	err := h.call("disconnect")
	if h.disconnected {
		panic("SCardDisconnect twice")
	}
	h.disconnected = true
	h.s.f.mu.Lock()
	defer h.s.f.mu.Unlock()
	h.s.f.handles--
	if d == resetCard {
		h.s.f.card.resets++
	}
	return err
}

func (h *fakeHandle) transmit(apdu []byte) ([]byte, error) {
	if err := h.call("transmit"); err != nil {
		return nil, err
	}
	card := &h.s.f.card
	card.received = append(card.received, slices.Clone(apdu))
	answer := []byte{0x90, 0x00}
	if len(card.answers) > 0 {
		answer, card.answers = card.answers[0], card.answers[1:]
	}
	return answer, nil
}
