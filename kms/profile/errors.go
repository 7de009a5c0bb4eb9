package profile

import (
	"errors"
	"strings"
)

// The errors of this package, to be tested with errors.Is.
var (
	// ErrInvalid: a profile breaks a rule; see InvalidError.
	ErrInvalid = errors.New("invalid card profile")
	// ErrCustody: the custody cannot compute the keys a profile asks for.
	ErrCustody = errors.New("the key custody cannot serve this card profile")
	// ErrFormat: a list of fields is no format of M.
	ErrFormat = errors.New("invalid diversification format")
	// ErrUID: a UID cannot be diversified.
	ErrUID = errors.New("UID cannot be diversified")
	// ErrSlot: no such key number.
	ErrSlot = errors.New("no such key slot")
	// ErrSystemID: the establishment's system_id is malformed.
	ErrSystemID = errors.New("invalid system_id")
	// ErrHeader: the content of a header file is not one that this program
	// knows.
	ErrHeader = errors.New("unknown header on the card")
)

// Problem is one broken rule of a profile.
type Problem struct {
	Path string // where in the YAML, such as "slots[3].domain"
	Text string // what is wrong and what to do
}

// InvalidError lists every rule a profile breaks. It matches ErrInvalid.
type InvalidError struct {
	Problems []Problem
}

// Error gives one line per problem.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString(ErrInvalid.Error())
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.Path + ": " + p.Text)
	}
	return b.String()
}

// Unwrap gives ErrInvalid.
func (e *InvalidError) Unwrap() error { return ErrInvalid }
