package relaytest

import (
	"context"
	"encoding/binary"
	"encoding/hex"

	"badgekms/reader"
)

// Card answers the reader's GET DATA (FF CA) with uid and every other command
// by answer, or with its own INS byte and 9100 where answer is nil.
func Card(uid []byte, answer reader.Exchange) reader.Card {
	return reader.Exchange(func(ctx context.Context, apdu []byte) ([]byte, error) {
		switch {
		case apdu[0] == 0xFF:
			return binary.BigEndian.AppendUint16(append([]byte(nil), uid...), uint16(reader.SWSuccess)), nil
		case answer != nil:
			return answer(ctx, apdu)
		}
		return []byte{apdu[1], 0x91, 0x00}, nil
	})
}

// Hex decodes a literal and panics on a mistake in it.
func Hex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("relaytest: " + err.Error())
	}
	return b
}
