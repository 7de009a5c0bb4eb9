package cardsim

import (
	"bytes"
	"testing"
)

// TestISONames: identifiers and names in the native commands and in SELECT.
func TestISONames(t *testing.T) {
	c := newClient(t)
	c.must(modeMAC, 0, 0xCA, unhex(t, "010203 0F A1 10E1 D2760000850101")...)
	c.must(modeMAC, 0, 0xCA, unhex(t, "040506 0F 81")...)
	c.must(modeMAC, 0, 0xCA, unhex(t, "070809 0F 81 11E1")...)
	for name, p := range map[string]string{
		"identifier": "0A0B0C 0F 81 10E1 414243", "name": "0A0B0C 0F 81 12E1 D2760000850101",
	} {
		if _, st := c.plain(0xCA, unhex(t, p)); st != statusDuplicate {
			t.Errorf("duplicate %s: 91%02X", name, byte(st))
		}
	}
	expect(t, c.card, "906D000000", "010203 10E1 D2760000850101 91AF")
	expect(t, c.card, "90AF000000", "070809 11E1 9100")
	for command, want := range map[string]string{
		"00A4040C07D276000085010100": "9000", "00A4000002E11000": "9000", // one application
		"00A404000341424300": "6A82", "00A400000210E100": "6A82",
	} {
		expect(t, c.card, "905A00000300000000", "9100")
		expect(t, c.card, command, want)
		if selected := bytes.Equal(c.card.app.AID, []byte{1, 2, 3}); selected != (want == "9000") {
			t.Errorf("%s selects %X", command, []byte(c.card.app.AID))
		}
	}
}

func TestISOFiles(t *testing.T) {
	c := newClient(t)
	c.must(modeMAC, 0, 0xCA, unhex(t, "010203 0F A1 10E1 D2760000850101")...)
	c.selectApp(1, 2, 3)
	c.must(modeMAC, 0, 0xCD, unhex(t, "01 03E1 00 EEEE 0F0000")...)
	c.must(modeMAC, 0, 0xC1, unhex(t, "02 04E1 00 EEEE 0F0000 020000")...)
	c.must(modeMAC, 0, 0xCC, unhex(t, "03 00 EEEE 00000000 00000000 00000000 00")...)
	if got := c.must(modeMAC, 0, 0x61); !bytes.Equal(got, unhex(t, "03E1 04E1")) {
		t.Errorf("identifiers %X", got)
	}
	if got := c.must(modeMAC, 0, 0x45); !bytes.Equal(got, unhex(t, "0FA1")) {
		t.Errorf("key settings %X", got)
	}
	for p, want := range map[string]status{
		"04 03E1 00 EEEE 0F0000": statusDuplicate, "04 003F 00 EEEE 0F0000": statusParameter, "04 00 EEEE 0F0000": statusLength,
	} {
		if _, st := c.plain(0xCD, unhex(t, p)); st != want {
			t.Errorf("%s: 91%02X, want 91%02X", p, byte(st), byte(want))
		}
	}
	other := newClient(t)
	other.refused(statusDenied, modeMAC, 0, 0x61)
	other.app(0x0F, 1)
	other.refused(statusDenied, modeMAC, 0, 0x61)
}

// TestDFNamesInSession: recorded EV1 cards answered C1, later ones list.
func TestDFNamesInSession(t *testing.T) {
	for product, want := range map[Type]status{EV1: statusCardIntegrity, EV3: statusOK} {
		c := newClientOf(t, product)
		c.must(modeMAC, 0, 0xCA, unhex(t, "010203 0F A1 10E1 D2760000850101")...)
		s := c.authISO(zeroKey)
		s.mac([]byte{0x6D})
		got, st := c.plain(0x6D, nil)
		if st != want || want == statusOK && !bytes.Equal(got[12:], s.mac(append(bytes.Clone(got[:12]), 0))) {
			t.Errorf("%s: %X 91%02X", product, got, byte(st))
		}
	}
}

// TestMoreRights: further sets of access rights, EV2 on.
func TestMoreRights(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 4)
	c.must(modeMAC, 0, 0xCD, 1, 3, 0x00, 0x11, 4, 0, 0)
	c.mustAuth(0, zeroKey)
	c.must(modeFull, 1, 0x5F, unhex(t, "01 83 0011 02 FF3F FFF2")...)
	if got := c.must(modeMAC, 0, 0xF5, 1); !bytes.Equal(got, unhex(t, "00 83 0011 040000 02 FF3F FFF2")) {
		t.Errorf("settings %X", got)
	}
	for key, want := range map[byte][2]status{1: {0, 0}, 2: {statusDenied, 0}, 3: {0, statusDenied}} {
		for i, command := range [][]byte{unhex(t, "BD01000000000000"), unhex(t, "3D0100000001000055")} {
			c.mustAuth(key, zeroKey)
			m := modeFull
			if want[i] != statusOK {
				m = modePlain
			}
			if _, st := c.do(m, 7, command[0], command[1:]); st != want[i] {
				t.Errorf("key %d, INS %02X: 91%02X", key, command[0], byte(st))
			}
		}
	}
	for p, want := range map[string]status{
		"01 83 0011": statusLength, "01 83 0011 02 FF3F": statusLength, "01 03 0011 01 FF3F": statusLength,
		"01 83 0011 01 FF9F": statusNoSuchKey, "01 83 0011 08" + dots(16): statusParameter, "01 83 0011 00": statusOK,
	} {
		c.mustAuth(0, zeroKey)
		if _, st := c.do(modeFull, 1, 0x5F, unhex(t, p)); st != want {
			t.Errorf("%s: 91%02X, want 91%02X", p, byte(st), byte(want))
		}
	}
	old := newClientOf(t, EV1)
	old.app(0x0F, 1)
	old.refused(statusParameter, modeMAC, 0, 0xCD, 1, 0x83, 0x00, 0x11, 4, 0, 0)
}
