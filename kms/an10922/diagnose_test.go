package an10922_test

import (
	"errors"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

// TestDiagnose meets both the conformant and the wrong vectors: the wrong ones
// are what Plain is for.
func TestDiagnose(t *testing.T) {
	ran := 0
	for _, v := range loadVectors(t) {
		if v.KeyType != "AES128" {
			continue
		}
		master, m, want := aesKey(t, unhex(t, v.MasterKey)), input(t, unhex(t, v.DivInput)), aesKey(t, unhex(t, v.DiversifiedKey))
		d, err := an10922.Diagnose(master, m)
		if err != nil {
			t.Fatal(err)
		}
		if got := map[bool]key.AES128{true: d.Key, false: d.Plain}[v.Conformant]; !got.Equal(want) {
			t.Errorf("%s: not the vector's key", v.ID)
		}
		if d.Key.Equal(d.Plain) != m.PlainCMAC() || (d.KCV == d.PlainKCV) != m.PlainCMAC() {
			t.Errorf("%s: with %d bytes the two forms agree: %t", v.ID, m.Len(), d.Key.Equal(d.Plain))
		}
		if d.MasterKCV != an10922.CheckValue(master) || d.KCV != an10922.CheckValue(want) && v.Conformant {
			t.Errorf("%s: check values %s and %s", v.ID, d.MasterKCV, d.KCV)
		}
		ran++
	}
	if ran < 8 {
		t.Errorf("only %d vectors ran", ran)
	}
	wrong := new(an10922.LengthError)
	if _, err := an10922.Diagnose(key.AES128{}, an10922.M{}); !errors.As(err, &wrong) {
		t.Errorf("zero input: %v", err)
	}
}
