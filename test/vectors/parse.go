package vectors

import "testing"

// Storage is a storage byte of GetVersion, decoded.
type Storage struct {
	Code     Hex  `json:"code"`
	MinBytes int  `json:"min_bytes"`
	MaxBytes int  `json:"max_bytes"`
	Exact    bool `json:"exact"`
}

// Version is a decoded answer to GetVersion.
type Version struct {
	Info
	Product string `json:"product"`
	RAPDUs  []Hex  `json:"rapdus"`
	Parsed  struct {
		HWVendor   byte    `json:"hw_vendor"`
		HWType     Hex     `json:"hw_type"`
		HWSubtype  Hex     `json:"hw_subtype"`
		HWMajor    Hex     `json:"hw_major"`
		HWMinor    Hex     `json:"hw_minor"`
		HWStorage  Storage `json:"hw_storage"`
		HWProtocol Hex     `json:"hw_protocol"`
		SWMajor    Hex     `json:"sw_major"`
		SWMinor    Hex     `json:"sw_minor"`
		SWStorage  Storage `json:"sw_storage"`
		UID        Hex     `json:"uid"`
		Batch      Hex     `json:"batch"`
		WeekBCD    Hex     `json:"production_week_bcd"`
		YearBCD    Hex     `json:"production_year_bcd"`
	} `json:"parsed"`
}

// Versions gives the GetVersion answers of parse.json.
func Versions(t testing.TB) []Version {
	t.Helper()
	return of[Version](t, "parse", "get_version")
}

// FileSettings is a decoded answer to GetFileSettings. The rights are one
// hexadecimal digit each.
type FileSettings struct {
	Info
	Data   Hex `json:"response_data"`
	Parsed struct {
		FileType      byte   `json:"file_type"`
		CommMode      string `json:"comm_mode"`
		Option        Hex    `json:"option_byte"`
		ReadWrite     string `json:"read_write"`
		Change        string `json:"change"`
		Read          string `json:"read"`
		Write         string `json:"write"`
		Size          int    `json:"size"`
		Lower         int32  `json:"lower"`
		Upper         int32  `json:"upper"`
		LimitedCredit int32  `json:"limited_credit_value"`
		ValueOptions  Hex    `json:"options"`
	} `json:"parsed"`
}

// AllFileSettings gives the GetFileSettings answers of parse.json.
func AllFileSettings(t testing.TB) []FileSettings {
	t.Helper()
	return of[FileSettings](t, "parse", "file_settings")
}
