package cardsim

import (
	"bytes"
	"slices"
	"testing"
)

// TestVersions: what GetVersion and FreeMemory say of each product and size.
func TestVersions(t *testing.T) {
	for _, v := range []struct {
		product Type
		memory  int
		want    string // hardware and software part
	}{
		{EV1, 0, "04010101001A05 04010101041A05"},
		{EV1, 4096, "04010101001805 04010101041805"},
		{EV2, 0, "04010112001A05 04010102001A05"},
		{EV2XL, 0, "04010122001C05 04010102021C05"},
		{EV2XL, 32768, "04010122001E05 04010102021E05"},
		{EV3, 2048, "04010133001605 04010103001605"},
	} {
		card, err := New(Options{Type: v.product, Memory: v.memory})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, card: card}
		if got := c.must(modeMAC, 0, 0x60); !bytes.Equal(got[:14], unhex(t, v.want)) {
			t.Errorf("%s %d: %X", v.product, v.memory, got)
		}
		storage, _ := v.product.storageOf(v.memory)
		if got := uint24(c.must(modeMAC, 0, 0x6E)); got != memorySize(storage) || v.memory != 0 && got != v.memory {
			t.Errorf("%s %d: %d bytes free", v.product, v.memory, got)
		}
	}
	for product, memory := range map[Type]int{EV1: 16384, EV2XL: 8192, EV3: 1} {
		if _, err := New(Options{Type: product, Memory: memory}); err == nil {
			t.Errorf("%s with %d bytes", product, memory)
		}
	}
}

// TestEV1Lacks: what came with EV2 is refused by an EV1 card.
func TestEV1Lacks(t *testing.T) {
	for name, v := range map[string][2]string{
		"AuthenticateEV2First":    {"9071000002000000", "911C"},
		"AuthenticateEV2NonFirst": {"90770000010000", "911C"},
		"ChangeKeyEV2":            {"90C600000400000000 00", "911C"},
		"InitializeKeySet":        {"9056000002010200", "911C"},
		"FinalizeKeySet":          {"9057000002010200", "911C"},
		"RollKeySet":              {"90550000010100", "911C"},
		"Read_Sig":                {"903C0000010000", "911C"},
		"GetDelegatedInfo":        {"906900000200 0000", "911C"},
		"CommitReaderID":          {"90C8000010" + dots(16) + "00", "911C"},
		"ReadData with chaining":  {"90AD00000701000000000000 00", "911C"},
		"second AID":              {"905A00000601020304050600", "917E"},
		"KS3":                     {"90CA00000601020 30F910000", "919E"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, newClientOf(t, EV1).card, v[0], v[1]) })
	}
	expect(t, newClientOf(t, EV2).card, "905A00000601020304050600", "919E")
	expect(t, newClientOf(t, EV2).card, "90690000020000 00", "919D")
	expect(t, newClientOf(t, EV3).card, "90C90000050102030405 00", "919D")

	c := newClientOf(t, EV1)
	for i := range byte(28) {
		c.must(modeMAC, 0, 0xCA, i+1, 0, 0, 0x0F, 0x81)
	}
	c.refused(statusCount, modeMAC, 0, 0xCA, 99, 0, 0, 0x0F, 0x81)
}

// TestEV1NeverLocks: EV1 cards do not count failures.
func TestEV1NeverLocks(t *testing.T) {
	c := newClientOf(t, EV1)
	c.personalise(keyFilled(3))
	for range 2 * seqFailLimit {
		challenge, _ := c.send(0xAA, []byte{0})
		if _, st := c.send(insMore, append(challenge, challenge...)); st != statusAuthentication {
			t.Fatalf("91%02X", byte(st))
		}
	}
	c.authEV1(newKey(typeAES, keyFilled(3), 0), 0xAA)
}

// Test3K3DES: a card master key and an application of three-key triple DES, on
// every product.
func Test3K3DES(t *testing.T) {
	for product := range products {
		t.Run(string(product), func(t *testing.T) {
			c := newClientOf(t, product)
			raw := slices.Concat(keyFilled(0x10), keyFilled(0x20)[:8])
			s := c.authISO(zeroKey)
			plain := padZero(append(bytes.Clone(raw), crc([]byte{0xC4, 0x40}, raw)...), 8)
			if _, st := c.send(0xC4, append([]byte{0x40}, encipher(s.block, s.iv, plain)...)); st != statusOK {
				t.Fatalf("ChangeKey: 91%02X", byte(st))
			}
			k := newKey(type3TDEA, raw, 0)
			e := &ev1Client{c, c.authEV1(k, 0x1A)}
			e.s.mac([]byte{0x45})
			if got := e.must(0x45); !bytes.Equal(got, []byte{0x0F, 0x41}) {
				t.Errorf("key settings %X", got)
			}
			wire := []byte{1, 2, 3, 0x0F, 0x42}
			e.s.mac(append([]byte{0xCA}, wire...))
			e.must(0xCA, wire...)
			c.selectApp(1, 2, 3)
			e = &ev1Client{c, c.authEV1(newKey(type3TDEA, make([]byte, 24), 0), 0x1A)}
			mixed := raw // the old key is zero
			body := padZero(slices.Concat(mixed, crc([]byte{0xC4, 1}, mixed), crc(raw)), 8)
			out := encipher(e.s.block, e.s.iv, body)
			e.s.iv = bytes.Clone(lastBlock(out, 8))
			e.must(0xC4, append([]byte{1}, out...)...)
			if got := c.card.app.Keys[1].Bytes; !bytes.Equal(got, raw) {
				t.Errorf("key 1 is %X", []byte(got))
			}
		})
	}
}
