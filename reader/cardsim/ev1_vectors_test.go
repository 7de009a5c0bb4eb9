package cardsim

import (
	"bytes"
	"testing"
)

// ev1Frame is one frame of an EV1 vector, in the wrapped form and the native one.
type ev1Frame struct{ Tx, Rx, CAPDU, RAPDU string }

func (f ev1Frame) play(t *testing.T, c *Card, native bool) {
	t.Helper()
	if native {
		expect(t, c, f.Tx, f.Rx)
		return
	}
	expect(t, c, f.CAPDU, f.RAPDU)
}

type ev1Auth struct {
	ID, Kind, Ins, Cipher, Key string
	KeyNo                      string `json:"key_no"`
	RndB                       string `json:"rnd_b"`
	SessionKey                 string `json:"session_key"`
	Frames                     []ev1Frame
}

// keyOf gives type and stored bytes of an EV1 vector's key: DES keys of 8 bytes
// are stored twice.
func keyOf(t *testing.T, cipher, key string) (keyType, []byte) {
	raw := unhex(t, key)
	switch cipher {
	case "aes":
		return typeAES, raw
	case "3k3des":
		return type3TDEA, raw
	case "des":
		return type2TDEA, append(raw, raw...)
	case "2k3des":
		return type2TDEA, raw
	}
	t.Fatalf("unknown cipher %q", cipher)
	return 0, nil
}

func TestEV1Handshakes(t *testing.T) {
	for _, v := range loadVectors[ev1Auth](t, "ev1_auth.json") {
		t.Run(v.ID, func(t *testing.T) {
			c := newCard(t, v.RndB)
			kt, raw := keyOf(t, v.Cipher, v.Key)
			giveApp(c, kt, maxKeys, raw, 0x0F)
			c.state.Type = EV1
			for _, f := range v.Frames {
				f.play(t, c, false)
			}
		})
	}
}

type ev1Session struct {
	ID    string
	Kind  string
	Auth  ev1Auth
	Steps []struct {
		Name   string
		Frames []ev1Frame
		NewKey string `json:"new_key"`
		KeyNo  string `json:"key_no"`
	}
}

// ev1Setup prepares the cards of the sessions that need more than the keys.
func ev1Setup(t *testing.T, c *Card, id string) {
	switch id {
	case "ev1-rfdl-01-des-key0", "ev1-skj-testaes1-1-key0", "ev1-skj-testaes1-2-key0", "ev1-skj-testaes2-1-key0",
		"ev1-skj-testaes2-2-key0", "ev1-revk-factory-to-aes", "d40-skj-factory-to-aes":
		k := c.app.Keys[0]
		c.state.Apps, c.state.PICC.Keys[0], c.state.PICC.KeyType = nil, k, k.Type
		c.enter(c.state.PICC)
		if id == "ev1-rfdl-01-des-key0" {
			c.state.UID, c.state.Batch, c.state.Week, c.state.Year = unhex(t, "04063F72633480"), unhex(t, "BA4519E320"), 0x49, 0x13
		}
	case "ev1-rfdl-02-des-key0":
		c.app.Keys = c.app.Keys[:2]
	case "ev1-skj-testaes2-3-key0":
		c.app.KeySettings = 0x02
	case "ev1-skj-testaes2-4-key5":
		aFile(0x0F, 3, "54 12", 100, "")(t, c)
	case "ev1-skj-test3k3des2-1-key5":
		aFile(5, 3, "54 12", 64, "3030")(t, c)
		c.app.Files[0].Type = fileBackup
		c.app.Files = append(c.app.Files,
			&file{Number: 4, Type: fileValue, Option: 3, Rights: unhex(t, "54 12"), Value: &value{Upper: 1000, Value: 3, Limited: 97}},
			&file{Number: 0, Type: fileCyclic, Option: 3, Rights: unhex(t, "54 12"), RecordSize: 4, MaxRecords: 10, Data: unhex(t, "722E3030")})
	case "ev1-skj-test3k3des4-1-key5":
		for _, n := range []byte{0x0F, 5, 4, 0} {
			aFile(n, 3, "54 12", 64, "3030")(t, c)
		}
		c.app.file(5).Type = fileBackup
	}
	if id == "ev1-rfdl-16-aes-key0" {
		c.app.Keys[1] = newKey(typeAES, make([]byte, 16), 0)
	}
}

// TestEV1Sessions repeats recorded sessions of real cards, in both framings.
// Nothing is left out, so that under EV1 one IV chains through all of it.
func TestEV1Sessions(t *testing.T) {
	played := 0
	for _, v := range loadVectors[ev1Session](t, "ev1_sessions.json") {
		for framing, native := range map[string]bool{"wrapped": false, "native": true} {
			t.Run(v.ID+"/"+framing, func(t *testing.T) {
				c := newCard(t, v.Auth.RndB)
				kt, raw := keyOf(t, v.Auth.Cipher, v.Auth.Key)
				giveApp(c, kt, maxKeys, raw, 0x0F)
				c.state.Type = EV1
				ev1Setup(t, c, v.ID)
				for _, f := range v.Auth.Frames {
					f.play(t, c, native)
				}
				for _, s := range v.Steps {
					for _, f := range s.Frames {
						f.play(t, c, native)
					}
					played++
					if s.NewKey != "" {
						if got := c.app.key(unhex(t, s.KeyNo)[0] & 0x3F); !bytes.Equal(got.Bytes, unhex(t, s.NewKey)) {
							t.Errorf("%s: the key is not the new one", s.Name)
						}
					}
				}
			})
		}
	}
	if played < 90 {
		t.Errorf("only %d steps were played", played)
	}
}
