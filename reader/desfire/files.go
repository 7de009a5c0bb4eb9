package desfire

import (
	"encoding/binary"
	"fmt"

	"badgekms/reader/apdu"
)

// Values of an access right that are not key numbers (NT4H2421Gx §8.2.3.3).
const (
	// AccessFree: no authentication is needed; the exchange is in clear.
	AccessFree byte = 0xE
	// AccessNever: nobody has the right.
	AccessNever byte = 0xF
)

// AccessRights are the rights of a file: key numbers 0 to 13, AccessFree or
// AccessNever.
type AccessRights struct{ Read, Write, ReadWrite, Change byte }

// bytes is the wire form: ReadWrite and Change in the first byte, Read and
// Write in the second, each high nibble first.
func (r AccessRights) bytes() [2]byte {
	return [2]byte{r.ReadWrite<<4 | r.Change&0x0F, r.Read<<4 | r.Write&0x0F}
}

func parseAccessRights(b []byte) AccessRights {
	return AccessRights{ReadWrite: b[0] >> 4, Change: b[0] & 0x0F, Read: b[1] >> 4, Write: b[1] & 0x0F}
}

// String gives the four rights as hexadecimal digits.
func (r AccessRights) String() string {
	return fmt.Sprintf("read %X, write %X, read-write %X, change %X", r.Read, r.Write, r.ReadWrite, r.Change)
}

// DataFile is what CreateStdDataFile and CreateBackupDataFile set.
type DataFile struct {
	No byte // 0 to 31
	// ISOFileID is needed (not zero) in an application that has one, and must
	// be zero in others.
	ISOFileID uint16
	Mode      Mode
	Rights    AccessRights
	Size      int // bytes, at most 0xFFFFFF
}

// CreateStdDataFile is CD FileNo [ISOFID(2, LSB first)] FileOption AR(2)
// Size(3, LSB first). A write to it takes effect at once; a torn one can
// leave it half written.
func CreateStdDataFile(f DataFile) Command { return createDataFile(apdu.INSCreateStdDataFile, f) }

// CreateBackupDataFile is CB with the layout of CreateStdDataFile. A write
// takes effect at CommitTransaction, as a whole or not at all.
func CreateBackupDataFile(f DataFile) Command {
	return createDataFile(apdu.INSCreateBackupDataFile, f)
}

func createDataFile(ins apdu.INS, f DataFile) Command {
	b := fileHead(f.No, f.ISOFileID, f.Mode, f.Rights)
	return Command{INS: ins, Header: appendUint24(b, uint32(f.Size)), Mode: MACed, Frames: 1}
}

// fileHead is what the commands that create a file begin with: FileNo
// [ISOFID(2, LSB first)] FileOption AR(2).
func fileHead(no byte, isoFileID uint16, mode Mode, rights AccessRights) []byte {
	b := append(make([]byte, 0, 20), no)
	if isoFileID != 0 {
		b = binary.LittleEndian.AppendUint16(b, isoFileID)
	}
	ar := rights.bytes()
	return append(b, byte(mode), ar[0], ar[1])
}

// DeleteFile is DF FileNo.
func DeleteFile(no byte) Command {
	return Command{INS: apdu.INSDeleteFile, Header: []byte{no}, Mode: MACed, Frames: 1}
}

// GetFileIDs is 6F; its answer is one byte for each file. ParseFileIDs reads it.
func GetFileIDs() Command {
	return Command{INS: apdu.INSGetFileIDs, Mode: MACed, Frames: 1}
}

// maxFiles is how many files an application can have.
const maxFiles = 32

// ParseFileIDs reads the answer to GetFileIDs.
func ParseFileIDs(data []byte) ([]byte, error) {
	if len(data) > maxFiles {
		return nil, lengthError(apdu.INSGetFileIDs, data, "at most 32")
	}
	for _, id := range data {
		if id >= maxFiles {
			return nil, fmt.Errorf("%s: %w: file number %d, want 0 to 31", apdu.INSGetFileIDs, ErrAnswer, id)
		}
	}
	return data, nil
}

