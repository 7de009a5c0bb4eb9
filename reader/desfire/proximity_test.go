package desfire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// pcCard is the card's side of a proximity check, written from the same facts:
// there is no outside truth for it.
type pcCard struct {
	mac        *key.CMAC
	prepared   []byte
	transcript []byte
	lie        string // what it does wrong
}

func (c *pcCard) answer(t *testing.T, raw []byte) reader.Response {
	t.Helper()
	sent, err := apdu.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	ok := reader.Response{SW: 0x9190}
	switch apdu.INS(sent.INS) {
	case apdu.INSPreparePC:
		c.transcript = bytes.Clone(c.prepared)
		ok.Data = c.prepared
	case apdu.INSProximityCheck:
		ok.Data = bytes.Repeat([]byte{0xA0 + sent.Data[0]}, int(sent.Data[0]))
		c.transcript = append(append(c.transcript, ok.Data...), sent.Data[1:]...)
		if c.lie == "response" {
			ok.Data = append([]byte{0}, ok.Data[1:]...)
		}
		if c.lie == "length" {
			ok.Data = ok.Data[1:]
		}
	case apdu.INSVerifyPC:
		if want := c.sum(0xFD); !bytes.Equal(sent.Data, want) {
			return reader.Response{SW: 0x911E}
		}
		ok.Data = c.sum(0x90)
		if c.lie == "MAC" {
			ok.Data[7] ^= 1
		}
	}
	return ok
}

func (c *pcCard) sum(code byte) []byte {
	var full [16]byte
	c.mac.Sum(full[:], nil, append([]byte{code}, c.transcript...))
	var mac []byte
	for i := 1; i < 16; i += 2 {
		mac = append(mac, full[i])
	}
	return mac
}

// check runs a proximity check in rounds of these sizes.
func check(t *testing.T, p *ProximityCheck, c *pcCard, sizes ...int) error {
	t.Helper()
	send := func(x *Sealed, err error) error {
		if err != nil {
			return err
		}
		_, err = x.Open([]reader.Response{c.answer(t, x.Commands()[0].APDU)})
		return err
	}
	if err := send(p.Prepare()); err != nil {
		return err
	}
	for _, n := range sizes {
		if err := send(p.Round(n)); err != nil {
			return err
		}
	}
	return send(p.Verify())
}

func TestProximityCheck(t *testing.T) {
	k := mustKey(t, 0x21)
	random := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for _, tt := range []struct {
		name     string
		prepared []byte
		sizes    []int
		lie      string
		cardKey  key.AES128
		want     error
	}{
		{"eight rounds", []byte{1, 3, 0x20, 0}, []int{1, 1, 1, 1, 1, 1, 1, 1}, "", k, nil},
		{"one round", []byte{1, 3, 0x20, 0}, []int{8}, "", k, nil},
		{"uneven rounds, no PPS1", []byte{0, 3, 0x20}, []int{3, 5}, "", k, nil},
		{"no option", nil, nil, "", k, ErrAnswer},
		{"PPS1 missing", []byte{1, 3, 0x20}, nil, "", k, ErrAnswer},
		{"PPS1 not announced", []byte{0, 3, 0x20, 0}, nil, "", k, ErrAnswer},
		{"changed response", []byte{1, 3, 0x20, 0}, []int{4, 4}, "response", k, apdu.StatusIntegrityError},
		{"short response", []byte{1, 3, 0x20, 0}, []int{4, 4}, "length", k, ErrAnswer},
		{"wrong MAC", []byte{1, 3, 0x20, 0}, []int{4, 4}, "MAC", k, ErrIntegrity},
		{"another key", []byte{1, 3, 0x20, 0}, []int{4, 4}, "", mustKey(t, 1), apdu.StatusIntegrityError},
		{"rounds too long", []byte{1, 3, 0x20, 0}, []int{4, 5}, "", k, ErrCommand},
		{"empty round", []byte{1, 3, 0x20, 0}, []int{0}, "", k, ErrCommand},
		{"rounds missing", []byte{1, 3, 0x20, 0}, []int{4}, "", k, ErrCommand},
	} {
		p := NewProximityCheck(k, bytes.NewReader(random))
		c := &pcCard{mac: key.NewCMAC(tt.cardKey.Block()), prepared: tt.prepared, lie: tt.lie}
		err := check(t, p, c, tt.sizes...)
		if !errors.Is(err, tt.want) || p.Verified() != (tt.want == nil) {
			t.Errorf("%s: %v, verified %t", tt.name, err, p.Verified())
		}
		if tt.want == nil && p.PublishedTime() != 800*time.Microsecond {
			t.Errorf("%s: published time %s", tt.name, p.PublishedTime())
		}
		if _, err := p.Prepare(); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: prepared again: %v", tt.name, err)
		}
		if tt.want == nil {
			if _, err := p.Round(1); !errors.Is(err, ErrSessionOver) {
				t.Errorf("%s: a round after the end: %v", tt.name, err)
			}
		}
	}
}

// TestProximityFrames pins the bytes that are sent.
func TestProximityFrames(t *testing.T) {
	p := NewProximityCheck(mustKey(t, 0), bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8}))
	x, err := p.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Round(1); !errors.Is(err, ErrCommand) {
		t.Errorf("a round before the answer to Prepare: %v", err)
	}
	if got := fmt.Sprintf("%X", x.Commands()[0].APDU); got != "90F0000000" {
		t.Errorf("Prepare %s", got)
	}
	if _, err := x.Open([]reader.Response{{Data: []byte{0, 3, 0x20}, SW: 0x9190}}); err != nil {
		t.Fatal(err)
	}
	x, err = p.Round(3)
	if got := fmt.Sprintf("%X", x.Commands()[0].APDU); err != nil || got != "90F20000040301020300" {
		t.Errorf("Round %s, %v", got, err)
	}
	if _, err := p.Round(3); !errors.Is(err, ErrCommand) {
		t.Errorf("a round before the answer to the one before: %v", err)
	}
	if short := NewProximityCheck(mustKey(t, 0), bytes.NewReader(nil)); short != nil {
		if _, err := short.Prepare(); err == nil {
			t.Error("no randomness and no error")
		}
	}
}
