// Package desfire is the PCD's side of the MIFARE DESFire protocol: its
// commands, the handshakes that open a session, and secure messaging of every
// generation: EV2 (NXP NT4H2421Gx §9 and AN12343, which DESFire EV2, EV3 and
// Light share), EV1, and D40 of the first cards, which has no public standard
// left and follows recorded exchanges and the programs that work (see
// docs/card-choices.md for where they disagree).
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
// secure messaging is applied in Session.Seal and Sealed.Open. An EV2 answer's
// MAC is verified before anything is deciphered; EV1 and D40 put a CRC inside
// the enciphered data instead. Any failure ends the session, as it does on the
// card: every later Seal and Open gives ErrSessionOver.
//
// Sessions and what they seal are not safe for concurrent use.
package desfire
