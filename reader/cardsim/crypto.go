package cardsim

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"hash/crc32"

	"github.com/aead/cmac"
)

// macLength is the length of the MAC that travels: the leading bytes of the
// CMAC under EV1, its odd-numbered bytes under EV2.
const macLength = 8

// cmacOf is the whole CMAC of SP 800-38B.
func cmacOf(b cipher.Block, msg []byte) []byte {
	sum, err := cmac.Sum(msg, b, b.BlockSize())
	if err != nil {
		panic("cardsim: internal error: CMAC of a cipher that is neither DES nor AES: " + err.Error())
	}
	return sum
}

// cmacFrom is the CMAC of a message that is not empty, with the CBC chain
// starting from iv instead of zero. A first block D(iv) brings the chain to iv
// and leaves the choice of the subkey alone, so a plain CMAC computes it.
func cmacFrom(b cipher.Block, iv, msg []byte) []byte {
	lead := make([]byte, b.BlockSize(), b.BlockSize()+len(msg))
	b.Decrypt(lead, iv)
	return cmacOf(b, append(lead, msg...))
}

// encipher and decipher are CBC without padding; data is whole blocks.
func encipher(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, data)
	return out
}

func decipher(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, data)
	return out
}

// crc is the CRC32 of DESFire, least significant byte first: IEEE 802.3
// without the final complement.
func crc(parts ...[]byte) []byte {
	v := crc32.ChecksumIEEE(bytes.Join(parts, nil)) ^ 0xFFFFFFFF
	return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}

// padZero fills data with zeros to whole blocks.
func padZero(data []byte, block int) []byte {
	return append(bytes.Clone(data), make([]byte, (block-len(data)%block)%block)...)
}

// pad80 appends 80 00.. to whole blocks, always at least one byte (ISO/IEC
// 9797-1 padding method 2).
func pad80(data []byte, block int) []byte {
	return padZero(append(bytes.Clone(data), 0x80), block)
}

// unpad80 undoes pad80.
func unpad80(data []byte) ([]byte, bool) {
	cut := bytes.TrimRight(data, "\x00")
	if len(cut) == 0 || cut[len(cut)-1] != 0x80 {
		return nil, false
	}
	return cut[:len(cut)-1], true
}

// paddedLength is n rounded up to whole blocks.
func paddedLength(n, block int) int { return (n + block - 1) / block * block }

func isZero(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// rotate moves the first byte to the end.
func rotate(b []byte) []byte {
	return append(bytes.Clone(b[1:]), b[0])
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	subtle.XORBytes(out, a, b)
	return out
}

// uint24 reads three bytes, least significant first.
func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putUint24(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