// GetISOFileIDs is 61, in an application whose files have ISO file identifiers;
// ParseISOFileIDs reads its answer.
func GetISOFileIDs() Command {
	return Command{INS: apdu.INSGetISOFileIDs, Mode: MACed}
}

// ParseISOFileIDs reads the answer to GetISOFileIDs, 2 bytes for each file, LSB
// first. Transaction MAC and value files have none.
func ParseISOFileIDs(data []byte) ([]uint16, error) {
	if len(data)%2 != 0 || len(data) > 2*maxFiles {
		return nil, lengthError(apdu.INSGetISOFileIDs, data, "2 for each of at most 32 files")
	}
	ids := make([]uint16, 0, len(data)/2)
	for ; len(data) > 0; data = data[2:] {
		ids = append(ids, binary.LittleEndian.Uint16(data))
	}
	return ids, nil
}

// FileChange is what ChangeFileSettings sets; all of it, every time.
type FileChange struct {
	Mode   Mode
	Rights AccessRights
	// MoreRights are additional sets of access rights, of which any one
	// suffices (EV2 and later).
	MoreRights []AccessRights
	// SDM, if not empty, turns Secure Dynamic Messaging on (EV3): SDMOptions,
	// SDM access rights and offsets as NT4H2421Gx §10.7 lays them out.
	SDM []byte
}

// ChangeFileSettings is 5F FileNo ‖ FileOption AR(2) [Count(1) AR(2)*] [SDM],
// enciphered. That MoreRights come before SDM is taken from GetFileSettings; no
// source shows both in one command. A file whose Change right is AccessFree
// takes it in Plain mode: use ChangeFileSettingsFree.
func ChangeFileSettings(no byte, f FileChange) Command {
	ar := f.Rights.bytes()
	data := []byte{byte(f.Mode), ar[0], ar[1]}
	if len(f.MoreRights) > 0 {
		data[0] |= optionMoreRights
		data = append(data, byte(len(f.MoreRights)))
		for _, more := range f.MoreRights {
			ar := more.bytes()
			data = append(data, ar[0], ar[1])
		}
	}
	if len(f.SDM) > 0 {
		data[0] |= optionSDM
		data = append(data, f.SDM...)
	}
	return Command{INS: apdu.INSChangeFileSettings, Header: []byte{no}, Data: data, Mode: Full, Frames: 1}
}

// ChangeFileSettingsFree is ChangeFileSettings in clear, for a file whose
// Change right is AccessFree.
func ChangeFileSettingsFree(no byte, f FileChange) Command {
	c := ChangeFileSettings(no, f)
	c.Mode = Plain
	return c
}

// ReadData is BD FileNo Offset(3) Length(3), LSB first, in the file's mode.
// Length 0 is the file from offset to its end. A file whose access is free, not
// by a key of the session, is read in Plain mode whatever its own is.
func ReadData(no byte, offset, length int, mode Mode) Command {
	return Command{INS: apdu.INSReadData, Header: dataHeader(no, offset, length), Mode: mode, AnswerLen: length}
}

// WriteData is 3D FileNo Offset(3) Length(3) data, LSB first, in the file's
// mode; Length is that of data.
func WriteData(no byte, offset int, data []byte, mode Mode) Command {
	return Command{
		INS: apdu.INSWriteData, Header: dataHeader(no, offset, len(data)), Data: data, Mode: mode, Frames: 1,
	}
}

// ReadDataISO is ReadData as AD, which EV2 and later answer in one long APDU
// under ISO/IEC 14443-4 chaining.
func ReadDataISO(no byte, offset, length int, mode Mode) Command {
	c := ReadData(no, offset, length, mode)
	c.INS, c.Frames = apdu.INSReadDataISO, 1
	return c
}

// WriteDataISO is WriteData as 8D, which EV2 and later take in one long APDU.
func WriteDataISO(no byte, offset int, data []byte, mode Mode) Command {
	c := WriteData(no, offset, data, mode)
	c.INS = apdu.INSWriteDataISO
	return c
}

func dataHeader(no byte, offset, length int) []byte {
	b := append(make([]byte, 0, 7), no)
	return appendUint24(appendUint24(b, uint32(offset)), uint32(length))
}
