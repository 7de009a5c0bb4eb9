package key

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
)

// ErrLength is wrapped by the error for key bytes of another length than the
// key type has.
var ErrLength = errors.New("wrong key length")

// keyBytes are the lengths of keys.
type keyBytes interface {
	[Size]byte | [SizeTDEA3]byte
}

// hidden holds the bytes of a key behind two pointers, because fmt follows one:
// it prints what a field points to where a verb does not fit. Both pointers
// and the bytes are one allocation. nil is the all-zero key.
type hidden[B keyBytes] **B

func hide[B keyBytes](b B) hidden[B] {
	h := new(struct {
		first *B
		bytes B
	})
	h.first = &h.bytes
	h.bytes = b
	return &h.first
}

// reveal gives the bytes themselves; they are not to be changed. A destroyed
// key must not pass for the public all-zero key: to use one is an error of the
// program.
func reveal[B keyBytes](h hidden[B]) *B {
	switch {
	case h == nil:
		return new(B)
	case *h == nil:
		panic("key: internal error: a key is used after Destroy")
	}
	return *h
}

func wipe[B keyBytes](h hidden[B]) {
	if h != nil && *h != nil {
		var zero B
		**h = zero
		runtime.KeepAlive(*h)
		*h = nil
	}
}

func checkLength(b []byte, want int, name string) error {
	if len(b) != want {
		return fmt.Errorf("%s key: %w: %d bytes, want %d", name, ErrLength, len(b), want)
	}
	return nil
}

const redacted = "[redacted]"

var errNotSerialised = errors.New("key: keys are not serialised")

// silent is part of every key type and keeps it out of every encoder that
// prints.
type silent struct{}

// String implements fmt.Stringer.
func (silent) String() string { return redacted }

// Format implements fmt.Formatter for every verb.
func (silent) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (silent) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler; it serves JSON and YAML too.
func (silent) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary refuses: a key is never serialised by accident (gob uses this).
func (silent) MarshalBinary() ([]byte, error) { return nil, errNotSerialised }
