package cardsim

import "slices"

// authKey picks the key of a handshake's first part and checks that the card
// will use it now. An AES key that failed too often in a row delays the attempt.
func (c *Card) authKey(number byte, types ...keyType) (*key, status) {
	k := c.app.key(number)
	switch {
	case k == nil:
		return nil, statusNoSuchKey
	case !slices.Contains(types, k.Type):
		return nil, statusAuthentication
	case k.locked(c.state.Limits):
		return nil, statusDenied
	case c.delays < k.delayFrames():
		c.delays++
		return nil, statusAuthDelay
	}
	c.delays = 0
	return k, statusOK
}

// judge counts the outcome of a handshake and tells its status. EV1 cards do
// not count.
func (c *Card) judge(k *key, genuine bool) status {
	counts := c.state.Type.isEV2() && c.state.Limits.Enabled
	if !genuine {
		c.dirty = counts && k.failed(c.state.Limits) || c.dirty
		return statusAuthentication
	}
	c.dirty = counts && k.succeeded(c.state.Limits) || c.dirty
	return statusOK
}

// proof is the last answer's RndA', as it should be or as a fault makes it.
func (c *Card) proof(rndA []byte) []byte {
	out := rotate(rndA)
	if c.faults.WrongProof {
		out[0] ^= 1
	}
	return out
}

// authenticateD40 is the legacy 0A, for DES and two-key triple DES keys:
// KeyNo -> E(RndB); D(RndA ‖ RndB') -> E(RndA'), each message from a zero IV.
func (c *Card) authenticateD40(p []byte) outcome {
	if c.state.Messaging&messagingNoD40 != 0 {
		return outcome{status: statusDenied}
	}
	if len(p) != 1 {
		return outcome{status: statusLength}
	}
	k, st := c.authKey(p[0], type2TDEA)
	if st != statusOK {
		return outcome{status: st}
	}
	c.session = nil
	b, zero := k.block(), make([]byte, 8)
	rndB := c.draw(make([]byte, 8))
	c.next = func(token []byte) outcome {
		if len(token) != 16 {
			return outcome{status: statusLength}
		}
		plain := decipherD40(b, token)
		if st := c.judge(k, equal(plain[8:], rotate(rndB))); st != statusOK {
			return outcome{status: st}
		}
		c.session = &d40{number: p[0], block: newBlock(k.Type, ev1SessionKey(k, plain[:8], rndB))}
		return outcome{data: encipher(b, zero, c.proof(plain[:8]))}
	}
	return outcome{encipher(b, zero, rndB), statusMore}
}

// authenticateISO is 1A, for DES keys; authenticateAES is AA. Both give the EV1
// secure messaging.
func (c *Card) authenticateISO(p []byte) outcome {
	return c.authenticateEV1(p, type2TDEA, type3TDEA)
}

func (c *Card) authenticateAES(p []byte) outcome {
	return c.authenticateEV1(p, typeAES)
}

// authenticateEV1 is KeyNo -> E(RndB); E(RndA ‖ RndB') -> E(RndA'), one CBC
// chain through all three.
func (c *Card) authenticateEV1(p []byte, types ...keyType) outcome {
	if c.state.Messaging&messagingNoEV1 != 0 {
		return outcome{status: statusDenied}
	}
	if len(p) != 1 {
		return outcome{status: statusLength}
	}
	k, st := c.authKey(p[0], types...)
	if st != statusOK {
		return outcome{status: st}
	}
	c.session = nil
	b, n := k.block(), k.nonceLength()
	rndB := c.draw(make([]byte, n))
	challenge := encipher(b, make([]byte, b.BlockSize()), rndB)
	c.next = func(token []byte) outcome {
		if len(token) != 2*n {
			return outcome{status: statusLength}
		}
		plain := decipher(b, lastBlock(challenge, b.BlockSize()), token)
		rndA := plain[:n]
		if st := c.judge(k, equal(plain[n:], rotate(rndB))); st != statusOK {
			return outcome{status: st}
		}
		c.session = newEV1(p[0], newBlock(k.Type, ev1SessionKey(k, rndA, rndB)))
		return outcome{data: encipher(b, lastBlock(token, b.BlockSize()), c.proof(rndA))}
	}
	return outcome{challenge, statusMore}
}

func lastBlock(data []byte, block int) []byte { return data[len(data)-block:] }

// ev1SessionKey takes pieces of 4 bytes out of both nonces, by the key's type.
func ev1SessionKey(k *key, a, b []byte) []byte {
	var from []int
	switch {
	case k.Type == typeAES:
		from = []int{0, 12}
	case k.Type == type3TDEA:
		from = []int{0, 6, 12}
	case k.isSingleDES():
		from = []int{0}
	default:
		from = []int{0, 4}
	}
	var out []byte
	for _, i := range from {
		out = append(append(out, a[i:i+4]...), b[i:i+4]...)
	}
	return out
}

// authenticateEV2First is 71: KeyNo LenCap [PCDcap2, 1 to 6 bytes]. It draws
// the transaction identifier and sets the command counter to 0. A request for
// LRP is answered in plain EV2, as a card does that is not in LRP mode.
func (c *Card) authenticateEV2First(p []byte) outcome {
	if len(p) < 2 || p[1] > 6 || len(p) != 2+int(p[1]) {
		return outcome{status: statusLength}
	}
	caps := make([]byte, 6)
	copy(caps, p[2:])
	return c.handshakeEV2(p[0], func(k *key, rndA, rndB []byte) (*ev2, []byte) {
		var ti [4]byte
		c.draw(ti[:])
		pdCaps := make([]byte, 6)
		return newEV2(p[0], k, rndA, rndB, ti, 0), slices.Concat(ti[:], c.proof(rndA), pdCaps, caps)
	})
}

// authenticateEV2NonFirst is 77: KeyNo, only within an EV2 session, whose
// transaction identifier and command counter it keeps.
func (c *Card) authenticateEV2NonFirst(p []byte) outcome {
	if len(p) != 1 {
		return outcome{status: statusLength}
	}
	before, ok := c.session.(*ev2)
	if !ok {
		return outcome{status: statusDenied}
	}
	return c.handshakeEV2(p[0], func(k *key, rndA, rndB []byte) (*ev2, []byte) {
		return newEV2(p[0], k, rndA, rndB, before.ti, before.counter), c.proof(rndA)
	})
}

// handshakeEV2 is what First and NonFirst share: each message enciphered from
// a zero IV, without padding (NT4H2421Gx §9.1.5). finish makes the session and
// the plaintext of the last answer.
func (c *Card) handshakeEV2(number byte, finish func(k *key, rndA, rndB []byte) (*ev2, []byte)) outcome {
	k, st := c.authKey(number, typeAES)
	if st != statusOK {
		return outcome{status: st}
	}
	c.session = nil
	b, zero := k.block(), make([]byte, 16)
	rndB := c.draw(make([]byte, 16))
	c.next = func(token []byte) outcome {
		if len(token) != 32 {
			return outcome{status: statusLength}
		}
		plain := decipher(b, zero, token)
		if st := c.judge(k, equal(plain[16:], rotate(rndB))); st != statusOK {
			return outcome{status: st}
		}
		s, last := finish(k, plain[:16], rndB)
		c.session = s
		return outcome{data: encipher(b, zero, last)}
	}
	return outcome{encipher(b, zero, rndB), statusMore}
}
