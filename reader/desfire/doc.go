// Package desfire is the PCD's side of the MIFARE DESFire protocol: its
// commands, the handshakes that open a session, and EV2 secure messaging (NXP
// NT4H2421Gx §9 and AN12343, which DESFire EV2, EV3 and Light share), together
// with the little of EV1 messaging that a factory card needs.
//
// The package does no I/O. A Session seals a Command into command APDUs, and
// the Sealed command opens the answer:
//
//	var b desfire.Batch
//	uid := b.Seal(session, desfire.GetCardUID())
//	free := b.Seal(session, desfire.FreeMemory())
//	for !b.Done() {
//		run, err := b.Commands()
//		...
//		if err := b.Open(card.Transmit(ctx, run)); err != nil { ... }
//	}
//
// A command states its communication mode and nothing else about security;
// secure messaging is applied in Session.Seal and Sealed.Open, and the answer's
// MAC is verified before anything is deciphered. Any failure ends the session,
// as it does on the card: every later Seal and Open gives ErrSessionOver.
//
// Sessions and what they seal are not safe for concurrent use.
package desfire
