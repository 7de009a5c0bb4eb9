package cardsim

import "slices"

// ats is an answer to select of ISO/IEC 14443-4 §5.2: TL T0 [TA] [TB] [TC] and
// historical bytes.
type ats []byte

// defaultATS announces frames of 64 bytes and has one historical byte, 80.
func defaultATS() hexBytes { return hexBytes{0x06, 0x75, 0x77, 0x81, 0x02, 0x80} }

// head is how many bytes come before the historical ones.
func (a ats) head() int {
	n := 2
	for bit := range 3 {
		n += int(a[1] >> (4 + bit) & 1)
	}
	return n
}

// valid: the length is right, at most 15 historical bytes (as many as an ATR
// of PC/SC can show), and no larger frame than the product has.
func (a ats) valid(fsci byte) bool {
	return len(a) >= 2 && int(a[0]) == len(a) && a[1]&0x80 == 0 && a[1]&0x0F <= fsci &&
		a[1]&0x0F >= 5 && a.head() <= len(a) && len(a)-a.head() <= 15
}

func (a ats) historical() []byte { return a[a.head():] }

// frame is the most data bytes beside INS or status that one native frame
// carries either way: the frame size without PCB, CRC, INS and one spare byte.
// With frames of 64 bytes that is 59, as recorded cards have it; libraries send
// 54 at most.
func (a ats) frame() int {
	sizes := map[byte]int{5: 64, 6: 96, 7: 128, 8: 256}
	return sizes[a[1]&0x0F] - 5
}

// atr is what a PC/SC reader makes of it: 3B 8n 80 01, the historical bytes,
// and the XOR of all but the first byte (PC/SC part 3 §3.1.3.2.3.1).
func (a ats) atr() []byte {
	h := a.historical()
	out := slices.Concat([]byte{0x3B, 0x80 | byte(len(h)), 0x80, 0x01}, h)
	var check byte
	for _, b := range out[1:] {
		check ^= b
	}
	return append(out, check)
}
