package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// CommitTransaction is C7: it makes the writes of the transaction to backup
// files effective.
func CommitTransaction() Command {
	return Command{INS: apdu.INSCommitTransaction, Mode: MACed, Frames: 1}
}

// AbortTransaction is A7: it drops the writes of the transaction.
func AbortTransaction() Command {
	return Command{INS: apdu.INSAbortTransaction, Mode: MACed, Frames: 1}
}

// Commitment is the answer to CommitTransactionTMAC.
type Commitment struct {
	// TMC is the transaction MAC counter after the commit.
	TMC uint32
	// TMV is the transaction MAC over what the transaction did.
	TMV [macLen]byte
}

// CommitTransactionTMAC is C7 with option 01: CommitTransaction in an application
// with a transaction MAC file, which answers counter and MAC. ParseCommitment
// reads the answer.
func CommitTransactionTMAC() Command {
	return Command{INS: apdu.INSCommitTransaction, Header: []byte{0x01}, Mode: MACed, Frames: 1}
}

// ParseCommitment reads TMC(4, LSB first) ‖ TMV(8) (AN12343 table 32).
func ParseCommitment(data []byte) (Commitment, error) {
	if len(data) != 4+macLen {
		return Commitment{}, lengthError(apdu.INSCommitTransaction, data, "12")
	}
	return Commitment{TMC: binary.LittleEndian.Uint32(data), TMV: [macLen]byte(data[4:])}, nil
}
