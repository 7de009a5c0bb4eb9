package cardsim

// mode is how a command travels in a session (NT4H2421Gx §9, CommMode).
type mode byte

const (
	modePlain mode = iota
	modeMAC
	modeFull
	// modeKey is ChangeKey's: enciphered, with checks of its own inside.
	modeKey
)

// message is a command on its way through secure messaging.
type message struct {
	ins    byte
	mode   mode
	header int // leading bytes of the parameters that stay clear in modeFull and modeKey
	// file: the mode is a file's own; D40 protects no other commands.
	file bool
	// ev1MAC: the command's MAC travels under D40 and EV1 too, in modeMAC.
	ev1MAC bool
	// length is how many enciphered bytes are data, where the header says so; -1 elsewhere.
	length int
}

// session is an authenticated session. Its methods advance IVs and counters;
// after any error the session is discarded.
type session interface {
	// key is the number of the authenticated key.
	key() byte
	// open verifies and deciphers parameters as they came.
	open(m message, wire []byte) ([]byte, status)
	// seal protects an answer.
	seal(m message, r reply) []byte
	// wireLength is the length that header and data bytes have on the wire.
	wireLength(m message, data int) int
	// frame is the most bytes of an answer of that mode in one native frame
	// that takes limit.
	frame(m message, limit int) int
	// newKey reads ChangeKey's plaintext, behind a clear header. old is the key
	// to combine with, nil if the session's own key changes.
	newKey(m message, header, plain []byte, t keyType, old *key) (*key, status)
}

// enciphers tells whether wire has a part that is enciphered.
func (m message) enciphers(wire []byte) bool {
	return (m.mode == modeFull || m.mode == modeKey) && len(wire) > m.header
}

// dataLength finds where the CRC of size bytes is in the plaintext of a D40 or
// EV1 command, -1 if nowhere. It is at the shortest length that fits, because
// the residue of a CRC repeats over the zeros that follow it; only the ATS
// (SetConfiguration 02) is followed by 80 00.. instead.
func (m message) dataLength(header, plain []byte, size int, sum func(data []byte) []byte) int {
	if m.ins == insSetConfiguration && header[0] == configATS {
		whole, ok := unpad80(plain)
		if n := len(whole) - size; ok && n >= 0 && equal(sum(whole[:n]), whole[n:]) {
			return n
		}
		return -1
	}
	first, last := 0, len(plain)-size
	if m.length >= 0 {
		first, last = m.length, min(m.length, last)
	}
	for n := first; n <= last; n++ {
		if equal(sum(plain[:n]), plain[n:n+size]) && isZero(plain[n+size:]) {
			return n
		}
	}
	return -1
}

// wholeBlocks cuts enciphered answers of D40 and EV1 at whole blocks.
func wholeBlocks(m message, limit, block int) int {
	if m.mode == modeFull {
		return limit / block * block
	}
	return limit
}

// chainedNewKey reads the plaintext of ChangeKey under D40 and EV1: the key,
// xored with the old one if that is another than the session's, the version of
// an AES key, a CRC of size bytes over both, for another key one over the new
// key alone (inner), and zeros to a whole block.
func chainedNewKey(plain []byte, t keyType, old *key, size, block int, sum func(part []byte, inner bool) []byte) (*key, status) {
	n := t.size()
	if t == typeAES {
		n++
	}
	total := n + size
	if old != nil {
		total += size
	}
	if len(plain) != paddedLength(total, block) {
		return nil, statusLength
	}
	if !equal(sum(plain[:n], false), plain[n:n+size]) || !isZero(plain[total:]) {
		return nil, statusIntegrity
	}
	raw := plain[:t.size()]
	if old != nil {
		raw = xor(raw, old.Bytes)
		if !equal(sum(raw, true), plain[n+size:total]) {
			return nil, statusIntegrity
		}
	}
	return newKey(t, raw, plain[n-1]), statusOK
}
