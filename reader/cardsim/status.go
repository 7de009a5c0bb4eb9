package cardsim

// status is the second byte of a DESFire status word; the first is 91 in the
// wrapped form (NT4H2421Gx table 23).
type status byte

const (
	statusOK             status = 0x00
	statusNoChanges      status = 0x0C
	statusOutOfMemory    status = 0x0E
	statusIllegalCommand status = 0x1C
	statusIntegrity      status = 0x1E
	statusNoSuchKey      status = 0x40
	statusLength         status = 0x7E
	statusSignature      status = 0x90
	statusDenied         status = 0x9D
	statusParameter      status = 0x9E
	statusNoApplication  status = 0xA0
	statusAppIntegrity   status = 0xA1
	statusAuthDelay      status = 0xAD
	statusAuthentication status = 0xAE
	statusMore           status = 0xAF
	statusBoundary       status = 0xBE
	statusCardIntegrity  status = 0xC1
	statusAborted        status = 0xCA
	statusCount          status = 0xCE
	statusDuplicate      status = 0xDE
	statusEEPROM         status = 0xEE
	statusNoFile         status = 0xF0
	statusFileIntegrity  status = 0xF1
)

// isError tells whether the status ends session and transaction: every one but
// success, a further frame, and the "phase passed" of Read_Sig.
func (s status) isError() bool {
	return s != statusOK && s != statusMore && s != statusSignature
}

// Status words of ISO/IEC 7816-4 §5.6, for frames that are not DESFire's own.
const (
	swOK               uint16 = 0x9000
	swEndOfData        uint16 = 0x6282
	swWrongLength      uint16 = 0x6700
	swNotSupported     uint16 = 0x6A81
	swNotFound         uint16 = 0x6A82
	swWrongP1P2        uint16 = 0x6A86
	swExactLength      uint16 = 0x6C00
	swUnknownINS       uint16 = 0x6D00
	swClassUnsupported uint16 = 0x6E00
)

// reply is what the handler of a command gives back. The zero value is a bare
// success.
type reply struct {
	status status
	data   []byte
	// cuts are the lengths of the first frames, where the command fixes them.
	cuts []int
	// frame is the most bytes that a frame of this answer carries; 0 is the default.
	frame int
	// marked: an EV1 enciphered answer is padded 80 00.. because the reader
	// did not say how much it wants.
	marked bool
	// last: the answer is bare and the session is over.
	last bool
}

func fail(s status) reply { return reply{status: s} }

func answer(data []byte) reply { return reply{data: data} }
