package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/pcsc"
	"badgekms/reader/vpcd"
	"badgekms/test/pcscd"
)

// field is the two readers of the demo and the hand that lays cards on them.
type field interface {
	readers() reader.Readers
	// station and door are the readers' names.
	station() string
	door() string
	put(reader string, c *cardsim.Card) error
	remove(reader string) error
	close()
}

func openField(ctx context.Context, kind string) (field, error) {
	switch kind {
	case "simulated":
		const station, door = "Desk reader", "Door reader"
		return &deskField{desk: cardsim.NewDesk(station, door), names: [2]string{station, door}}, nil
	case "pcsc":
		return openPCSC(ctx)
	}
	return nil, fmt.Errorf("--reader %s: give simulated or pcsc", kind)
}

// deskField is readers in this process.
type deskField struct {
	desk  *cardsim.Desk
	names [2]string
}

func (f *deskField) readers() reader.Readers { return f.desk }
func (f *deskField) station() string         { return f.names[0] }
func (f *deskField) door() string            { return f.names[1] }
func (f *deskField) close()                  {}

func (f *deskField) put(name string, c *cardsim.Card) error { return f.desk.Put(name, c) }

func (f *deskField) remove(name string) error {
	f.desk.Remove(name)
	return nil
}

// pcscField is the virtual readers of a private pcscd.
type pcscField struct {
	daemon  *pcscd.Daemon
	names   []string
	plugged map[string]unplug
	context context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	present map[string]bool // by reader, as pcscd sees it
	changed chan struct{}   // closed at the next change of present
}

// unplug takes a card out of its reader and waits until it is out.
type unplug func() error

func openPCSC(ctx context.Context) (*pcscField, error) {
	d, err := pcscd.Start(ctx, pcscd.Options{})
	if err != nil {
		return nil, err
	}
	for _, e := range d.Env() {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, errors.Join(err, d.Stop())
		}
	}
	f := &pcscField{
		daemon: d, names: d.ReaderNames(), plugged: map[string]unplug{},
		present: map[string]bool{}, changed: make(chan struct{}),
	}
	f.context, f.stop = context.WithCancel(ctx)
	go func() { _ = f.readers().Watch(f.context, f.observe) }()
	return f, nil
}

// observe notes what pcscd reports.
func (f *pcscField) observe(e reader.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Kind {
	case reader.CardInserted:
		f.present[e.Reader] = true
	case reader.CardRemoved, reader.ReaderDetached:
		f.present[e.Reader] = false
	default:
		return
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// empty waits until pcscd has noticed that a card is gone: it looks a few times
// a second, and a card laid down before would be the same card to it.
func (f *pcscField) empty(name string) error {
	for {
		f.mu.Lock()
		present, changed := f.present[name], f.changed
		f.mu.Unlock()
		if !present {
			return nil
		}
		select {
		case <-changed:
		case <-f.context.Done():
			return f.context.Err()
		}
	}
}

func (f *pcscField) readers() reader.Readers { return pcsc.New(pcsc.Options{}) }
func (f *pcscField) station() string         { return f.names[0] }
func (f *pcscField) door() string            { return f.names[1] }

func (f *pcscField) put(name string, c *cardsim.Card) error {
	if err := f.remove(name); err != nil {
		return err
	}
	address := f.daemon.VPCDAddress()[0]
	if name == f.door() {
		address = f.daemon.VPCDAddress()[1]
	}
	ctx, cancel := context.WithCancel(f.context)
	p, err := vpcd.Plug(ctx, address, c)
	if err != nil {
		cancel()
		return err
	}
	f.plugged[name] = func() error {
		cancel()
		if err := p.Wait(); !errors.Is(err, context.Canceled) && !errors.Is(err, reader.ErrRemoved) {
			return err
		}
		return nil
	}
	return nil
}

func (f *pcscField) remove(name string) error {
	out := f.plugged[name]
	delete(f.plugged, name)
	if out == nil {
		return nil
	}
	return errors.Join(out(), f.empty(name))
}

func (f *pcscField) close() {
	for name := range f.plugged {
		_ = f.remove(name)
	}
	f.stop()
	_ = f.daemon.Stop()
}
