package apdu

import (
	"fmt"

	"badgekms/reader"
)

// info is what is known about a status: NXP's name, what happened, and what to
// do about it.
type info struct{ name, meaning, cure string }

// statuses follows desfire-facts §8.2 and §8.3.
var statuses = map[Status]info{
	StatusOK:                   {"OPERATION_OK", "the command was carried out", ""},
	StatusCommandNotAllowed:    {"COMMAND_NOT_ALLOWED", "the card is in the middle of a proximity check", "take the card off the reader and present it again"},
	StatusNoChanges:            {"NO_CHANGES", "there was nothing to commit or to abort", ""},
	StatusOutOfMemory:          {"OUT_OF_EEPROM_ERROR", "the card has not enough memory left", "only formatting a card gives memory back: use another card"},
	StatusIllegalCommand:       {"ILLEGAL_COMMAND_CODE", "the card does not know the command", "check that the card is of the expected product"},
	StatusIntegrityError:       {"INTEGRITY_ERROR", "the card found the CRC, the MAC or the padding wrong", "authenticate again; for ChangeKey, check the current key"},
	StatusNoSuchKey:            {"NO_SUCH_KEY", "there is no key of that number", "check the key number and the selected application"},
	StatusLengthError:          {"LENGTH_ERROR", "the command has the wrong length for the card's present state", "authenticate again, and check that the card is of the expected product"},
	StatusSignatureOK:          {"SIGNATURE_OK", "the card gave its signature", ""},
	StatusCryptoError:          {"CRYPTO_ERROR", "the card could not decipher the command", "authenticate again; check the key's type"},
	StatusPermissionDenied:     {"PERMISSION_DENIED", "the card's settings forbid the command, or the key is locked", "check the access rights and the key that the session uses"},
	StatusParameterError:       {"PARAMETER_ERROR", "a parameter has a value that the card does not allow", "check the card profile against the card's product"},
	StatusApplicationNotFound:  {"APPLICATION_NOT_FOUND", "the card has no application of that AID", "the badge is not encoded for this system: enrol it"},
	StatusApplicationIntegrity: {"APPL_INTEGRITY_ERROR", "the application is damaged and disabled", "delete the application and encode it anew, or use another card"},
	StatusAuthenticationDelay:  {"AUTHENTICATION_DELAY", "the card slows down after too many failed authentications", "leave the card on the reader and try the right key again"},
	StatusAuthenticationError:  {"AUTHENTICATION_ERROR", "the key is wrong, or the command needs an authentication with another key", "check which key the card holds"},
	StatusAdditionalFrame:      {"ADDITIONAL_FRAME", "the card has more to say, or expects more", "go on with AdditionalFrame"},
	StatusBoundaryError:        {"BOUNDARY_ERROR", "the access goes beyond the end of the file", "check offset and length against the file's size"},
	StatusCardIntegrity:        {"PICC_INTEGRITY_ERROR", "the card is damaged and disabled itself", "use another card"},
	StatusCommandAborted:       {"COMMAND_ABORTED", "a chained command was not finished", "start the command again from its first frame"},
	StatusCardDisabled:         {"PICC_DISABLED_ERROR", "the card is disabled", "use another card"},
	StatusCountError:           {"COUNT_ERROR", "the card has no room for another application", "delete an application, or use another card"},
	StatusDuplicate:            {"DUPLICATE_ERROR", "an application or a file of that name exists already", "inspect the card: it may be encoded already"},
	StatusMemoryError:          {"EEPROM_ERROR", "the card could not write its memory", "present the card again and hold it still; then use another card"},
	StatusFileNotFound:         {"FILE_NOT_FOUND", "there is no file of that number", "check the card profile against the selected application"},
	StatusFileIntegrity:        {"FILE_INTEGRITY_ERROR", "the file is damaged and disabled", "delete the file and encode it anew, or use another card"},

	StatusISOSuccess:            {"ISO_SUCCESS", "the ISO command was carried out", ""},
	StatusISOMemoryFailure:      {"ISO_MEMORY_FAILURE", "the card could not write its memory", "present the card again and hold it still; then use another card"},
	StatusISOWrongLength:        {"ISO_WRONG_LENGTH", "the command APDU has the wrong length", "check that the card is a DESFire"},
	StatusISOSecurity:           {"ISO_SECURITY_STATUS", "the access rights forbid the command", "authenticate with a key that has the right"},
	StatusISOConditions:         {"ISO_CONDITIONS", "the command does not fit the card's present state", "select the application again"},
	StatusISOWrongData:          {"ISO_WRONG_DATA", "the data of the command is wrong", "check that the card is a DESFire"},
	StatusISONotFound:           {"ISO_NOT_FOUND", "the card has no such application or file", "check the AID and that the card is a DESFire"},
	StatusISOWrongP1P2:          {"ISO_WRONG_P1_P2", "P1 or P2 is wrong", "check that the card is a DESFire"},
	StatusISOLcInconsistent:     {"ISO_LC_INCONSISTENT", "Lc does not fit P1 and P2", "check that the card is a DESFire"},
	StatusISOWrongLe:            {"ISO_WRONG_LE", "Le is wrong", "check that the card is a DESFire"},
	StatusISOUnknownInstruction: {"ISO_UNKNOWN_INSTRUCTION", "the card does not know the instruction", "check that the card is a DESFire"},
	StatusISOUnknownClass:       {"ISO_UNKNOWN_CLASS", "the card does not know the class", "check that the card is a DESFire"},
}

// unknownCure is for a status that no public source names.
const unknownCure = "check that the card is a DESFire, and present it again"

func (s Status) info() info {
	if i, ok := statuses[s]; ok {
		return i
	}
	switch s >> 8 {
	case 0x6C:
		return info{"ISO_WRONG_LE", fmt.Sprintf("Le is wrong, the card has %d bytes", s&0xFF), statuses[StatusISOWrongLe].cure}
	case 0x91:
		return info{"UNKNOWN_STATUS", "the card gave a native status that is not documented", unknownCure}
	}
	return info{"UNKNOWN_STATUS", "the card gave a status word that DESFire does not use", unknownCure}
}

// Name is NXP's name of the status, such as AUTHENTICATION_ERROR.
func (s Status) Name() string { return s.info().name }

// Meaning tells in words what happened.
func (s Status) Meaning() string { return s.info().meaning }

// Cure tells what to do about it; it is empty for a status that is no failure.
func (s Status) Cure() string { return s.info().cure }

// SW is the status as a reader reports it.
func (s Status) SW() reader.SW { return reader.SW(s) }
