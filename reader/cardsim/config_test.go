package cardsim

import (
	"bytes"
	"slices"
	"testing"
)

// admin is a card with an AES master key, in an EV2 session of it.
func admin(t *testing.T, product Type) *client {
	c := newClientOf(t, product)
	c.personalise(keyFilled(7))
	c.mustAuth(0, keyFilled(7))
	return c
}

// TestATS: a changed ATS shows at the next activation, in the ATR, in the
// reader's GET DATA and in the frames.
func TestATS(t *testing.T) {
	c := admin(t, EV3)
	c.must(modeFull, 1, 0x5C, unhex(t, "02 08 78 77 81 02 80 41 42")...)
	if got := c.card.ATR(); !bytes.Equal(got, unhex(t, "3B8180018080")) {
		t.Errorf("ATR before the reset %X", got)
	}
	c.card.Reset()
	if got := c.card.ATR(); !bytes.Equal(got, unhex(t, "3B8380018041 42 81")) {
		t.Errorf("ATR %X", got)
	}
	expect(t, c.card, "FFCA010000", "8041429000")
	c.app(0x0F, 1)
	c.must(modePlain, 0, 0xCD, 1, 0, 0xEE, 0xEE, 0xF0, 0, 0)
	expect(t, c.card, "3D01000000F00000"+dots(240), "00")
	if got, st := c.send(0xBD, unhex(t, "01000000000000")); st != statusOK || len(got) != 240 {
		t.Errorf("%d bytes in a frame, 91%02X", len(got), byte(st))
	}
}

func TestConfigurationRefused(t *testing.T) {
	for name, v := range map[string]struct {
		product Type
		p       string
		want    status
	}{
		"ATS length":        {EV3, "02 07 75 77 81 02 80", statusLength},
		"ATS frame too big": {EV2, "02 06 78 77 81 02 80", statusParameter},
		"ATS RFU":           {EV3, "02 06 F5 77 81 02 80", statusParameter},
		"ATS cut":           {EV3, "02 02 75", statusParameter},
		"ATS history":       {EV3, "02 15 75 77 81 02" + dots(16), statusParameter},
		"SAK":               {EV3, "03 20 00", statusParameter},
		"messaging length":  {EV3, "04 01", statusLength},
		"messaging RFU":     {EV3, "04 08 00", statusParameter},
		"messaging order":   {EV3, "04 00 01", statusParameter},
		"LRP":               {EV3, "05 00000000020000000000", statusParameter},
		"limits length":     {EV3, "0A 01 E803", statusLength},
		"limits option":     {EV3, "0A 02 E803 0A00", statusParameter},
		"limit 0":           {EV3, "0A 01 0000 0A00", statusParameter},
		"proximity check":   {EV3, "00 04", statusParameter},
	} {
		t.Run(name, func(t *testing.T) {
			admin(t, v.product).refused(v.want, modeFull, 1, 0x5C, unhex(t, v.p)...)
		})
	}
}

// TestEV1ATS: option 02 is padded with 80 00.., behind the CRC.
func TestEV1ATS(t *testing.T) {
	data := unhex(t, "06 75 77 81 02 C0")
	for pad, want := range map[byte]status{0x80: statusOK, 0x00: statusIntegrity} {
		c := &ev1Client{newClientOf(t, EV1), nil}
		c.s = c.authISO(zeroKey)
		plain := padZero(slices.Concat(data, crc([]byte{0x5C, 2}, data), []byte{pad}), 8)
		got, st := c.plain(0x5C, append([]byte{2}, encipher(c.s.block, c.s.iv, plain)...))
		if st != want {
			t.Errorf("padding %02X: %X 91%02X", pad, got, byte(st))
		}
	}
}

// TestMessagingOff: option 04 takes old messaging away for good.
func TestMessagingOff(t *testing.T) {
	c := admin(t, EV2)
	c.must(modeFull, 1, 0x5C, 4, messagingNoD40, 0)
	c.must(modeMAC, 0, 0xCA, 1, 2, 3, 0x0F, 0x01)
	c.selectApp(1, 2, 3)
	expect(t, c.card, "900A0000010000", "919D")
	c.authISO(zeroKey)
	c.selectApp(0, 0, 0)
	c.mustAuth(0, keyFilled(7))
	c.must(modeFull, 1, 0x5C, 4, messagingNoEV1|messagingNoChain, 0)
	c.must(modeFull, 1, 0x5C, 4, 0, 0) // clears nothing
	expect(t, c.card, "90AA0000010000", "919D")
	expect(t, c.card, "901A0000010000", "919D")
	c.mustAuth(0, keyFilled(7))
	c.must(modeMAC, 0, 0xDA, 1, 2, 3)
	c.app(0x0F, 1)
	c.must(modePlain, 0, 0xCD, 1, 1, 0x00, 0x0E, 100, 0, 0)
	long := append([]byte{1, 0, 0, 0, 60, 0, 0}, make([]byte, 60)...)
	c.must(modePlain, 7, 0x3D, long...)
	c.mustAuth(0, zeroKey)
	c.refused(statusLength, modeMAC, 7, 0x3D, long...)
	c.mustAuth(0, zeroKey)
	c.must(modeMAC, 7, 0x8D, long...)
}

// TestFailLimits: option 0A moves the lock, or takes it away.
func TestFailLimits(t *testing.T) {
	c := admin(t, EV3)
	c.must(modeFull, 1, 0x5C, unhex(t, "0A 01 0300 0100")...)
	c.app(0x0F, 1)
	wrong := keyFilled(9)
	c.auth(0, wrong)
	c.mustAuth(0, zeroKey)
	if got := c.card.app.Keys[0].TotFail; got != 0 {
		t.Errorf("%d failures after a success", got)
	}
	for range 3 {
		c.auth(0, wrong)
	}
	if st := c.auth(0, zeroKey); st != statusDenied {
		t.Errorf("91%02X", byte(st))
	}
	c.selectApp(0, 0, 0)
	c.mustAuth(0, keyFilled(7))
	c.must(modeFull, 1, 0x5C, unhex(t, "0A 00 0300 0100")...)
	c.selectApp(1, 2, 3)
	c.mustAuth(0, zeroKey)
}
