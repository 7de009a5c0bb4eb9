package procedure_test

import (
	"testing"

	"badgekms/kms/procedure"
	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
)

// A wrong originality signature is refused under every policy, a missing one
// where it is required, and that of simulated cards unless their key is known.
func TestOriginality(t *testing.T) {
	missing := instead(insReadSig, reader.Response{SW: 0x911C})
	forged := func(ins byte, r reader.Response) reader.Response {
		if ins == insReadSig && len(r.Data) > 0 {
			r.Data[5] ^= 1
		}
		return r
	}
	empty := instead(insReadSig, reader.Response{SW: 0x9190})
	honest := func(_ byte, r reader.Response) reader.Response { return r }
	known := []desfire.OriginalityKey{simulatorKey(t)}
	const ok = badgekmsv1.Reason_REASON_UNSPECIFIED
	const refused = badgekmsv1.Reason_REASON_CARD_NOT_GENUINE
	for name, c := range map[string]struct {
		policy procedure.OriginalityPolicy
		answer func(byte, reader.Response) reader.Response
		want   badgekmsv1.Reason
		found  procedure.Originality
	}{
		"required, there":              {procedure.OriginalityPolicy{Require: true, TestKeys: known}, honest, ok, procedure.OriginalityTest},
		"required, missing":            {procedure.OriginalityPolicy{Require: true, TestKeys: known}, missing, refused, procedure.OriginalityNone},
		"required, forged":             {procedure.OriginalityPolicy{Require: true, TestKeys: known}, forged, refused, procedure.OriginalityInvalid},
		"required, of a simulator":     {procedure.OriginalityPolicy{Require: true}, honest, refused, procedure.OriginalityInvalid},
		"not required, missing":        {procedure.OriginalityPolicy{}, missing, ok, procedure.OriginalityNone},
		"not required, forged":         {procedure.OriginalityPolicy{TestKeys: known}, forged, refused, procedure.OriginalityInvalid},
		"not required, of a simulator": {procedure.OriginalityPolicy{}, honest, refused, procedure.OriginalityInvalid},
		"not required, empty":          {procedure.OriginalityPolicy{TestKeys: known}, empty, refused, procedure.OriginalityInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			k.holder()
			k.restart(func(o *procedure.Options) { o.Originality = c.policy })
			card := &tampered{Card: newCard(t, cardsim.EV3), answer: c.answer}
			look, _ := k.present(card, card.UID(), badgekmsv1.Procedure_PROCEDURE_INSPECT)
			i, err := k.Inspect(t.Context(), look)
			must(t, err)
			if i.Originality != c.found || (i.NotEncodable == nil) != (c.want == ok) {
				t.Errorf("inspection: originality %d, not encodable: %v", i.Originality, i.NotEncodable)
			}
			_, err = k.provision(card, card.UID())
			if c.want == ok {
				must(t, err)
			} else if reason.Of(err) != c.want {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// The signature of another card is no signature of this one.
func TestBorrowedSignature(t *testing.T) {
	k := newKMS(t)
	k.holder()
	genuine := newCard(t, cardsim.EV3)
	sig, err := genuine.Transmit(t.Context(), []reader.Command{{APDU: []byte{0x90, insReadSig, 0, 0, 1, 0, 0}, Expect: 0x9190}})
	must(t, err)
	card := &tampered{Card: newCard(t, cardsim.EV3), answer: instead(insReadSig, sig[0])}
	if _, err := k.provision(card, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_CARD_NOT_GENUINE {
		t.Errorf("error %v", err)
	}
}
