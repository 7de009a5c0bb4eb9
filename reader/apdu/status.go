package apdu

import (
	"fmt"

	"badgekms/reader"
)

// Status is a status word as an error: 91xx of native commands, or one of the
// ISO/IEC 7816-4 §5.6 words that cards answer to ISO commands and to framing
// mistakes. The constants are sentinels: a *StatusError unwraps to its Status,
// so errors.Is(err, apdu.StatusNoSuchKey) works.
type Status reader.SW

// The native status words (desfire-facts §8.2, after NT4H2421Gx table 23).
const (
	StatusOK                   Status = 0x9100
	StatusCommandNotAllowed    Status = 0x910B
	StatusNoChanges            Status = 0x910C
	StatusOutOfMemory          Status = 0x910E
	StatusIllegalCommand       Status = 0x911C
	StatusIntegrityError       Status = 0x911E
	StatusNoSuchKey            Status = 0x9140
	StatusLengthError          Status = 0x917E
	StatusSignatureOK          Status = 0x9190
	StatusCryptoError          Status = 0x9197
	StatusPermissionDenied     Status = 0x919D
	StatusParameterError       Status = 0x919E
	StatusApplicationNotFound  Status = 0x91A0
	StatusApplicationIntegrity Status = 0x91A1
	StatusAuthenticationDelay  Status = 0x91AD
	StatusAuthenticationError  Status = 0x91AE
	StatusAdditionalFrame      Status = 0x91AF
	StatusBoundaryError        Status = 0x91BE
	StatusCardIntegrity        Status = 0x91C1
	StatusCommandAborted       Status = 0x91CA
	StatusCardDisabled         Status = 0x91CD
	StatusCountError           Status = 0x91CE
	StatusDuplicate            Status = 0x91DE
	StatusMemoryError          Status = 0x91EE
	StatusFileNotFound         Status = 0x91F0
	StatusFileIntegrity        Status = 0x91F1
)

// The ISO status words that DESFire cards give.
const (
	StatusISOSuccess            Status = 0x9000
	StatusISOMemoryFailure      Status = 0x6581
	StatusISOWrongLength        Status = 0x6700
	StatusISOSecurity           Status = 0x6982
	StatusISOConditions         Status = 0x6985
	StatusISOWrongData          Status = 0x6A80
	StatusISONotFound           Status = 0x6A82
	StatusISOWrongP1P2          Status = 0x6A86
	StatusISOLcInconsistent     Status = 0x6A87
	StatusISOWrongLe            Status = 0x6C00
	StatusISOUnknownInstruction Status = 0x6D00
	StatusISOUnknownClass       Status = 0x6E00
)

// Error gives the status word, its meaning and what to do.
func (s Status) Error() string {
	i := s.info()
	if i.cure == "" {
		return fmt.Sprintf("%s %s: %s", reader.SW(s), i.name, i.meaning)
	}
	return fmt.Sprintf("%s %s: %s; %s", reader.SW(s), i.name, i.meaning, i.cure)
}

// StatusError is a card's refusal of a command. It holds no byte of the
// command or the answer, so it may be logged. Unwrap gives the Status.
type StatusError struct {
	INS INS
	SW  reader.SW
}

// Error names the command, the status word, its meaning and what to do.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s (%02X): the card answered %s", e.INS, byte(e.INS), Status(e.SW).Error())
}

// Unwrap gives the status, to be tested with errors.Is.
func (e *StatusError) Unwrap() error { return Status(e.SW) }
