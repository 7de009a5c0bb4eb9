package desfire_test

import (
	"context"
	"fmt"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
)

// cardOnDesk answers GetVersion as an EV3 card with 2 KiB did.
func cardOnDesk() reader.Card {
	frames := []string{
		"\x04\x01\x01\x33\x00\x16\x05\x91\xAF",
		"\x04\x01\x01\x03\x00\x16\x05\x91\xAF",
		"\x04\x59\x7A\x32\x50\x14\x90\x20\x46\x64\x30\x30\x48\x22\x91\x00",
	}
	return reader.Exchange(func(context.Context, []byte) ([]byte, error) {
		frame := frames[0]
		frames = frames[1:]
		return []byte(frame), nil
	})
}

// Commands are sealed, sent in one run, and opened in order.
func ExampleBatch() {
	card := cardOnDesk()
	var b desfire.Batch
	sealed := b.Seal(desfire.PlainSession{}, desfire.GetVersion())
	for !b.Done() {
		run, err := b.Commands()
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := b.Open(card.Transmit(context.Background(), run)); err != nil {
			fmt.Println(err)
			return
		}
	}
	version, err := desfire.ParseVersion(sealed.Data())
	fmt.Println(version, err)
	// Output: DESFire EV3 2K <nil>
}

// A card's refusal says what happened and what to do; programs ask for the
// status with errors.Is.
func ExampleCommandError() {
	refusing := reader.Exchange(func(context.Context, []byte) ([]byte, error) { return []byte{0x91, 0xA0}, nil })
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.AID{0xF0, 0x32, 0xF5}))
	run, _ := b.Commands()
	err := b.Open(refusing.Transmit(context.Background(), run))
	fmt.Println(err)
	fmt.Println(apdu.Run{Commands: run, Responses: []reader.Response{{SW: 0x91A0}}})
	// Output:
	// card command 1 of 1: SelectApplication (5A): the card answered 91A0 APPLICATION_NOT_FOUND: the card has no application of that AID; the badge is not encoded for this system: enrol it
	// SelectApplication (3 bytes): 91A0 (0 bytes)
}
