package procedure

import (
	"badgekms/reader"
	"badgekms/reader/desfire"
)

// NewForeignCard lets tests try the guard of a foreign card by itself.
func NewForeignCard(c reader.Card, ours desfire.AID) reader.Card {
	return &foreignCard{Card: c, ours: ours}
}
