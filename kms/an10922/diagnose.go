package an10922

import (
	"badgekms/reader/key"
)

// Diagnosis is what an integrator compares with another vendor's reader: the
// keys for one M, with check values that may be read out in place of the keys.
type Diagnosis struct {
	MasterKCV KCV
	Key       key.AES128 // the daughter key that AN10922 defines
	KCV       KCV
	// Plain is the CMAC of 01 ‖ M as RFC 4493 pads it, which some libraries
	// take for AN10922 (libfreefare issue 91). It differs from Key when M has
	// fewer than 16 bytes; a reader that shows PlainKCV then has this fault.
	Plain    key.AES128
	PlainKCV KCV
}

// Diagnose derives under a test master. The zero M gives a *LengthError.
func Diagnose(master key.AES128, m M) (Diagnosis, error) {
	prepared := NewMaster(master)
	daughter, err := prepared.Derive(m)
	if err != nil {
		return Diagnosis{}, err
	}
	var mac [key.Size]byte
	defer clear(mac[:])
	key.NewCMAC(master.Block()).Sum(mac[:], nil, m.Message())
	plain, err := key.NewAES128(mac[:])
	if err != nil {
		return Diagnosis{}, err
	}
	return Diagnosis{
		MasterKCV: prepared.KCV(),
		Key:       daughter, KCV: CheckValue(daughter),
		Plain: plain, PlainKCV: CheckValue(plain),
	}, nil
}
