package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"testing"

	"badgekms/enroll"
	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// draws is crypto/rand.Reader that remembers what it gave, read by read.
type draws struct {
	mu   sync.Mutex
	each [][]byte
}

// Read implements io.Reader.
func (d *draws) Read(b []byte) (int, error) {
	n, err := rand.Read(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.each = append(d.each, bytes.Clone(b[:n]))
	return n, err
}

// exchange is one command as the card got it, and its answer; nil if the card
// left.
type exchange struct{ apdu, answer []byte }

// tape is what went over one connection to a card.
type tape struct{ exchanges []exchange }

// tappedField is the demo's field with a tape recorder at every card.
type tappedField struct {
	field
	mu    sync.Mutex
	tapes []*tape
}

func (f *tappedField) readers() reader.Readers { return tappedReaders{f.field.readers(), f} }

type tappedReaders struct {
	reader.Readers
	field *tappedField
}

// Connect implements reader.Connector.
func (r tappedReaders) Connect(ctx context.Context, name string, sharing reader.Sharing) (reader.Connection, error) {
	c, err := r.Readers.Connect(ctx, name, sharing)
	if err != nil {
		return nil, err
	}
	r.field.mu.Lock()
	defer r.field.mu.Unlock()
	recorded := new(tape)
	r.field.tapes = append(r.field.tapes, recorded)
	return &tappedCard{c, r.field, recorded}, nil
}

type tappedCard struct {
	reader.Connection
	field *tappedField
	tape  *tape
}

// Transmit implements reader.Card.
func (c *tappedCard) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	answers, err := c.Connection.Transmit(ctx, run)
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	for n, command := range run {
		switch {
		case n < len(answers):
			c.tape.exchanges = append(c.tape.exchanges, exchange{bytes.Clone(command.APDU), answers[n].Bytes()})
		case n == len(answers) && err != nil:
			c.tape.exchanges = append(c.tape.exchanges, exchange{apdu: bytes.Clone(command.APDU)})
		}
	}
	return answers, err
}

// captured is everything that one telling of the story used and left behind.
type captured struct {
	dir       string
	told      string
	export    []byte
	rootToken string
	drawn     [][]byte // by the simulated Vault
	tapes     []*tape
	badges    []*badgekmsv1.Badge
	domains   []*badgekmsv1.Domain
	live      map[string][]byte // the files before the KMS was stopped
}

// capture tells the story and keeps everything. While the KMS runs, the newest
// records are in SQLite's log and not yet in its file: files are read twice.
func capture(t *testing.T) captured {
	t.Helper()
	var told bytes.Buffer
	random := new(draws)
	inProcess, err := openField(t.Context(), "simulated")
	if err != nil {
		t.Fatal(err)
	}
	f := &tappedField{field: inProcess}
	w := &world{dir: t.TempDir(), field: f, random: random}
	n := &narrator{out: &told}
	if err := tell(t.Context(), w, n); err != nil {
		t.Fatalf("%v\n%s", err, &told)
	}
	c := captured{dir: w.dir, rootToken: w.rootToken, live: files(t, w.dir)}
	s := &story{world: w, narrator: n, profile: profile.Default()}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if c.export, err = s.export(ctx); err != nil {
		t.Fatal(err)
	}
	c.badges, c.domains = s.records(ctx, t)
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	f.close()
	c.told, c.drawn, c.tapes = told.String(), slices.Clone(random.each), f.tapes
	return c
}

// records asks the KMS which badges and domains there are.
func (s *story) records(ctx context.Context, t *testing.T) ([]*badgekmsv1.Badge, []*badgekmsv1.Domain) {
	t.Helper()
	var badges []*badgekmsv1.Badge
	office := enroll.Office{Badges: badgekmsv1.NewBadgeServiceClient(s.station)}
	for b, err := range office.AllBadges(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		badges = append(badges, b)
	}
	r, err := badgekmsv1.NewDomainServiceClient(s.officer).ListDomains(ctx, &badgekmsv1.ListDomainsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return badges, r.GetDomains()
}
