package cardsim

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"badgekms/reader"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// used is a card with one of everything, its state in path.
func used(t testing.TB, path string) *client {
	c := &client{t: t, card: simCard(t, path)}
	c.personalise(keyFilled(0x11))
	c.app(0x0F, 3)
	c.must(modeMAC, 0, 0xCD, 1, 3, 0x00, 0x12, 16, 0, 0)
	c.must(modeMAC, 0, 0xCB, 2, 0, 0x00, 0xEE, 4, 0, 0)
	c.must(modePlain, 7, 0x3D, 2, 0, 0, 0, 2, 0, 0, 0xAA, 0xBB)
	c.must(modePlain, 0, 0xC7)
	if st := c.auth(1, keyFilled(9)); st != statusAuthentication {
		t.Fatalf("91%02X", byte(st))
	}
	return c
}

func TestStateReload(t *testing.T) {
	path := stateFile(t)
	c := used(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: the file holds keys", info.Mode(), err)
	}
	again, err := New(Options{State: path})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.card.state, again.state); diff != "" {
		t.Error(diff)
	}
	if again.app != again.state.PICC || again.session != nil {
		t.Error("selection or session outlived the power")
	}
	if k := again.state.Apps[0].Keys[1]; k.SeqFail != 1 {
		t.Errorf("%d failures after the reload", k.SeqFail)
	}
	if left, _ := filepath.Glob(path + "*.tmp"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestOldState: a file of format 1, written by the first version of this
// package, still gives its card, and is written back in the present form.
func TestOldState(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "format1.json"))
	if err != nil || !bytes.Contains(raw, []byte(`"badgekms_card_sim": 1`)) {
		t.Fatalf("not a file of format 1: %v", err)
	}
	path := stateFile(t)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	card, err := New(Options{State: path})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, card: card}
	c.mustAuth(0, keyFilled(0x11))
	c.selectApp(1, 2, 3)
	if got := c.must(modePlain, 7, 0xBD, 2, 0, 0, 0, 0, 0, 0); !bytes.Equal(got, []byte{0xAA, 0xBB, 0, 0}) {
		t.Errorf("file 2 is %X", got)
	}
	if k := card.app.Keys[1]; k.SeqFail != 1 {
		t.Errorf("%d failures", k.SeqFail)
	}
	if got := card.ATR(); !bytes.Equal(got, unhex(t, "3B8180018080")) || card.state.Limits != defaultLimits() {
		t.Errorf("ATR %X, limits %v", got, card.state.Limits)
	}
	if s := reload(t, path); s.Format != stateFormat {
		t.Errorf("the file has format %d", s.Format)
	}
	if now, _ := os.ReadFile(path); !bytes.Contains(now, []byte(`"badgekms_card_sim": 2`)) {
		t.Error("the file was not written back")
	}
}

// TestRichState: what only the newer products and file types have survives a
// reload.
func TestRichState(t *testing.T) {
	path := stateFile(t)
	c := &client{t: t, card: simCard(t, path)}
	rich(c)
	again, err := New(Options{State: path})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.card.state, again.state, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// rich fills a card with a file of every type and two key sets.
func rich(c *client) {
	c.must(modeMAC, 0, 0xCA, unhex(c.t, "010203 0F B3 01 10 02 10 01 10E1 414243")...)
	c.selectApp(1, 2, 3)
	c.must(modeMAC, 0, 0xCD, unhex(c.t, "00 00E1 03 0012 200000")...)
	c.must(modeMAC, 0, 0xCB, unhex(c.t, "01 01E1 00 EEEE 200000")...)
	c.must(modeMAC, 0, 0xCC, unhex(c.t, "02 00 EEEE 00000000 64000000 32000000 03")...)
	c.must(modeMAC, 0, insLinear, unhex(c.t, "03 03E1 00 EEEE 040000 030000")...)
	c.must(modeMAC, 0, insCyclic, unhex(c.t, "04 04E1 01 0000 040000 030000")...)
	c.mustAuth(0, zeroKey)
	c.must(modeFull, 1, 0x5F, unhex(c.t, "00 83 0011 01 FF0F")...)
	c.must(modeFull, 5, 0xCE, append(unhex(c.t, "0F 03 F01F 02"), append(keyFilled(0x4C), 0)...)...)
	c.must(modeMAC, 0, 0x56, 1, 2)
	c.must(modePlain, 7, 0x3B, unhex(c.t, "03 000000 020000 AABB")...)
	c.must(modePlain, 1, insDebit, unhex(c.t, "02 05000000")...)
	c.must(modeMAC, 0, 0xC7)
	c.selectApp(1, 2, 3)
	c.s = nil
}

func TestStateMismatch(t *testing.T) {
	path := stateFile(t)
	simCard(t, path)
	for name, o := range map[string]Options{
		"UID":        {State: path, UID: unhex(t, "04000000000000")},
		"type":       {State: path, Type: EV2},
		"memory":     {State: path, Memory: 4096},
		"UID length": {UID: unhex(t, "04000000")},
		"no type":    {State: path + ".none"},
		"no folder":  {State: filepath.Join(path, "x"), Type: EV3},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		} else if want := name == "UID" || name == "type" || name == "memory"; errors.Is(err, ErrState) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused card left a file")
	}
}

