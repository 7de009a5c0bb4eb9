package desfire

import "fmt"

// The enciphered data of EV1 and D40 messaging ends with a CRC and padding, and
// nothing tells where: zeros when the command gave the length, 80 00.. when it
// asked for the whole file, and no padding when the blocks are full
// (desfire-facts §5.4; recorded exchanges show all three).

// appendZeroPadding pads what follows start in b to whole blocks: with 00..,
// or marked with 80 00...
func appendZeroPadding(b []byte, start, size int, marked bool) []byte {
	if marked {
		b = append(b, 0x80)
	}
	return append(b, zeros[:(size-(len(b)-start)%size)%size]...)
}

// dataEnd finds the length of the data in a deciphered answer: data ‖ CRC(crcLen)
// ‖ padding. A length that is known (want > 0) is the only one accepted.
//
// Without it, 80 00.. has one reading. Zeros can have two, because a CRC runs on
// into zeros after it: the CRC of D40 always fits one byte further on, and that
// of EV1 in one case of 256. Such an answer is refused, since a byte too many
// or too few would pass for the card's.
func dataEnd(plain []byte, size, crcLen, want int, crcFits func(n int) bool) (int, error) {
	least, most := max(0, len(plain)-crcLen-size), len(plain)-crcLen
	if want > 0 {
		least, most = max(least, want), min(most, want)
	}
	end, fits := 0, 0
	for n := least; n <= most; n++ {
		p := paddingOf(plain[n+crcLen:], size)
		if p == noPadding || !crcFits(n) {
			continue
		}
		if p == markedPadding {
			return n, nil
		}
		end, fits = n, fits+1
	}
	switch fits {
	case 0:
		return 0, fmt.Errorf("%w: the CRC of the deciphered answer", ErrIntegrity)
	case 1:
		return end, nil
	}
	return 0, fmt.Errorf("%w: where its data ends can be read in two ways; ask for a known length", ErrAnswer)
}

// padding is what the end of a deciphered answer may be.
type padding int

// What paddingOf gives; dataEnd hands it a whole block at most.
const (
	noPadding     padding = iota // not padding at all
	zeroPadding                  // 00.., shorter than a block, or nothing
	markedPadding                // 80 00..
)

func paddingOf(b []byte, size int) padding {
	switch {
	case len(b) > 0 && b[0] == 0x80 && allZero(b[1:]):
		return markedPadding
	case len(b) < size && allZero(b):
		return zeroPadding
	}
	return noPadding
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
