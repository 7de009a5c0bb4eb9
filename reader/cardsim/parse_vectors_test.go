package cardsim

import (
	"bytes"
	"strings"
	"testing"
)

// TestAnswers: cards like the ones whose answers were published give them too.
func TestAnswers(t *testing.T) {
	files := map[string]*file{
		"fs-std-rfdl":  {Rights: hexBytes{0x11, 0x00}, Data: make([]byte, 80)},
		"fs-backup":    {Type: fileBackup, Option: 3, Rights: hexBytes{0x54, 0x12}, Data: make([]byte, 64)},
		"fs-value":     {Type: fileValue, Option: 3, Rights: hexBytes{0x54, 0x12}, Value: &value{Upper: 1000, Value: 3, Limited: 97}},
		"fs-light-std": {Option: 3, Rights: hexBytes{0x30, 0x1F}, Data: make([]byte, 256)},
	}
	for _, v := range loadVectors[struct {
		ID, Kind       string
		CAPDUs, RAPDUs []string
		Response       string `json:"response_data"`
		Parsed         struct {
			UID, Batch string
			Storage    struct{ Code string } `json:"hw_storage"`
			HW         string                `json:"hw_major"`
			Week       string                `json:"production_week_bcd"`
			Year       string                `json:"production_year_bcd"`
		}
	}](t, "parse.json") {
		t.Run(v.ID, func(t *testing.T) {
			c := newCard(t, "")
			if v.Kind == "file_settings" {
				giveApp(c, typeAES, 6, make([]byte, 16), 0x0F)
				f := files[v.ID]
				if f == nil {
					t.Fatal("a new vector: say what file it needs")
				}
				c.app.Files = append(c.app.Files, f)
				expect(t, c, "90F50000010000", v.Response+"9100")
				return
			}
			c.state.Type = map[string]Type{"01": EV1, "12": EV2, "22": EV2XL, "33": EV3}[v.Parsed.HW]
			c.state.Storage = unhex(t, v.Parsed.Storage.Code)[0]
			c.state.UID, c.state.Batch = unhex(t, v.Parsed.UID), unhex(t, v.Parsed.Batch)
			c.state.Week, c.state.Year = unhex(t, v.Parsed.Week)[0], unhex(t, v.Parsed.Year)[0]
			for i := range v.CAPDUs {
				expect(t, c, v.CAPDUs[i], v.RAPDUs[i])
			}
		})
	}
}

// TestNegativeVectors: the bytes that a reader must refuse are not what the
// card answers to the same command.
func TestNegativeVectors(t *testing.T) {
	played := 0
	for _, v := range loadVectors[struct {
		ID, Kind, Key  string
		CAPDU, RAPDU   string
		CAPDU1, RAPDU1 string
		CAPDU2, RAPDU2 string
		Session        struct {
			Enc string `json:"ses_auth_enc"`
			Mac string `json:"ses_auth_mac"`
			TI  string
			Ctr uint16 `json:"cmd_ctr_before"`
		}
	}](t, "negative.json") {
		t.Run(v.ID, func(t *testing.T) {
			command, forged := v.CAPDU, v.RAPDU
			c := newCard(t, strings.Repeat("00", 32))
			if v.Kind == "negative_ev2_auth" {
				k := newKey(typeAES, unhex(t, v.Key), 0)
				challenge := unhex(t, v.RAPDU1)[:16]
				c = newCard(t, hexOf(decipher(k.block(), make([]byte, 16), challenge))+"9D00C4DF")
				giveApp(c, typeAES, 5, unhex(t, v.Key), 0x0B)
				expect(t, c, v.CAPDU1, v.RAPDU1)
				command, forged = v.CAPDU2, v.RAPDU2
			} else {
				giveApp(c, typeAES, 5, make([]byte, 16), 0x0B)
				aFile(0, 1, "00 00", 64, "")(t, c)
				aFile(15, 3, "00 00", 64, strings.Repeat("22", 25))(t, c)
				c.session = &ev2{
					enc: newBlock(typeAES, unhex(t, v.Session.Enc)), auth: newBlock(typeAES, unhex(t, v.Session.Mac)),
					ti: [4]byte(unhex(t, v.Session.TI)), counter: v.Session.Ctr,
				}
			}
			got, err := c.Exchange(t.Context(), unhex(t, command))
			if err != nil || bytes.Equal(got, unhex(t, forged)) {
				t.Fatalf("%X, %v", got, err)
			}
			played++
		})
	}
	if played == 0 {
		t.Error("no vector was played")
	}
}

func hexOf(b []byte) string { text, _ := hexBytes(b).MarshalText(); return string(text) }
