package cardsim

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"badgekms/reader"
)

func TestGetVersion(t *testing.T) {
	for product, want := range map[Type][3]string{
		EV2: {"04010112001A05", "04010102001A05", "041122334455 66 BAD6E00001 07 26"},
		EV3: {"04010133001A05", "04010103001A05", "041122334455 66 BAD6E00001 07 26"},
	} {
		c, err := New(Options{Type: product, UID: unhex(t, "04112233445566")})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c, "9060000000", want[0]+"91AF")
		expect(t, c, "90AF000000", want[1]+"91AF")
		expect(t, c, "90AF000000", want[2]+"9100")
		expect(t, c, "60", "AF"+want[0])
		expect(t, c, "AF", "AF"+want[1])
		expect(t, c, "AF", "00"+want[2])
	}
}

func TestNew(t *testing.T) {
	draw := func() *Card {
		c, err := New(Options{Type: EV2, Rand: rand.NewChaCha8([32]byte{1})})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := draw(), draw()
	if uid := a.UID(); uid[0] != 0x04 || !bytes.Equal(uid, b.UID()) || a.Type() != EV2 {
		t.Errorf("UIDs %X and %X from the same source, type %s", uid, b.UID(), a.Type())
	}
	challenge := func(c *Card) []byte {
		raw, err := c.Exchange(t.Context(), []byte{0x1A, 0x00})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if x, y := challenge(a), challenge(b); !bytes.Equal(x, y) {
		t.Errorf("challenges %X and %X from the same source", x, y)
	}
	for name, ok := range map[string]bool{"EV1": true, "EV2": true, "EV2XL": true, "EV3": true, "EV4": false, "": false, "ev2": false} {
		if _, err := ParseType(name); (err == nil) != ok {
			t.Errorf("ParseType(%q): %v", name, err)
		}
	}
}

// TestFraming: what reaches the card in another form than it should.
func TestFraming(t *testing.T) {
	for _, v := range []struct{ name, command, want string }{
		{"empty", "", "6700"},
		{"wrapped without Le", "905A000003000000", "6700"},
		{"wrapped, Le not zero", "906000000001", "6700"},
		{"wrapped, Lc too long", "905A00000400000000", "6700"},
		{"wrapped, Lc too short", "905A00000200000000", "6700"},
		{"wrapped, P1", "9060010000", "6A86"},
		{"wrapped, header only", "90600000", "6700"},
		{"wrapped, unknown", "9001000000", "911C"},
		{"wrapped, not simulated", "90F20000010100", "911C"},
		{"native, unknown", "01", "1C"},
		{"native, not simulated", "F600", "1C"},
		{"continuation of nothing", "90AF000000", "911C"},
		{"select card level by DF name", "00A4040C07D276000085010000", "9000"},
		{"the same without Le", "00A4040007D2760000850100", "9000"},
		{"select the NDEF application", "00A4040007D276000085010100", "6A82"},
		{"select PIV", "00A404000BA00000030800001000010000", "6A82"},
		{"select the card level by file identifier", "00A40000023F0000", "9000"},
		{"select an unknown file identifier", "00A4000002E11000", "6A82"},
		{"select a child", "00A40200023F0000", "6A86"},
		{"file identifier, Lc", "00A40000013F00", "6700"},
		{"select, Lc wrong", "00A4040C0AD276000085010000", "6700"},
		{"ISO READ BINARY", "00B0000000", "6D00"},
		{"GlobalPlatform", "80CA9F7F00", "6E00"},
		{"reader: UID", "FFCA000000", "041122334455669000"},
		{"reader: UID, exact Le", "FFCA000007", "041122334455669000"},
		{"reader: UID, Le too short", "FFCA000004", "6C07"},
		{"reader: UID, Le too long", "FFCA00000A", "041122334455666282"},
		{"reader: ATS", "FFCA010000", "809000"},
		{"reader: other", "FFCA020000", "6A81"},
		{"reader: load key", "FF82000000", "6A81"},
	} {
		t.Run(v.name, func(t *testing.T) { expect(t, simCard(t, ""), v.command, v.want) })
	}
}

func TestChains(t *testing.T) {
	c := simCard(t, "")
	t.Run("another command in an open chain", func(t *testing.T) {
		expect(t, c, "9060000000", "04010133001A0591AF")
		expect(t, c, "906E000000", "91CA")
		expect(t, c, "906E000000", "0020009100")
	})
	t.Run("data in the continuation of an answer", func(t *testing.T) {
		expect(t, c, "9060000000", "04010133001A0591AF")
		expect(t, c, "90AF00000100 00", "917E")
		expect(t, c, "90AF000000", "911C")
	})
	t.Run("an open handshake", func(t *testing.T) {
		if raw, err := c.Exchange(t.Context(), unhex(t, "901A0000010000")); err != nil || len(raw) != 10 {
			t.Fatalf("%X, %v", raw, err)
		}
		expect(t, c, "905A00000300000000", "91CA")
		expect(t, c, "905A00000300000000", "9100")
	})
	t.Run("a long write", func(t *testing.T) {
		expect(t, c, "90CA0000050102030F8100", "9100")
		expect(t, c, "905A00000301020300", "9100")
		expect(t, c, "90CD0000070100EEEE40000000", "9100")
		expect(t, c, "903D00000801000000400000 00 00", "91AF")
		expect(t, c, "90AF000000", "917E") // an empty frame would never end
		expect(t, c, "3D01000000400000"+dots(60-8), "AF")
		expect(t, c, "AF"+dots(12), "00")
		expect(t, c, "3D01000000400000"+dots(60-8), "AF")
		expect(t, c, "AF"+dots(13), "7E")
		expect(t, c, "3D01000000400000"+dots(61-8), "7E")
		expect(t, c, "8D01000000400000"+dots(64), "00")
		expect(t, c, "8D01000000400000"+dots(63), "7E")
		expect(t, c, "BD01000000000000", "AF"+dots(59))
		expect(t, c, "AF", "00"+dots(5))
		expect(t, c, "AD01000000000000", "00"+dots(64))
	})
}

// dots is n bytes 2E in hexadecimal.
func dots(n int) string { return string(bytes.Repeat([]byte("2E"), n)) }

func TestManyApplications(t *testing.T) {
	c := newClient(t)
	for i := range byte(20) {
		c.must(modeMAC, 0, 0xCA, i+1, 0, 0, 0x0F, 0x81)
	}
	first, st := c.send(0x6A, nil)
	if st != statusMore || len(first) != 57 {
		t.Fatalf("%d bytes, 91%02X", len(first), byte(st))
	}
	rest, st := c.send(insMore, nil)
	if st != statusOK || !bytes.Equal(rest, []byte{20, 0, 0}) {
		t.Fatalf("%X, 91%02X", rest, byte(st))
	}
}

func TestMemory(t *testing.T) {
	c := newClient(t)
	c.personalise(keyFilled(9))
	free := func() int { return uint24(c.must(modeMAC, 0, 0x6E)) }
	if free() != 8192 {
		t.Fatalf("factory: %d bytes free", free())
	}
	c.app(0x0F, 1)
	before := free()
	c.must(modeMAC, 0, 0xCD, 1, 0, 0xEE, 0xEE, 0x21, 0, 0)
	if before-free() != 64 {
		t.Errorf("a standard file of 33 bytes takes %d", before-free())
	}
	c.must(modeMAC, 0, 0xCB, 2, 0, 0xEE, 0xEE, 0x20, 0, 0)
	if before-free() != 128 {
		t.Errorf("a backup file of 32 bytes takes %d", before-free()-64)
	}
	c.refused(statusOutOfMemory, modeMAC, 0, 0xCB, 3, 0, 0xEE, 0xEE, 0, 0x10, 0)
	c.must(modeMAC, 0, 0xDF, 1)
	if before-free() != 128 {
		t.Error("DeleteFile gave memory back")
	}
	c.selectApp(0, 0, 0)
	c.mustAuth(0, keyFilled(9))
	c.must(modeMAC, 0, 0xDA, 1, 2, 3)
	if free() == 8192 {
		t.Error("DeleteApplication gave memory back")
	}
	c.must(modeMAC, 0, 0xFC)
	if free() != 8192 {
		t.Errorf("after FormatPICC %d bytes are free", free())
	}
}

func TestCreateApplication(t *testing.T) {
	for _, v := range []struct {
		name string
		p    string
		want status
	}{
		{"AES", "0102030F8E", statusOK},
		{"the card level", "0000000F81", statusParameter},
		{"reserved AID", "FFFFFF0F81", statusParameter},
		{"no key", "0102030F80", statusParameter},
		{"15 keys", "0102030F8F", statusParameter},
		{"unknown type", "0102030FC1", statusParameter},
		{"KS3 without key sets", "0102030F9100", statusOK},
		{"virtual card keys", "0102030F9102", statusParameter},
		{"ISO file identifier", "0102030FA110E1", statusOK},
		{"reserved identifier", "0102030FA1003F", statusParameter},
		{"DF name too long", "0102030FA110E1" + strings.Repeat("41", 17), statusLength},
		{"DF name of the card", "0102030FA110E1D2760000850100", statusDuplicate},
		{"short", "0102030F", statusLength},
		{"long", "0102030F8100", statusLength},
		{"there already", "0A0B0C0F81", statusDuplicate},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := newClient(t)
			c.must(modeMAC, 0, 0xCA, unhex(t, "0A0B0C0F81")...)
			c.refused(v.want, modeMAC, 0, 0xCA, unhex(t, v.p)...)
		})
	}
	t.Run("in an application", func(t *testing.T) {
		c := newClient(t)
		c.app(0x0F, 1)
		c.refused(statusDenied, modeMAC, 0, 0xCA, unhex(t, "0A0B0C0F81")...)
	})
}

