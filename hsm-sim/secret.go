package hsmsim

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// keyBytes are the bytes of an AES key. They go into fmt, slog, JSON and text
// encodings as "[redacted]"; reveal is the only way out.
//
// They are held in a closure because fmt calls no method of a value that it
// finds in an unexported field: it would print a slice there, of a func it
// prints an address.
type keyBytes struct{ reveal func() []byte }

// newKeyBytes takes over b, which must not be changed any more.
func newKeyBytes(b []byte) keyBytes {
	return keyBytes{reveal: func() []byte { return b }}
}

// Format implements fmt.Formatter for every verb.
func (keyBytes) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements slog.LogValuer.
func (keyBytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which encoding/json uses too.
func (keyBytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }
