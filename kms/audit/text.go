package audit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText  = 1024 // bytes
	ellipsis = "…"
	redacted = "[redacted]"
)

// clean makes s fit to be kept and shown: valid UTF-8, no control, format or
// line separator characters (which could forge lines of a report or reverse
// its text), at most maxText bytes.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len(ellipsis)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}

// cleanDetail is clean for a value that no rule binds to a form: one that
// looks like a key is replaced.
func cleanDetail(s string) string {
	if looksLikeKey(s) {
		return redacted
	}
	return clean(s)
}

// looksLikeKey tells whether s is 16 or 24 bytes in hexadecimal, the length of
// the keys of DESFire cards, alone or with separators.
func looksLikeKey(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r == ' ' || r == ':':
		case unicode.Is(unicode.ASCII_Hex_Digit, r):
			digits++
		default:
			return false
		}
	}
	return digits == 32 || digits == 48
}