// TestCorruptState: every damage is refused and the file left as it is.
func TestCorruptState(t *testing.T) {
	path := stateFile(t)
	used(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":             "",
		"cut":               string(good[:len(good)/2]),
		"not JSON":          "hello",
		"more":              string(good) + "{}",
		"unknown field":     strings.Replace(string(good), `"week_bcd"`, `"weak_bcd"`, 1),
		"format":            strings.Replace(string(good), `"badgekms_card_sim": 2`, `"badgekms_card_sim": 3`, 1),
		"type":              strings.Replace(string(good), `"EV3"`, `"EV9"`, 1),
		"UID":               strings.Replace(string(good), `"04112233445566"`, `"041122"`, 1),
		"storage":           strings.Replace(string(good), `"storage": 26`, `"storage": 27`, 1),
		"memory":            strings.Replace(string(good), `"memory_used": `, `"memory_used": 9`, 1),
		"key type":          strings.Replace(string(good), `"type": 2`, `"type": 1`, 1),
		"key":               strings.Replace(string(good), strings.Repeat("11", 16), "11", 1),
		"no PICC":           strings.Replace(string(good), `"picc": {`, `"picc": null, "x": {`, 1),
		"file number":       strings.Replace(string(good), `"number": 1`, `"number": 2`, 1),
		"file number range": strings.Replace(string(good), `"number": 1`, `"number": 77`, 1),
		"file rights":       strings.Replace(string(good), `"rights": "0012"`, `"rights": "00"`, 1),
		"counter":           strings.Replace(string(good), `"seq_fail": 1`, `"seq_fail": -1`, 1),
		"AID":               strings.Replace(string(good), `"aid": "010203"`, `"aid": "000000"`, 1),
		"ATS":               strings.Replace(string(good), `"ats": "0675`, `"ats": "0775`, 1),
		"limits":            strings.Replace(string(good), `"limit": 1000`, `"limit": 0`, 1),
		"size of a product": strings.Replace(string(good), `"storage": 26`, `"storage": 28`, 1),
		"null application":  strings.Replace(string(good), `"applications": [`, `"applications": [null,`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if bad == string(good) {
				t.Fatal("this damage changes nothing")
			}
			if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := New(Options{State: path})
			if !errors.Is(err, ErrState) || c != nil || !strings.Contains(err.Error(), path) {
				t.Errorf("card %v, error %v", c, err)
			}
			if now, _ := os.ReadFile(path); string(now) != bad {
				t.Error("the file was overwritten")
			}
		})
	}
}

// TestSaveFails: a state that cannot be written is a failed EEPROM write, and
// the card goes on from what the file holds.
func TestSaveFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "card.json")
	c := used(t, path)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c.selectApp(0, 0, 0)
	c.refused(statusEEPROM, modeMAC, 0, 0xCA, 9, 9, 9, 0x0F, 0x81)
	c.refused(statusNoApplication, modePlain, 0, 0x5A, 9, 9, 9)
	c.selectApp(1, 2, 3)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c.mustAuth(1, zeroKey)
	if again, err := New(Options{State: path}); err != nil || len(again.state.Apps) != 1 {
		t.Errorf("after the folder is back: %v", err)
	}
}

