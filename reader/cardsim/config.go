package cardsim

import (
	"bytes"
	"encoding/binary"
)

// insSetConfiguration is known to the secure messaging as well: the padding of
// option 02 differs from all others.
const (
	insSetConfiguration byte = 0x5C
	configATS           byte = 0x02
)

// Bits of SetConfiguration option 00. They are set for good.
const (
	configNoFormat byte = 1 << 0
	configRandomID byte = 1 << 1
)

// Bits of SetConfiguration option 04. They are set for good as well.
const (
	messagingNoD40   byte = 1 << 0 // no Authenticate (0A)
	messagingNoEV1   byte = 1 << 1 // no AuthenticateISO (1A) and AuthenticateAES (AA)
	messagingNoChain byte = 1 << 2 // no protected write in several native frames
)

// failLimits rule the counters of failed authentications (NT4H2421Gx table 50).
type failLimits struct {
	Enabled   bool `json:"enabled"`
	Limit     int  `json:"limit"`     // failures in total that lock a key
	Decrement int  `json:"decrement"` // failures that one success forgives
}

func defaultLimits() failLimits { return failLimits{true, 1000, 10} }

// setConfiguration is 5C: option and data, under the PICC master key. Options
// of other products (05, 06, 08, 09, 0B, 0C), and 03 whose SAK no PC/SC reader
// shows, are not simulated.
func (c *Card) setConfiguration(p []byte) reply {
	if st := c.needPICCMaster(); st != statusOK {
		return fail(st)
	}
	option, data := p[0], p[1:]
	switch {
	case option == 0x00:
		return c.configure(data)
	case option == 0x01:
		return c.setDefaultKey(data)
	case option == configATS:
		return c.setATS(data)
	case option == 0x04 && c.state.Type.isEV2():
		return c.setMessaging(data)
	case option == 0x0A && c.state.Type.isEV2():
		return c.setLimits(data)
	}
	return fail(statusParameter)
}

// configure is option 00, one byte. Bits 2 and 3 of EV2 (mandatory proximity
// check and virtual card) are not simulated. 0 leaves a bit as it is.
func (c *Card) configure(data []byte) reply {
	if len(data) != 1 {
		return fail(statusLength)
	}
	if data[0]&^(configNoFormat|configRandomID) != 0 {
		return fail(statusParameter)
	}
	c.state.Config |= data[0]
	c.dirty = true
	return reply{}
}

// setDefaultKey is option 01: the key of new applications, 24 bytes, and its
// version.
func (c *Card) setDefaultKey(data []byte) reply {
	if len(data) != 25 {
		return fail(statusLength)
	}
	c.state.DefaultKey, c.state.DefaultVersion, c.dirty = bytes.Clone(data[:24]), data[24], true
	return reply{}
}

// setATS is option 02. The card shows it from its next activation on.
func (c *Card) setATS(data []byte) reply {
	if len(data) == 0 || int(data[0]) != len(data) {
		return fail(statusLength)
	}
	if !ats(data).valid(products[c.state.Type].fsci) {
		return fail(statusParameter)
	}
	c.state.ATS, c.dirty = bytes.Clone(data), true
	return reply{}
}

// setMessaging is option 04, two bytes. Sources leave their order open: here
// the least significant byte comes first, as everywhere, and a bit in the other
// one is refused.
func (c *Card) setMessaging(data []byte) reply {
	if len(data) != 2 {
		return fail(statusLength)
	}
	if data[0]&^(messagingNoD40|messagingNoEV1|messagingNoChain) != 0 || data[1] != 0 {
		return fail(statusParameter)
	}
	c.state.Messaging |= data[0]
	c.dirty = true
	return reply{}
}

// setLimits is option 0A: option (bit 0 counts at all), limit (2), decrement (2).
func (c *Card) setLimits(data []byte) reply {
	if len(data) != 5 {
		return fail(statusLength)
	}
	l := failLimits{data[0] == 1, int(binary.LittleEndian.Uint16(data[1:])), int(binary.LittleEndian.Uint16(data[3:]))}
	if data[0] > 1 || l.Limit == 0 {
		return fail(statusParameter)
	}
	c.state.Limits, c.dirty = l, true
	return reply{}
}
