package cardsim

import "context"

// Faults make a card misbehave, to test what reads its answers. The zero value
// is a card that does its duty.
type Faults struct {
	// WrongProof: the last answer of every handshake has a wrong RndA', as from
	// a card that does not have the key.
	WrongProof bool
	// WrongMAC: what secure messaging protects in an answer has a wrong last bit.
	WrongMAC bool
	// DropWrites: commands that change files answer success and store nothing.
	DropWrites bool
	// KeepOldKey: ChangeKey and ChangeKeyEV2 answer success and store nothing.
	KeepOldKey bool
	// Status has, by instruction code, the second byte of a status word that is
	// answered bare, and the command not carried out. An error ends the
	// session as if it were true.
	Status map[byte]byte
	// Delay is called before each frame is carried out, with its instruction
	// code, and may block; its error is Exchange's, and the card does not see
	// the frame. No lock is held meanwhile, so it may use the Card and its Desk.
	Delay func(ctx context.Context, ins byte) error
}

// Misbehave sets how the card misbehaves from its next frame on. The zero
// Faults end it. Faults are not part of the card's state: Reset leaves them.
func (c *Card) Misbehave(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
}

// wait is the delay of a slow card. The reader's own commands take none.
func (c *Card) wait(ctx context.Context, apdu []byte) error {
	c.mu.Lock()
	delay := c.faults.Delay
	c.mu.Unlock()
	if delay == nil || len(apdu) == 0 || isReaderCommand(apdu) {
		return nil
	}
	ins := apdu[0]
	if (ins == classNative || ins == classISO) && len(apdu) > 1 {
		ins = apdu[1]
	}
	return delay(ctx, ins)
}

// spoil gives a protected answer a wrong last bit, if that is the card's fault.
func (c *Card) spoil(sealed []byte, plain int) []byte {
	if c.faults.WrongMAC && len(sealed) > plain {
		sealed[len(sealed)-1] ^= 1
	}
	return sealed
}