func TestSelect(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 1)
	c.mustAuth(0, zeroKey)
	c.selectApp(1, 2, 3) // even the same application
	c.refused(statusAuthentication, modeMAC, 0, 0x51)
	c.refused(statusNoApplication, modePlain, 0, 0x5A, 9, 9, 9)
	c.refused(statusParameter, modePlain, 0, 0x5A, 1, 2, 3, 1, 2, 3)
	c.refused(statusLength, modePlain, 0, 0x5A, 1, 2)
}

func TestSetConfiguration(t *testing.T) {
	master := keyFilled(7)
	fresh := func(t *testing.T) *client {
		c := newClient(t)
		c.personalise(master)
		c.mustAuth(0, master)
		return c
	}
	t.Run("no session", func(t *testing.T) {
		newClient(t).refused(statusAuthentication, modeFull, 1, 0x5C, 0, 1)
	})
	t.Run("in an application", func(t *testing.T) {
		c := fresh(t)
		c.app(0x0F, 1)
		c.mustAuth(0, zeroKey)
		c.refused(statusDenied, modeFull, 1, 0x5C, 0, 1)
	})
	for name, v := range map[string]struct {
		p    []byte
		want status
	}{
		"length": {[]byte{0, 1, 2}, statusLength}, "RFU": {[]byte{0, 0x10}, statusParameter},
		"option": {[]byte{5, 0}, statusParameter}, "default key length": {[]byte{1, 0}, statusLength},
	} {
		t.Run(name, func(t *testing.T) { fresh(t).refused(v.want, modeFull, 1, 0x5C, v.p...) })
	}
	t.Run("format frozen", func(t *testing.T) {
		c := fresh(t)
		c.must(modeFull, 1, 0x5C, 0, 1)
		c.must(modeFull, 1, 0x5C, 0, 0) // 0 clears nothing
		c.refused(statusDenied, modeMAC, 0, 0xFC)
	})
	t.Run("random ID", func(t *testing.T) {
		c := fresh(t)
		c.must(modeFull, 1, 0x5C, 0, 2)
		if got := c.must(modeFull, 0, 0x51); !bytes.Equal(got, c.card.UID()) {
			t.Errorf("GetCardUID %X", got)
		}
		c.card.Reset()
		a, err := reader.UID(t.Context(), c.card)
		c.card.Reset()
		b, err2 := reader.UID(t.Context(), c.card)
		if err != nil || err2 != nil || len(a) != 4 || a[0] != 8 || bytes.Equal(a, b) {
			t.Errorf("the reader sees %X, then %X (%v, %v)", a, b, err, err2)
		}
		c.s = nil
		if v := c.must(modePlain, 0, 0x60); !isZero(v[14:21]) {
			t.Errorf("GetVersion shows the UID %X", v[14:21])
		}
	})
	t.Run("default key", func(t *testing.T) {
		c := fresh(t)
		c.must(modeFull, 1, 0x5C, append(append([]byte{1}, keyFilled(0x44)...), append(make([]byte, 8), 0x21)...)...)
		c.app(0x0F, 2)
		if got := c.must(modePlain, 0, 0x64, 1); got[0] != 0x21 {
			t.Errorf("version %02X", got[0])
		}
		c.mustAuth(1, keyFilled(0x44))
	})
}
