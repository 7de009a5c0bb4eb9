package main

import (
	"context"
	"fmt"

	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
)

// blank is a card fresh from the factory.
func blank(t cardsim.Type) (*cardsim.Card, error) {
	return cardsim.New(cardsim.Options{Type: t})
}

// imitation is a card on which somebody made an application with our AID and
// keys of his own (all zero here): with a UID of its own it is a stranger,
// with that of a badge it is a clone. A factory card lets anyone do that.
func imitation(ctx context.Context, uid []byte, aid desfire.AID) (*cardsim.Card, error) {
	c, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: uid})
	if err != nil {
		return nil, err
	}
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.PICC))
	b.Seal(desfire.PlainSession{}, desfire.CreateApplication(desfire.Application{
		AID: aid, Rights: 0x0B, KeyCount: 8, KeyType: desfire.KeyTypeAES,
	}))
	run, err := b.Commands()
	if err != nil {
		return nil, err
	}
	if err := b.Open(c.Transmit(ctx, run)); err != nil {
		return nil, fmt.Errorf("imitate a badge: %w", err)
	}
	return c, nil
}
