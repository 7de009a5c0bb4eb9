package desfire

import (
	"encoding/hex"
	"fmt"
	"strings"

	"badgekms/reader/apdu"
)

// AID is an application identifier in wire order, which is least significant
// byte first: the application that documents call 0xF54230 is 30 42 F5. It is
// what diversification uses too.
type AID [3]byte

// PICC is the card level, AID 000000.
var PICC AID

// ParseAID reads 6 hexadecimal digits in wire order.
func ParseAID(s string) (AID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(AID{}) {
		return AID{}, fmt.Errorf("AID %q: want 6 hexadecimal digits, in the order of the bytes on the wire", s)
	}
	return AID(b), nil
}

// String gives 6 upper-case hexadecimal digits in wire order.
func (a AID) String() string { return strings.ToUpper(hex.EncodeToString(a[:])) }

// MarshalText implements encoding.TextMarshaler as String does.
func (a AID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler as ParseAID does.
func (a *AID) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAID(string(text))
	return err
}

// SelectApplication is 5A AID(3). It travels in clear and ends any session,
// even when the same application is selected again (NT4H2421Gx §10.3;
// desfire-facts §2).
func SelectApplication(a AID) Command {
	return Command{INS: apdu.INSSelectApplication, Header: a[:], Mode: Plain, Frames: 1, EndsSession: true}
}

// GetApplicationIDs is 6A; ParseAIDs reads its answer, AID(3) for each
// application, in as many frames as the card needs.
func GetApplicationIDs() Command {
	return Command{INS: apdu.INSGetApplicationIDs, Mode: MACed}
}

// ParseAIDs reads the answer to GetApplicationIDs.
func ParseAIDs(data []byte) ([]AID, error) {
	if len(data)%len(AID{}) != 0 {
		return nil, lengthError(apdu.INSGetApplicationIDs, data, "a multiple of 3")
	}
	aids := make([]AID, 0, len(data)/len(AID{}))
	for ; len(data) > 0; data = data[len(AID{}):] {
		aids = append(aids, AID(data[:len(AID{})]))
	}
	return aids, nil
}

// lengthError is the error of a parser for data of another length than want.
func lengthError(ins apdu.INS, data []byte, want string) error {
	return fmt.Errorf("%s: %w: %d bytes, want %s", ins, ErrAnswer, len(data), want)
}
