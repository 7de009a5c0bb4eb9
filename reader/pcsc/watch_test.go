package pcsc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"badgekms/reader"

	"github.com/google/go-cmp/cmp"
)

// watching is a Watch that runs against a fake.
type watching struct {
	t      *testing.T
	fake   *fakeService
	events chan reader.Event
	cancel context.CancelFunc
	done   chan error
}

func startWatch(t *testing.T, f *fakeService) *watching {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watching{t: t, fake: f, events: make(chan reader.Event, 100), cancel: cancel, done: make(chan error, 1)}
	go func() {
		w.done <- newReaders(f, Options{}).Watch(ctx, func(e reader.Event) { w.events <- e })
	}()
	return w
}

// expect checks the next events and that no others come within 10 seconds.
func (w *watching) expect(want ...reader.Event) {
	w.t.Helper()
	var got []reader.Event
	for quiet := time.After(10 * time.Second); ; {
		select {
		case e := <-w.events:
			got = append(got, e)
			continue
		case <-quiet:
			synctest.Wait()
		}
		break
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Fatalf("events (-want +got):\n%s", diff)
	}
}

// stop ends the watch and checks that it releases what it held.
func (w *watching) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; !errors.Is(err, context.Canceled) {
		w.t.Errorf("Watch returned %v, want context.Canceled", err)
	}
	if w.fake.open() != 0 {
		w.t.Errorf("%d contexts left open", w.fake.open())
	}
}

// pass lets fake time pass and everybody come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func attached(name string) reader.Event {
	return reader.Event{Kind: reader.ReaderAttached, Reader: name}
}
func detached(name string) reader.Event {
	return reader.Event{Kind: reader.ReaderDetached, Reader: name}
}
func removed(name string) reader.Event { return reader.Event{Kind: reader.CardRemoved, Reader: name} }
func inserted(name string) reader.Event {
	return reader.Event{Kind: reader.CardInserted, Reader: name, ATR: testATR}
}

