package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// DFName is an application with an ISO name, as GetDFNames lists it.
type DFName struct {
	AID       AID
	ISOFileID uint16
	Name      []byte // 0 to 16 bytes
}

const maxDFName = 16

// GetDFNames is 6D: the applications that have an ISO name, one in each frame.
// ParseDFNames reads the answer.
//
// Every session refuses it with ErrCommand. An EV1 card was seen to disable
// itself for good when it was asked inside a session (desfire-facts §8.3), and
// what is listed is free to read on a card with FreeListing. proxmark3 lists
// the command with a MAC; the risk of a dead badge decides.
func GetDFNames() Command {
	return Command{INS: apdu.INSGetDFNames, Mode: MACed, listing: true}
}

// ParseDFNames reads the answer to GetDFNames, in each frame AID(3) ‖ ISOFID(2,
// LSB first) ‖ name. It takes the command itself, because only its frames tell
// where a name ends.
func ParseDFNames(x *Sealed) ([]DFName, error) {
	var names []DFName
	for _, b := range x.entries() {
		if len(b) == 0 && len(x.starts) == 1 {
			return nil, nil // no application has a name
		}
		if len(b) < 5 || len(b) > 5+maxDFName {
			return nil, lengthError(apdu.INSGetDFNames, b, "5 to 21 in each frame")
		}
		names = append(names, DFName{AID: AID(b), ISOFileID: binary.LittleEndian.Uint16(b[3:]), Name: b[5:]})
	}
	return names, nil
}
