package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// ValueSettings is what CreateValueFile sets.
type ValueSettings struct {
	No                  byte // 0 to 31
	Mode                Mode
	Rights              AccessRights
	Lower, Upper, Value int32
	// LimitedCredit enables the command of that name; FreeGetValue lets the
	// value be read without authentication.
	LimitedCredit, FreeGetValue bool
}

// The bits of the last byte of CreateValueFile.
const (
	valueLimitedCredit = 1 << 0
	valueFreeGetValue  = 1 << 1
)

// appendLimits appends Lower(4) ‖ Upper(4) ‖ Value(4), LSB first, and the byte
// of options.
func (f *ValueSettings) appendLimits(b []byte) []byte {
	for _, v := range []int32{f.Lower, f.Upper, f.Value} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	var options byte
	if f.LimitedCredit {
		options |= valueLimitedCredit
	}
	if f.FreeGetValue {
		options |= valueFreeGetValue
	}
	return append(b, options)
}

// CreateValueFile is CC FileNo FileOption AR(2) Lower(4) Upper(4) Value(4)
// LimitedCredit(1). Changes to its value take effect at CommitTransaction.
func CreateValueFile(f ValueSettings) Command {
	b := f.appendLimits(fileHead(f.No, 0, f.Mode, f.Rights))
	return Command{INS: apdu.INSCreateValueFile, Header: b, Mode: MACed, Frames: 1}
}

// valueLen is the length of a value on the wire.
const valueLen = 4

// GetValue is 6C FileNo, in the file's mode; ParseValue reads its answer.
func GetValue(no byte, mode Mode) Command {
	return Command{INS: apdu.INSGetValue, Header: []byte{no}, Mode: mode, Frames: 1, AnswerLen: valueLen}
}

// ParseValue reads the answer to GetValue: 4 bytes, LSB first, two's complement.
func ParseValue(data []byte) (int32, error) {
	if len(data) != valueLen {
		return 0, lengthError(apdu.INSGetValue, data, "4")
	}
	return int32(binary.LittleEndian.Uint32(data)), nil
}

// Credit is 0C FileNo ‖ Amount(4, LSB first), in the file's mode: it adds to the
// value. The card refuses an amount below zero (919E) and one that goes beyond
// the upper limit (91BE).
func Credit(no byte, amount int32, mode Mode) Command {
	return changeValue(apdu.INSCredit, no, amount, mode)
}

// Debit is DC with the layout of Credit: it takes from the value.
func Debit(no byte, amount int32, mode Mode) Command {
	return changeValue(apdu.INSDebit, no, amount, mode)
}

// LimitedCredit is 1C with the layout of Credit: it gives back, with the Write
// right only and at most once, up to what the last transaction took.
func LimitedCredit(no byte, amount int32, mode Mode) Command {
	return changeValue(apdu.INSLimitedCredit, no, amount, mode)
}

func changeValue(ins apdu.INS, no byte, amount int32, mode Mode) Command {
	return Command{
		INS: ins, Header: []byte{no}, Data: binary.LittleEndian.AppendUint32(nil, uint32(amount)),
		Mode: mode, Frames: 1,
	}
}