func TestWatch(t *testing.T) {
	type step struct {
		name string
		edit func(f *fakeService)
		want []reader.Event
	}
	cases := []struct {
		name  string
		fake  func() *fakeService
		first []reader.Event
		steps []step
	}{{
		name:  "readers and cards that are there at the start",
		fake:  func() *fakeService { f := newFake("A", "B"); f.insert("B", testATR); return f },
		first: []reader.Event{attached("A"), attached("B"), inserted("B")},
	}, {
		name:  "insert, remove, insert",
		fake:  func() *fakeService { return newFake("A") },
		first: []reader.Event{attached("A")},
		steps: []step{
			{"insert", func(f *fakeService) { f.insert("A", testATR) }, []reader.Event{inserted("A")}},
			{"remove", func(f *fakeService) { f.remove("A") }, []reader.Event{removed("A")}},
			{"insert", func(f *fakeService) { f.insert("A", testATR) }, []reader.Event{inserted("A")}},
		},
	}, {
		name:  "swap between two looks",
		fake:  func() *fakeService { f := newFake("A"); f.insert("A", testATR); return f },
		first: []reader.Event{attached("A"), inserted("A")},
		steps: []step{
			{"swap", func(f *fakeService) { f.remove("A"); f.insert("A", testATR) },
				[]reader.Event{removed("A"), inserted("A")}},
			{"swap seen in the counter alone", func(f *fakeService) {
				find(f.list, "A").flags += 2 << 16
			}, []reader.Event{removed("A"), inserted("A")}},
		},
	}, {
		name: "swap of a card that was there before the service, with counter zero",
		fake: func() *fakeService {
			f := newFake("A")
			f.list[0].flags, f.list[0].atr = statePresent, testATR
			return f
		},
		first: []reader.Event{attached("A"), inserted("A")},
		steps: []step{{"swap", func(f *fakeService) { f.remove("A"); f.insert("A", testATR) },
			[]reader.Event{removed("A"), inserted("A")}}},
	}, {
		name:  "a tap too short to be served leaves no trace",
		fake:  func() *fakeService { return newFake("A") },
		first: []reader.Event{attached("A")},
		steps: []step{{"tap", func(f *fakeService) { f.insert("A", testATR); f.remove("A") }, nil}},
	}, {
		name:  "a card that does not answer has no ATR",
		fake:  func() *fakeService { return newFake("A") },
		first: []reader.Event{attached("A")},
		steps: []step{{"insert", func(f *fakeService) { f.insert("A", nil) },
			[]reader.Event{{Kind: reader.CardInserted, Reader: "A"}}}},
	}, {
		name: "hot-plug from nothing and back",
		fake: func() *fakeService { return newFake() },
		steps: []step{
			{"plug", func(f *fakeService) { f.list = append(f.list, readerState{reader: "A"}) },
				[]reader.Event{attached("A")}},
			{"card", func(f *fakeService) { f.insert("A", testATR) }, []reader.Event{inserted("A")}},
			{"unplug", func(f *fakeService) { f.unplug("A") }, []reader.Event{removed("A"), detached("A")}},
			{"plug again", func(f *fakeService) { f.list = append(f.list, readerState{reader: "A"}) },
				[]reader.Event{attached("A")}},
		},
	}, {
		name:  "a tap while another reader is plugged in",
		fake:  func() *fakeService { return newFake("A") },
		first: []reader.Event{attached("A")},
		steps: []step{{"both", func(f *fakeService) {
			f.list = append(f.list, readerState{reader: "B"})
			f.insert("A", testATR)
		}, []reader.Event{inserted("A"), attached("B")}}},
	}, {
		name:  "one reader replaced by another",
		fake:  func() *fakeService { f := newFake("A"); f.insert("A", testATR); return f },
		first: []reader.Event{attached("A"), inserted("A")},
		steps: []step{{"replace", func(f *fakeService) {
			f.unplug("A")
			f.list = append(f.list, readerState{reader: "B"})
		}, []reader.Event{removed("A"), detached("A"), attached("B")}}},
	}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := c.fake()
				w := startWatch(t, f)
				w.expect(c.first...)
				for _, s := range c.steps {
					t.Log(s.name)
					f.change(func() { s.edit(f) })
					w.expect(s.want...)
				}
				w.stop()
			})
		})
	}
}

// TestWatchReportsAtOnce: an insertion is not left to the bounded wait.
func TestWatchReportsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		w := startWatch(t, f)
		w.expect(attached("A"))
		begun := time.Now()
		f.change(func() { f.insert("A", testATR) })
		<-w.events
		if took := time.Since(begun); took != 0 {
			t.Errorf("the insertion was reported after %v", took)
		}
		w.stop()
	})
}

func TestWatchSurvivesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A", "B")
		f.insert("A", testATR)
		w := startWatch(t, f)
		w.expect(attached("A"), inserted("A"), attached("B"))

		f.change(func() { f.epoch++; f.down = codeNoService })
		w.expect(removed("A"), detached("A"), detached("B"))
		if f.open() != 0 {
			t.Errorf("%d contexts of the dead service left open", f.open())
		}
		f.change(func() { f.down = nil })
		w.expect(attached("A"), inserted("A"), attached("B"))

		f.change(func() { f.epoch++ }) // a restart faster than any look
		w.expect(removed("A"), detached("A"), detached("B"), attached("A"), inserted("A"), attached("B"))
		w.stop()
	})
}

func TestWatchBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down = codeNoService
		w := startWatch(t, f)
		w.expect()
		var pauses []time.Duration
		begun := f.begun()
		for i := range begun[1:] {
			pauses = append(pauses, begun[i+1].Sub(begun[i])/time.Millisecond)
		}
		want := []time.Duration{100, 200, 400, 800, 1600, 2000, 2000}
		if diff := cmp.Diff(want, pauses[:len(want)]); diff != "" {
			t.Errorf("pauses in ms (-want +got):\n%s", diff)
		}
		w.stop()
	})
}

