package desfire

import (
	"encoding/binary"
	"fmt"

	"badgekms/reader/apdu"
)

// FileType is the type of a file.
type FileType byte

// The file types.
const (
	StdDataFile FileType = iota
	BackupDataFile
	ValueFile
	LinearRecordFile
	CyclicRecordFile
	TransactionMACFile
)

// String names the type.
func (t FileType) String() string {
	names := [...]string{"standard data", "backup data", "value", "linear record", "cyclic record", "transaction MAC"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("file type %d", byte(t))
}

// FileSettings is the answer to GetFileSettings (desfire-facts §4.4). Which
// fields are set depends on Type.
type FileSettings struct {
	Type   FileType
	Option byte // FileOption as sent; Mode is its low bits
	Mode   Mode
	Rights AccessRights
	// MoreRights are additional sets of access rights (EV2 and later).
	MoreRights []AccessRights

	Size int // StdDataFile, BackupDataFile, in bytes

	LowerLimit, UpperLimit int32 // ValueFile
	LimitedCredit          int32
	ValueOptions           byte // bit 0 limited credit enabled, bit 1 free GetValue

	RecordSize, MaxRecords, Records int // record files

	TMACKeyOption, TMACKeyVersion byte // TransactionMACFile

	// SDM are the settings of Secure Dynamic Messaging as sent, when bit 6 of
	// Option is set (EV3).
	SDM []byte
}

// GetFileSettings is F5 FileNo; ParseFileSettings reads its answer.
func GetFileSettings(no byte) Command {
	return Command{INS: apdu.INSGetFileSettings, Header: []byte{no}, Mode: MACed, Frames: 1}
}

const (
	optionMode       = 0x03
	optionSDM        = 1 << 6
	optionMoreRights = 1 << 7
)

// ParseFileSettings reads type(1) option(1) AR(2) [count(1) AR(2)*] and then,
// by type: size(3); lower(4) upper(4) value(4) options(1); record size(3)
// maximum(3) current(3); key option(1) key version(1). All integers are LSB
// first. Every byte must be accounted for.
func ParseFileSettings(data []byte) (FileSettings, error) {
	p := parser{rest: data}
	f := FileSettings{Type: FileType(p.byte()), Option: p.byte()}
	f.Rights = parseAccessRights(p.take(2))
	f.Mode = Mode(f.Option & optionMode)
	if f.Mode == 2 {
		f.Mode = Plain // 00 and 10 both mean Plain (desfire-facts §4.2)
	}
	p.sdmFollows = f.Option&optionSDM != 0
	if f.Option&optionMoreRights != 0 {
		for range p.byte() {
			f.MoreRights = append(f.MoreRights, parseAccessRights(p.take(2)))
		}
	}
	p.body(&f)
	if p.sdmFollows {
		f.SDM = p.take(len(p.rest))
	}
	if p.short || len(p.rest) > 0 || f.Type > TransactionMACFile {
		return FileSettings{}, fmt.Errorf("%s: %w: %d bytes for a %s file with option %02X",
			apdu.INSGetFileSettings, ErrAnswer, len(data), f.Type, f.Option)
	}
	return f, nil
}

// body reads the part that depends on the type.
func (p *parser) body(f *FileSettings) {
	switch f.Type {
	case StdDataFile, BackupDataFile:
		f.Size = p.uint24()
	case ValueFile:
		f.LowerLimit, f.UpperLimit, f.LimitedCredit = p.int32(), p.int32(), p.int32()
		f.ValueOptions = p.byte()
	case LinearRecordFile, CyclicRecordFile:
		f.RecordSize, f.MaxRecords, f.Records = p.uint24(), p.uint24(), p.uint24()
	case TransactionMACFile:
		f.TMACKeyOption, f.TMACKeyVersion = p.byte(), p.byte()
	}
}

// parser reads fields off the front of an answer. Past its end it gives zeros
// and remembers that the answer was short.
type parser struct {
	rest       []byte
	short      bool
	sdmFollows bool
}

func (p *parser) take(n int) []byte {
	if n > len(p.rest) {
		p.short, p.rest = true, nil
		return make([]byte, n)
	}
	field := p.rest[:n]
	p.rest = p.rest[n:]
	return field
}

func (p *parser) byte() byte   { return p.take(1)[0] }
func (p *parser) uint24() int  { return int(uint24(p.take(3))) }
func (p *parser) int32() int32 { return int32(binary.LittleEndian.Uint32(p.take(4))) }
