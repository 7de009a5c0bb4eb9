package server

import "sync"

// Live are the conversations that go on in this process. The zero value is
// empty.
type Live struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

// Alive tells whether a conversation goes on.
func (l *Live) Alive(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.ids[id]
	return ok
}

// begin adds a conversation and returns what ends it.
func (l *Live) begin(id string) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[string]struct{}{}
	}
	l.ids[id] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.ids, id)
	}
}