// TestWatchBacksOffFromABrokenService: a context that can be opened but never
// used must not be reopened in a tight loop.
func TestWatchBacksOffFromABrokenService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.fail["readers"] = slices.Repeat([]error{codeCommError}, 1000)
		w := startWatch(t, f)
		w.expect()
		if n := len(f.begun()); n < 3 || n > 12 {
			t.Errorf("%d contexts opened in 10 s", n)
		}
		w.stop()
	})
}

func TestWatchReleasesAfterEveryFailure(t *testing.T) {
	for _, call := range []string{"readers", "statusChange"} {
		for nth := range 3 {
			t.Run(fmt.Sprintf("%s call %d", call, nth+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake("A")
					f.fail[call] = append(make([]error, nth), codeServiceStopped)
					w := startWatch(t, f)
					pass(3 * time.Second) // fake time
					if f.open() != 1 {
						t.Errorf("%d contexts open, want the one in use", f.open())
					}
					if f.count("establish") != 2 {
						t.Errorf("%d contexts opened, want 2", f.count("establish"))
					}
					w.stop()
				})
			})
		}
	}
}

func TestWatchEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		lose  bool
		limit time.Duration
	}{{"by SCardCancel, at once", false, 0}, {"without it, when the wait is over", true, waitLimit}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				f.loseCancel = c.lose
				w := startWatch(t, f)
				w.expect(attached("A"))
				pass(waitLimit / 3) // fake time: somewhere inside a wait
				begun := time.Now()
				w.stop()
				if took := time.Since(begun); took > c.limit {
					t.Errorf("ended after %v, want %v", took, c.limit)
				}
				if f.count("cancel") != 1 {
					t.Errorf("SCardCancel called %d times", f.count("cancel"))
				}
			})
		})
	}
}

func TestWatchEndsWhileTheServiceIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down = codeNoService
		w := startWatch(t, f)
		pass(5 * time.Second) // fake time: inside a pause of 2 s
		begun := time.Now()
		w.stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("ended after %v", took)
		}
	})
}

// TestWatchRestlessService: a service that never waits takes no processor.
func TestWatchRestlessService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.restless = true
		w := startWatch(t, f)
		pass(time.Second) // fake time
		if n := f.count("statusChange"); n > 2*int(time.Second/idlePause)+4 {
			t.Errorf("%d calls in a second", n)
		}
		w.expect(attached("A"))
		w.stop()
	})
}

// TestWatchManyReaders: up to the limit of one call, at it and beyond it.
func TestWatchManyReaders(t *testing.T) {
	for _, n := range []int{maxStates - 1, maxStates, maxStates + 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var names []string
				var want []reader.Event
				for i := range n {
					names = append(names, fmt.Sprintf("reader %02d", i))
					want = append(want, attached(names[i]))
				}
				f := newFake(names...)
				w := startWatch(t, f)
				w.expect(want...)
				f.change(func() {
					f.insert(names[n-1], testATR)
					f.list = append(f.list, readerState{reader: "one more"})
				})
				w.expect(inserted(names[n-1]), attached("one more"))
				w.stop()
			})
		})
	}
}

func TestWatchUnpluggedDuringTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.fail["statusChange"] = []error{codeUnknownReader}
		w := startWatch(t, f)
		w.expect(attached("A"))
		if f.count("establish") != 1 {
			t.Error("an unplugged reader was taken for the loss of the service")
		}
		w.stop()
	})
}

func TestWatchWithoutPCSC(t *testing.T) {
	f := newFake()
	f.down = errNotBuilt
	err := newReaders(f, Options{}).Watch(t.Context(), func(reader.Event) {})
	if !errors.Is(err, reader.ErrUnavailable) {
		t.Errorf("Watch returned %v, want reader.ErrUnavailable", err)
	}
}

func TestWatchEndedBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFake("A")
	err := newReaders(f, Options{}).Watch(ctx, func(reader.Event) { t.Error("event") })
	if !errors.Is(err, context.Canceled) || len(f.begun()) != 0 {
		t.Errorf("%v after %d attempts", err, len(f.begun()))
	}
}
