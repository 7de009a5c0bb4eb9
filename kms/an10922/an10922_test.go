package an10922_test

import (
	"bytes"
	"crypto/aes"
	"errors"
	"fmt"
	"strings"
	"testing"

	aeadcmac "github.com/aead/cmac"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

func TestNewM(t *testing.T) {
	long := bytes.Repeat([]byte{0xA5}, 40)
	for n := range 40 {
		m, err := an10922.NewM(long[:n])
		if n < 1 || n > 31 {
			wrong := new(an10922.LengthError)
			if !errors.As(err, &wrong) || wrong.Len != n || !strings.Contains(err.Error(), "1 to 31 bytes") {
				t.Errorf("%d bytes: error %v, want a LengthError that says what is allowed", n, err)
			}
			if m != (an10922.M{}) {
				t.Errorf("%d bytes: an M in spite of the error", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if m.Len() != n || !bytes.Equal(m.Bytes(), long[:n]) || !bytes.Equal(m.Message(), append([]byte{1}, long[:n]...)) {
			t.Errorf("%d bytes: Len %d, Bytes %x, Message %x", n, m.Len(), m.Bytes(), m.Message())
		}
		if m.PlainCMAC() != (n >= 16) {
			t.Errorf("%d bytes: PlainCMAC %t", n, m.PlainCMAC())
		}
	}
}

func TestMDoesNotShareMemory(t *testing.T) {
	b := []byte{1, 2, 3}
	m := input(t, b)
	b[0] = 9
	m.Bytes()[1] = 9
	m.Message()[1] = 9
	if !bytes.Equal(m.Bytes(), []byte{1, 2, 3}) {
		t.Errorf("M changed to %x", m.Bytes())
	}
}

func TestZeroMIsRefused(t *testing.T) {
	master := an10922.NewMaster(key.AES128{})
	dst := [key.Size]byte{0xEE}
	wrong := new(an10922.LengthError)
	if err := master.DeriveInto(&dst, an10922.M{}); !errors.As(err, &wrong) || dst != [key.Size]byte{0xEE} {
		t.Errorf("DeriveInto: error %v, buffer %x", err, dst)
	}
	if _, err := master.Derive(an10922.M{}); !errors.As(err, &wrong) {
		t.Errorf("Derive: error %v", err)
	}
}

// TestPlainCMACBoundary shows what PlainCMAC is about: from 16 bytes on the
// ordinary CMAC gives the same key, below it does not.
func TestPlainCMACBoundary(t *testing.T) {
	k := aesKey(t, unhex(t, "00112233445566778899AABBCCDDEEFF"))
	for n := 1; n <= 31; n++ {
		m := input(t, bytes.Repeat([]byte{0x5A}, n))
		plain, err := aeadcmac.Sum(m.Message(), k.Block(), key.Size)
		if err != nil {
			t.Fatal(err)
		}
		got := derive(t, k, m)
		if bytes.Equal(got, plain) != m.PlainCMAC() {
			t.Errorf("%d bytes: equal to plain CMAC: %t, PlainCMAC says %t", n, bytes.Equal(got, plain), m.PlainCMAC())
		}
	}
}

func derive(t testing.TB, k key.AES128, m an10922.M) []byte {
	t.Helper()
	master := an10922.NewMaster(k)
	var dst [key.Size]byte
	if err := master.DeriveInto(&dst, m); err != nil {
		t.Fatal(err)
	}
	byValue, err := master.Derive(m)
	if err != nil || !byValue.Equal(aesKey(t, dst[:])) {
		t.Fatalf("Derive and DeriveInto differ for %v (error %v)", m, err)
	}
	return dst[:]
}

// TestEveryBitMatters derives with each bit of M, and each length, changed.
func TestEveryBitMatters(t *testing.T) {
	k := aesKey(t, unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"))
	seen := map[string]string{}
	check := func(what string, b []byte) {
		got := string(derive(t, k, input(t, b)))
		if other, twice := seen[got]; twice {
			t.Errorf("%s and %s give the same key", what, other)
		}
		seen[got] = what
	}
	for n := 1; n <= 31; n++ {
		check(fmt.Sprintf("%d zeros", n), make([]byte, n))
		for bit := range 8 * n {
			b := make([]byte, n)
			b[bit/8] = 0x80 >> (bit % 8)
			check(fmt.Sprintf("%d bytes, bit %d", n, bit), b)
		}
	}
}

func TestCheckValue(t *testing.T) {
	for _, text := range []string{"00000000000000000000000000000000", "2B7E151628AED2A6ABF7158809CF4F3C"} {
		k := aesKey(t, unhex(t, text))
		block, err := aes.NewCipher(unhex(t, text))
		if err != nil {
			t.Fatal(err)
		}
		want, err := aeadcmac.Sum(make([]byte, 16), block, 16)
		if err != nil {
			t.Fatal(err)
		}
		got := an10922.CheckValue(k)
		if !bytes.Equal(got[:], want[:5]) {
			t.Errorf("%s: check value %s, want %X", text, got, want[:5])
		}
		var back an10922.KCV
		printed, err := got.MarshalText()
		if err != nil || back.UnmarshalText(bytes.ToLower(printed)) != nil || back != got {
			t.Errorf("%s does not survive its text form", got)
		}
	}
}

func TestCheckValueText(t *testing.T) {
	for _, text := range []string{"", "00", "00112233", "001122334455", "0011223G44", "0x00112233"} {
		if err := new(an10922.KCV).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as a check value", text)
		}
	}
}

func TestNeverPrints(t *testing.T) {
	k := aesKey(t, unhex(t, "00112233445566778899AABBCCDDEEFF"))
	master := an10922.NewMaster(k)
	m := input(t, unhex(t, "04782E21801D80"))
	holder := struct {
		Master *an10922.Master
		M      an10922.M
	}{master, m}
	for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
		text := strings.ToUpper(fmt.Sprintf(verb+" "+verb+" "+verb, master, m, holder))
		for _, secret := range []string{"00112233", "04782E", "4 120 46", "4, 0X78"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s prints %s: %s", verb, secret, text)
			}
		}
	}
}

func TestDeriveIntoAllocatesNothing(t *testing.T) {
	master := an10922.NewMaster(key.AES128{})
	m := input(t, make([]byte, 26))
	dst := new([key.Size]byte)
	if n := testing.AllocsPerRun(200, func() {
		if err := master.DeriveInto(dst, m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
