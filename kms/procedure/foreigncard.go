package procedure

import (
	"bytes"
	"context"
	"fmt"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
)

// foreignCard is a card whose own level belongs to someone else. Whatever a
// procedure asks for, it carries at card level (AID 000000) only what DESIGN.md
// §7 allows there, and never FormatPICC or SetConfiguration. A run with
// anything else is an error of the program, and nothing of it is sent.
type foreignCard struct {
	reader.Card
	ours   desfire.AID
	inside bool // our application is selected
}

// Transmit implements reader.Card.
func (f *foreignCard) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	inside := f.inside
	for _, c := range run {
		ins, data, err := native(c.APDU)
		if err != nil {
			return nil, err
		}
		if !f.allowed(ins, data, inside) {
			return nil, fmt.Errorf("foreign card: internal error: %s may not reach the level of the card's owner", ins)
		}
		if ins == apdu.INSSelectApplication {
			inside = f.isOurs(data)
		}
	}
	rs, err := f.Card.Transmit(ctx, run)
	f.follow(run, rs)
	return rs, err
}

// follow notes which selections succeeded.
func (f *foreignCard) follow(run []reader.Command, rs []reader.Response) {
	for i, r := range rs[:min(len(rs), len(run))] {
		ins, data, err := native(run[i].APDU)
		if err == nil && ins == apdu.INSSelectApplication && apdu.Status(r.SW) == apdu.StatusOK {
			f.inside = f.isOurs(data)
		}
	}
}

// native reads a wrapped native command; nothing else goes to a foreign card.
func native(raw []byte) (apdu.INS, []byte, error) {
	c, err := apdu.Parse(raw)
	if err != nil {
		return 0, nil, fmt.Errorf("foreign card: %w", err)
	}
	ins, ok := c.Native()
	if !ok {
		return 0, nil, fmt.Errorf("foreign card: internal error: %s is no native command", c)
	}
	return ins, c.Data, nil
}

func (f *foreignCard) isOurs(aid []byte) bool { return bytes.Equal(aid, f.ours[:]) }

func (f *foreignCard) allowed(ins apdu.INS, data []byte, inside bool) bool {
	switch ins {
	case apdu.INSSelectApplication:
		return f.isOurs(data) || bytes.Equal(data, desfire.PICC[:])
	case apdu.INSGetVersion, apdu.INSGetApplicationIDs, apdu.INSGetKeySettings, apdu.INSGetKeyVersion,
		apdu.INSFreeMemory, apdu.INSReadSig, apdu.INSAdditionalFrame:
		return true
	case apdu.INSCreateApplication, apdu.INSDeleteApplication:
		return len(data) >= len(f.ours) && f.isOurs(data[:len(f.ours)])
	case apdu.INSFormatPICC, apdu.INSSetConfiguration:
		return false
	}
	return inside
}
