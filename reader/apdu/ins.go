package apdu

import "fmt"

// INS is a native DESFire command code, the INS byte of its ISO wrapping.
type INS byte

// The command codes of MIFARE DESFire (desfire-facts §2, after NXP
// NT4H2421Gx table 22 and the AN12343 tables for the Light).
const (
	INSGetVersion                 INS = 0x60
	INSGetCardUID                 INS = 0x51
	INSReadSig                    INS = 0x3C
	INSSelectApplication          INS = 0x5A
	INSGetApplicationIDs          INS = 0x6A
	INSGetDFNames                 INS = 0x6D
	INSCreateApplication          INS = 0xCA
	INSCreateDelegatedApplication INS = 0xC9
	INSGetDelegatedInfo           INS = 0x69
	INSDeleteApplication          INS = 0xDA
	INSFormatPICC                 INS = 0xFC
	INSFreeMemory                 INS = 0x6E
	INSGetKeySettings             INS = 0x45
	INSChangeKeySettings          INS = 0x54
	INSGetKeyVersion              INS = 0x64
	INSChangeKey                  INS = 0xC4
	INSChangeKeyEV2               INS = 0xC6
	INSInitializeKeySet           INS = 0x56
	INSFinalizeKeySet             INS = 0x57
	INSRollKeySet                 INS = 0x55
	INSSetConfiguration           INS = 0x5C
	INSCreateStdDataFile          INS = 0xCD
	INSCreateBackupDataFile       INS = 0xCB
	INSCreateValueFile            INS = 0xCC
	INSCreateLinearRecordFile     INS = 0xC1
	INSCreateCyclicRecordFile     INS = 0xC0
	INSCreateTransactionMACFile   INS = 0xCE
	INSDeleteFile                 INS = 0xDF
	INSGetFileIDs                 INS = 0x6F
	INSGetISOFileIDs              INS = 0x61
	INSGetFileSettings            INS = 0xF5
	INSChangeFileSettings         INS = 0x5F
	INSReadData                   INS = 0xBD
	INSReadDataISO                INS = 0xAD
	INSWriteData                  INS = 0x3D
	INSWriteDataISO               INS = 0x8D
	INSReadRecords                INS = 0xBB
	INSReadRecordsISO             INS = 0xAB
	INSWriteRecord                INS = 0x3B
	INSWriteRecordISO             INS = 0x8B
	INSUpdateRecord               INS = 0xDB
	INSUpdateRecordISO            INS = 0xBA
	INSClearRecordFile            INS = 0xEB
	INSGetValue                   INS = 0x6C
	INSCredit                     INS = 0x0C
	INSDebit                      INS = 0xDC
	INSLimitedCredit              INS = 0x1C
	INSCommitTransaction          INS = 0xC7
	INSAbortTransaction           INS = 0xA7
	INSCommitReaderID             INS = 0xC8
	INSGetFileCounters            INS = 0xF6
	INSPreparePC                  INS = 0xF0
	INSProximityCheck             INS = 0xF2
	INSVerifyPC                   INS = 0xFD
	INSAuthenticate               INS = 0x0A
	INSAuthenticateISO            INS = 0x1A
	INSAuthenticateAES            INS = 0xAA
	INSAuthenticateEV2First       INS = 0x71
	INSAuthenticateEV2NonFirst    INS = 0x77
	INSAdditionalFrame            INS = 0xAF
)

var insNames = map[INS]string{
	INSGetVersion:                 "GetVersion",
	INSGetCardUID:                 "GetCardUID",
	INSReadSig:                    "Read_Sig",
	INSSelectApplication:          "SelectApplication",
	INSGetApplicationIDs:          "GetApplicationIDs",
	INSGetDFNames:                 "GetDFNames",
	INSCreateApplication:          "CreateApplication",
	INSCreateDelegatedApplication: "CreateDelegatedApplication",
	INSGetDelegatedInfo:           "GetDelegatedInfo",
	INSDeleteApplication:          "DeleteApplication",
	INSFormatPICC:                 "FormatPICC",
	INSFreeMemory:                 "FreeMemory",
	INSGetKeySettings:             "GetKeySettings",
	INSChangeKeySettings:          "ChangeKeySettings",
	INSGetKeyVersion:              "GetKeyVersion",
	INSChangeKey:                  "ChangeKey",
	INSChangeKeyEV2:               "ChangeKeyEV2",
	INSInitializeKeySet:           "InitializeKeySet",
	INSFinalizeKeySet:             "FinalizeKeySet",
	INSRollKeySet:                 "RollKeySet",
	INSSetConfiguration:           "SetConfiguration",
	INSCreateStdDataFile:          "CreateStdDataFile",
	INSCreateBackupDataFile:       "CreateBackupDataFile",
	INSCreateValueFile:            "CreateValueFile",
	INSCreateLinearRecordFile:     "CreateLinearRecordFile",
	INSCreateCyclicRecordFile:     "CreateCyclicRecordFile",
	INSCreateTransactionMACFile:   "CreateTransactionMACFile",
	INSDeleteFile:                 "DeleteFile",
	INSGetFileIDs:                 "GetFileIDs",
	INSGetISOFileIDs:              "GetISOFileIDs",
	INSGetFileSettings:            "GetFileSettings",
	INSChangeFileSettings:         "ChangeFileSettings",
	INSReadData:                   "ReadData",
	INSReadDataISO:                "ReadData (ISO chaining)",
	INSWriteData:                  "WriteData",
	INSWriteDataISO:               "WriteData (ISO chaining)",
	INSReadRecords:                "ReadRecords",
	INSReadRecordsISO:             "ReadRecords (ISO chaining)",
	INSWriteRecord:                "WriteRecord",
	INSWriteRecordISO:             "WriteRecord (ISO chaining)",
	INSUpdateRecord:               "UpdateRecord",
	INSUpdateRecordISO:            "UpdateRecord (ISO chaining)",
	INSClearRecordFile:            "ClearRecordFile",
	INSGetValue:                   "GetValue",
	INSCredit:                     "Credit",
	INSDebit:                      "Debit",
	INSLimitedCredit:              "LimitedCredit",
	INSCommitTransaction:          "CommitTransaction",
	INSAbortTransaction:           "AbortTransaction",
	INSCommitReaderID:             "CommitReaderID",
	INSGetFileCounters:            "GetFileCounters",
	INSPreparePC:                  "PreparePC",
	INSProximityCheck:             "ProximityCheck",
	INSVerifyPC:                   "VerifyPC",
	INSAuthenticate:               "Authenticate",
	INSAuthenticateISO:            "AuthenticateISO",
	INSAuthenticateAES:            "AuthenticateAES",
	INSAuthenticateEV2First:       "AuthenticateEV2First",
	INSAuthenticateEV2NonFirst:    "AuthenticateEV2NonFirst",
	INSAdditionalFrame:            "AdditionalFrame",
}

// String gives NXP's name of the command, or "command XX".
func (i INS) String() string {
	if name, ok := insNames[i]; ok {
		return name
	}
	return fmt.Sprintf("command %02X", byte(i))
}

// ISOChained tells whether the command is one of the codes of EV2 and later
// that travel as one long APDU, cut below by ISO/IEC 14443-4, where its twin
// of EV1 is cut into AF frames (desfire-facts §1).
func (i INS) ISOChained() bool {
	switch i {
	case INSReadDataISO, INSWriteDataISO, INSReadRecordsISO, INSWriteRecordISO, INSUpdateRecordISO:
		return true
	}
	return false
}