// TestTear: a command that changes the card, torn off before or after it took
// effect. The state file says the same as the card.
func TestTear(t *testing.T) {
	key := keyFilled(0x33)
	for name, v := range map[string]struct {
		m       mode
		header  int
		command []byte
		done    func(a *application) bool
	}{
		"create file":  {modeMAC, 0, unhex(t, "CD0500EEEE010000"), func(a *application) bool { return a.file(5) != nil }},
		"change key":   {modeFull, 1, append([]byte{0xC4, 0}, append(bytes.Clone(key), 7)...), func(a *application) bool { return a.Keys[0].Version == 7 }},
		"write":        {modePlain, 7, unhex(t, "3D0600000001000077"), func(a *application) bool { return a.file(6).Data[0] == 0x77 }},
		"commit":       {modeMAC, 0, []byte{0xC7}, func(a *application) bool { return a.file(7).Data[0] == 0x88 }},
		"key settings": {modeFull, 0, []byte{0x54, 0x09}, func(a *application) bool { return a.KeySettings == 0x09 }},
	} {
		for moment, want := range map[Moment]bool{Before: false, After: true} {
			t.Run(name, func(t *testing.T) {
				path := stateFile(t)
				c := used(t, path)
				c.selectApp(1, 2, 3)
				c.must(modePlain, 0, 0xCD, 6, 0, 0x0E, 0xEE, 1, 0, 0)
				c.must(modePlain, 0, 0xCB, 7, 0, 0x0E, 0xEE, 1, 0, 0)
				c.mustAuth(0, zeroKey)
				c.must(modePlain, 7, 0x3D, unhex(t, "0700000001000088")...)
				c.tornOff(v.m, v.header, v.command, moment)
				for _, s := range []*state{c.card.state, reload(t, path)} {
					if got := v.done(s.Apps[0]); got != want {
						t.Errorf("moment %d: took effect %v, want %v", moment, got, want)
					}
				}
				expect(t, c.card, "906E000000", freeAnswer(c.card)) // it answers when it is back
			})
		}
	}
}

func freeAnswer(c *Card) string {
	raw, _ := hexBytes(append(putUint24(c.freeBytes()), 0x91, 0)).MarshalText()
	return string(raw)
}

func reload(t *testing.T, path string) *state {
	t.Helper()
	s, err := loadState(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tornOff sends a command of one frame during which the card is taken away.
func (c *client) tornOff(m mode, header int, command []byte, moment Moment) {
	c.t.Helper()
	wire := c.seal(m, header, command[0], command[1:])
	c.card.TearAt(1, moment)
	expect(c.t, c.card, "FFCA000000", "041122334455669000") // the reader's own does not count
	apdu := append([]byte{0x90, command[0], 0, 0}, byte(len(wire)))
	apdu = append(append(apdu, wire...), 0)
	if len(wire) == 0 {
		apdu = []byte{0x90, command[0], 0, 0, 0}
	}
	if raw, err := c.card.Exchange(c.t.Context(), apdu); !errors.Is(err, reader.ErrRemoved) || raw != nil {
		c.t.Fatalf("%X, %v", raw, err)
	}
}

func TestTearCounts(t *testing.T) {
	c := simCard(t, "")
	run := make([]reader.Command, 4)
	for i := range run {
		run[i] = reader.Command{APDU: unhex(t, "906E000000"), Expect: 0x9100}
	}
	c.TearAt(3, After)
	if rs, err := c.Transmit(t.Context(), run); len(rs) != 2 || !errors.Is(err, reader.ErrRemoved) {
		t.Errorf("%d answers, %v", len(rs), err)
	}
	c.TearAt(2, Before)
	c.TearAt(0, Before)
	if rs, err := c.Transmit(t.Context(), run); len(rs) != 4 || err != nil {
		t.Errorf("disarmed: %d answers, %v", len(rs), err)
	}
}
