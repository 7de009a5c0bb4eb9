package desfire

import "badgekms/reader/apdu"

// RecordFile is what CreateLinearRecordFile and CreateCyclicRecordFile set.
type RecordFile struct {
	No byte // 0 to 31
	// ISOFileID is needed (not zero) in an application that has one, and must
	// be zero in others.
	ISOFileID  uint16
	Mode       Mode
	Rights     AccessRights
	RecordSize int // bytes, 1 to 0xFFFFFF
	// MaxRecords is how many records fit. A cyclic file keeps one of them free
	// for the transaction and needs at least 2.
	MaxRecords int
}

// CreateLinearRecordFile is C1 FileNo [ISOFID(2, LSB first)] FileOption AR(2)
// RecordSize(3) MaxRecords(3), LSB first: a file that fills up.
func CreateLinearRecordFile(f RecordFile) Command {
	return createRecordFile(apdu.INSCreateLinearRecordFile, f)
}

// CreateCyclicRecordFile is C0 with the layout of CreateLinearRecordFile: a file
// whose newest record takes the place of the oldest.
func CreateCyclicRecordFile(f RecordFile) Command {
	return createRecordFile(apdu.INSCreateCyclicRecordFile, f)
}

func createRecordFile(ins apdu.INS, f RecordFile) Command {
	b := fileHead(f.No, f.ISOFileID, f.Mode, f.Rights)
	b = appendUint24(appendUint24(b, uint32(f.RecordSize)), uint32(f.MaxRecords))
	return Command{INS: ins, Header: b, Mode: MACed, Frames: 1}
}

// Records says which records ReadRecords reads.
type Records struct {
	// First counts back from the newest, which is 0.
	First int
	// Count is how many; 0 is all of them from First to the oldest.
	Count int
	// Size is the file's record size in bytes, or 0 when it is not known. It is
	// not sent: EV1 and D40 sessions find the end of enciphered records by it,
	// and a D40 session cannot do without.
	Size int
}

// ReadRecords is BB FileNo RecNo(3) Count(3), LSB first, in the file's mode. The
// answer is Count records, the oldest first; ParseRecords cuts it.
func ReadRecords(no byte, r Records, mode Mode) Command {
	return Command{
		INS: apdu.INSReadRecords, Header: dataHeader(no, r.First, r.Count), Mode: mode, AnswerLen: r.Count * r.Size,
	}
}

// ReadRecordsISO is ReadRecords as AB, which EV2 and later answer in one long
// APDU.
func ReadRecordsISO(no byte, r Records, mode Mode) Command {
	c := ReadRecords(no, r, mode)
	c.INS, c.Frames = apdu.INSReadRecordsISO, 1
	return c
}

// ParseRecords cuts the answer to ReadRecords into records of size bytes, the
// oldest first. They share memory with data.
func ParseRecords(data []byte, size int) ([][]byte, error) {
	if size <= 0 || len(data)%size != 0 {
		return nil, lengthError(apdu.INSReadRecords, data, "whole records")
	}
	records := make([][]byte, 0, len(data)/size)
	for ; len(data) > 0; data = data[size:] {
		records = append(records, data[:size:size])
	}
	return records, nil
}

// WriteRecord is 3B FileNo Offset(3) Length(3) data, LSB first, in the file's
// mode: it writes into the new record of the transaction, which
// CommitTransaction adds to the file.
func WriteRecord(no byte, offset int, data []byte, mode Mode) Command {
	return Command{
		INS: apdu.INSWriteRecord, Header: dataHeader(no, offset, len(data)), Data: data, Mode: mode, Frames: 1,
	}
}

// WriteRecordISO is WriteRecord as 8B, which EV2 and later take in one long APDU.
func WriteRecordISO(no byte, offset int, data []byte, mode Mode) Command {
	c := WriteRecord(no, offset, data, mode)
	c.INS = apdu.INSWriteRecordISO
	return c
}

// UpdateRecord is DB FileNo RecNo(3) Offset(3) Length(3) data, LSB first, in the
// file's mode: it changes a record that is there, 0 being the newest (EV2 and
// later).
func UpdateRecord(no byte, record, offset int, data []byte, mode Mode) Command {
	header := append(make([]byte, 0, 10), no)
	header = appendUint24(appendUint24(header, uint32(record)), uint32(offset))
	return Command{
		INS: apdu.INSUpdateRecord, Header: appendUint24(header, uint32(len(data))), Data: data, Mode: mode, Frames: 1,
	}
}

// UpdateRecordISO is UpdateRecord as BA, which EV2 and later take in one long
// APDU.
func UpdateRecordISO(no byte, record, offset int, data []byte, mode Mode) Command {
	c := UpdateRecord(no, record, offset, data, mode)
	c.INS = apdu.INSUpdateRecordISO
	return c
}

// ClearRecordFile is EB FileNo: it empties the file at CommitTransaction.
func ClearRecordFile(no byte) Command {
	return Command{INS: apdu.INSClearRecordFile, Header: []byte{no}, Mode: MACed, Frames: 1}
}
