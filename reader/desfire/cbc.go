package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"hash/crc32"
)

// cbcEncrypt enciphers buf, whole blocks of b, in place. iv is replaced by the
// last block of ciphertext. It does what cipher.NewCBCEncrypter does without
// allocating, for the few blocks that a card takes.
func cbcEncrypt(b cipher.Block, iv, buf []byte) {
	size := b.BlockSize()
	for ; len(buf) > 0; buf = buf[size:] {
		block := buf[:size]
		subtle.XORBytes(block, block, iv)
		b.Encrypt(block, block)
		copy(iv, block)
	}
}

// cbcDecrypt is the inverse of cbcEncrypt; iv is replaced by the last block of
// ciphertext.
func cbcDecrypt(b cipher.Block, iv, buf []byte) {
	size := b.BlockSize()
	var next [blockSize]byte
	for ; len(buf) > 0; buf = buf[size:] {
		block := buf[:size]
		copy(next[:], block)
		b.Decrypt(block, block)
		subtle.XORBytes(block, block, iv)
		copy(iv, next[:size])
	}
}

// cbcDecipherToSend is the CBC send mode of D40 cards, which can only encipher:
// the PCD applies the inverse cipher, C = D(P xor C of the block before), and
// the card's encipherment gives P back (desfire-facts §5.1).
func cbcDecipherToSend(b cipher.Block, iv, buf []byte) {
	size := b.BlockSize()
	for ; len(buf) > 0; buf = buf[size:] {
		block := buf[:size]
		subtle.XORBytes(block, block, iv)
		b.Decrypt(block, block)
		copy(iv, block)
	}
}

// zeros is what padding is taken from.
var zeros [blockSize]byte

// appendPadded appends data and the padding of EV2: 80 00.. to a whole number
// of AES blocks and always at least one byte (NT4H2421Gx §9.1.4; ISO/IEC
// 9797-1 method 2).
func appendPadded(dst, data []byte) []byte {
	dst = append(append(dst, data...), 0x80)
	return append(dst, zeros[:blockSize-1-len(data)%blockSize]...)
}

// unpad removes what appendPadded added.
func unpad(b []byte) ([]byte, error) {
	i := len(b) - 1
	for i > 0 && len(b)-i < blockSize && b[i] == 0 {
		i--
	}
	if i >= 0 && b[i] == 0x80 {
		return b[:i], nil
	}
	return nil, fmt.Errorf("%w: the padding of the deciphered answer", ErrIntegrity)
}

// appendCRC32 appends the CRC32 of DESFire over data, least significant byte
// first: the polynomial and start value of IEEE 802.3 without its final
// complement (AN12343 table 39; desfire-facts §5.4).
func appendCRC32(dst []byte, data ...[]byte) []byte {
	sum := uint32(0)
	for _, d := range data {
		sum = crc32.Update(sum, crc32.IEEETable, d)
	}
	sum = ^sum
	return append(dst, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}

// appendCRC16 appends the CRC_A of ISO/IEC 14443-3 over data, least significant
// byte first: polynomial x^16 + x^12 + x^5 + 1 reflected, start value 6363.
func appendCRC16(dst, data []byte) []byte {
	sum := uint16(0x6363)
	for _, d := range data {
		sum ^= uint16(d)
		for range 8 {
			sum = sum>>1 ^ 0x8408&-(sum&1)
		}
	}
	return append(dst, byte(sum), byte(sum>>8))
}

// rotate writes src, turned left by one byte, to dst.
func rotate(dst, src []byte) {
	copy(dst, src[1:])
	dst[len(src)-1] = src[0]
}
