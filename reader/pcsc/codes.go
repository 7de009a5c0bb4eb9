package pcsc

import (
	"errors"
	"fmt"
	"runtime"

	"badgekms/reader"
)

// code is a return code of the winscard API (winscard.h of PCSC-Lite;
// winerror.h of Windows, which also returns some system codes here).
type code uint32

const (
	codeCancelled          code = 0x80100002
	codeInvalidHandle      code = 0x80100003
	codeInsufficientBuffer code = 0x80100008
	codeUnknownReader      code = 0x80100009
	codeTimeout            code = 0x8010000A
	codeSharingViolation   code = 0x8010000B
	codeNoSmartcard        code = 0x8010000C
	codeProtoMismatch      code = 0x8010000F
	codeSystemCancelled    code = 0x80100012
	codeCommError          code = 0x80100013
	codeNotTransacted      code = 0x80100016
	codeReaderUnavailable  code = 0x80100017
	codeShutdown           code = 0x80100018
	codeNoService          code = 0x8010001D
	codeServiceStopped     code = 0x8010001E
	codeNoAccess           code = 0x80100027
	codeNoReadersAvailable code = 0x8010002E
	codeCommDataLost       code = 0x8010002F
	codeUnresponsiveCard   code = 0x80100066
	codeUnpoweredCard      code = 0x80100067
	codeResetCard          code = 0x80100068
	codeRemovedCard        code = 0x80100069
	codeSecurityViolation  code = 0x8010006A

	winAccessDenied  code = 5    // ERROR_ACCESS_DENIED
	winInvalidHandle code = 6    // ERROR_INVALID_HANDLE
	winBrokenPipe    code = 109  // ERROR_BROKEN_PIPE: no service in a remote session
	winNoMedia       code = 1112 // ERROR_NO_MEDIA_IN_DRIVE: card gone, some drivers
)

// meaning is a code's name in the headers and the sentinel that callers get.
type meaning struct {
	name     string
	sentinel error
}

var meanings = map[code]meaning{
	codeCancelled:          {"SCARD_E_CANCELLED", reader.ErrUnavailable},
	codeInvalidHandle:      {"SCARD_E_INVALID_HANDLE", reader.ErrUnavailable},
	codeInsufficientBuffer: {"SCARD_E_INSUFFICIENT_BUFFER", reader.ErrReader},
	codeUnknownReader:      {"SCARD_E_UNKNOWN_READER", reader.ErrNoReader},
	codeTimeout:            {"SCARD_E_TIMEOUT", reader.ErrReader},
	codeSharingViolation:   {"SCARD_E_SHARING_VIOLATION", reader.ErrBusy},
	codeNoSmartcard:        {"SCARD_E_NO_SMARTCARD", reader.ErrNoCard},
	codeProtoMismatch:      {"SCARD_E_PROTO_MISMATCH", reader.ErrReader},
	codeSystemCancelled:    {"SCARD_E_SYSTEM_CANCELLED", reader.ErrUnavailable},
	codeCommError:          {"SCARD_F_COMM_ERROR", reader.ErrUnavailable},
	codeNotTransacted:      {"SCARD_E_NOT_TRANSACTED", reader.ErrReader},
	codeReaderUnavailable:  {"SCARD_E_READER_UNAVAILABLE", reader.ErrReader},
	codeShutdown:           {"SCARD_P_SHUTDOWN", reader.ErrUnavailable},
	codeNoService:          {"SCARD_E_NO_SERVICE", reader.ErrUnavailable},
	codeServiceStopped:     {"SCARD_E_SERVICE_STOPPED", reader.ErrUnavailable},
	codeNoAccess:           {"SCARD_E_NO_ACCESS", reader.ErrUnavailable},
	codeNoReadersAvailable: {"SCARD_E_NO_READERS_AVAILABLE", reader.ErrNoReader},
	codeCommDataLost:       {"SCARD_E_COMM_DATA_LOST", reader.ErrReader},
	codeUnresponsiveCard:   {"SCARD_W_UNRESPONSIVE_CARD", reader.ErrNoCard},
	codeUnpoweredCard:      {"SCARD_W_UNPOWERED_CARD", reader.ErrNoCard},
	codeResetCard:          {"SCARD_W_RESET_CARD", reader.ErrRemoved},
	codeRemovedCard:        {"SCARD_W_REMOVED_CARD", reader.ErrRemoved},
	codeSecurityViolation:  {"SCARD_W_SECURITY_VIOLATION", reader.ErrUnavailable},
	winAccessDenied:        {"ERROR_ACCESS_DENIED", reader.ErrUnavailable},
	winInvalidHandle:       {"ERROR_INVALID_HANDLE", reader.ErrUnavailable},
	winBrokenPipe:          {"ERROR_BROKEN_PIPE", reader.ErrUnavailable},
	winNoMedia:             {"ERROR_NO_MEDIA_IN_DRIVE", reader.ErrRemoved},
}

// Error gives the code's name as programmers know it.
func (c code) Error() string {
	if m, ok := meanings[c]; ok {
		return m.name
	}
	return fmt.Sprintf("PC/SC error %08X", uint32(c))
}

func isCode(err error, want code) bool {
	var c code
	return errors.As(err, &c) && c == want
}

// sentinel puts the sentinel of package reader around the code in err. A code
// that nobody foresaw is a failure of the reader.
func sentinel(err error) error {
	var c code
	if !errors.As(err, &c) {
		return err
	}
	return fmt.Errorf("%w (%w)", sentinelOf(c), err)
}

func sentinelOf(c code) error {
	if m, ok := meanings[c]; ok {
		return m.sentinel
	}
	return reader.ErrReader
}

// inSession is sentinel for a card that was connected. What means "no card"
// before means "the card left" now.
func inSession(err error) error {
	var c code
	if !errors.As(err, &c) {
		return err
	}
	if s := sentinelOf(c); s != reader.ErrNoCard {
		return sentinel(err)
	}
	return fmt.Errorf("%w (%w)", reader.ErrRemoved, err)
}

// meansGone tells whether the code says that the card, the reader or the
// service is no longer there. A code that nobody foresaw does not say so.
func meansGone(c code) bool {
	m, known := meanings[c]
	return known && m.sentinel != reader.ErrBusy
}

// serviceHint says what to do about a service that cannot be reached.
func serviceHint(err error) string {
	var c code
	if !errors.As(err, &c) {
		return ""
	}
	switch c {
	case codeSecurityViolation, codeNoAccess, winAccessDenied:
		return ": this user may not use the readers; on Linux allow org.debian.pcsc-lite.access_pcsc in polkit"
	}
	if runtime.GOOS == "windows" {
		return ": start the service Smart Card (SCardSvr) and plug in a reader"
	}
	return ": is pcscd installed and running? (sudo systemctl start pcscd.socket)"
}
