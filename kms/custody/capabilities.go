package custody

import "badgekms/kms/an10922"

// Mode says how a custody keeps masters.
type Mode string

// The modes of DESIGN.md §6.
const (
	ModeTransitCMAC     Mode = "transit-cmac"
	ModeTransitEnvelope Mode = "transit-envelope"
	ModePKCS11          Mode = "pkcs11"
)

// Origin says how a master came to be, which decides how it can be restored.
type Origin string

// The origins of a master.
const (
	// OriginToken: generated inside the custody; only the maker's own backup
	// restores it.
	OriginToken Origin = "token"
	// OriginCeremony: generated offline and imported; restorable from its
	// shares.
	OriginCeremony Origin = "ceremony"
)

// Capabilities tells what a custody can do.
type Capabilities struct {
	Mode Mode
	// ShortestM is the length in bytes of the shortest input that Derive
	// serves: 1, or 16 for a custody that computes plain CMAC only.
	ShortestM int
	// Origin is the origin of the masters that CreateMaster and Rotate make.
	Origin Origin
}

// CheckInputs refuses inputs that the custody cannot serve, before it is
// called: a *ShortMError for a short M, an *an10922.LengthError for the zero M.
func (c Capabilities) CheckInputs(inputs []an10922.M) error {
	for _, m := range inputs {
		if m.Len() < an10922.MinM {
			return &an10922.LengthError{Len: m.Len()}
		}
		if m.Len() < c.ShortestM {
			return &ShortMError{Mode: c.Mode, Len: m.Len(), Shortest: c.ShortestM}
		}
	}
	return nil
}
