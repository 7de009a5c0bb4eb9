package cardsim

import (
	"bytes"
	"encoding/json"
	"testing"
)

// seeds are the frames of all published vectors. There must be some.
func seeds(t testing.TB) [][]byte {
	var out [][]byte
	for _, v := range loadVectors[ev1Session](t, "ev1_sessions.json") {
		for _, s := range v.Steps {
			for _, f := range s.Frames {
				out = append(out, unhex(t, f.CAPDU), unhex(t, f.Tx))
			}
		}
	}
	for _, v := range loadVectors[ev2Vector](t, "ev2_commands.json") {
		if v.CAPDU != "" {
			out = append(out, unhex(t, v.CAPDU))
		}
	}
	for _, s := range []string{
		"6C02", "9D", "0C0205000000", "3B0300000002000001 02", "BB03000000000000", "DB0300000000000001000009", "EB03", "C7", "A7",
		"C8" + dots(16), "550100", "56010202", "570101", "6D", "61", "F502", "F50F", "5C0200", "0A00", "AD00000000000000",
		"C005AAE100EEEE040000030000", "CE0F0310F002" + dots(17), "00A40404000341424300", "00A4000002E110",
	} {
		out = append(out, unhex(t, s))
	}
	for _, s := range []string{"FFCA000000", "00A4040C07D276000085010000", "907100000200 0000", "60", "AF"} {
		out = append(out, unhex(t, s))
	}
	if len(out) < 100 {
		t.Fatalf("only %d seeds", len(out))
	}
	return out
}

// fuzzCard is a card with an application of every kind of file, selected.
func fuzzCard(t testing.TB) *client {
	c := newClient(t)
	rich(c)
	return c
}

// checkAnswer: an answer is either native (a status and data), or ends with a
// status word; the card's state stays one that it would load; an error carries
// no data and leaves no session.
func checkAnswer(t *testing.T, c *Card, frame, raw []byte) {
	t.Helper()
	if len(raw) == 0 {
		t.Fatalf("%X: no answer", frame)
	}
	if len(frame) > 1 && frame[0] == classNative {
		n := len(raw) - 2
		if n < 0 || n > longAnswer {
			t.Fatalf("%X: %d bytes", frame, len(raw))
		}
		failed := raw[n] != 0x91 || status(raw[n+1]).isError()
		if _, legacy := c.session.(*d40); legacy && status(raw[n+1]) == statusDenied {
			failed = false // which leaves a D40 session open
		}
		if failed && (n > 0 || c.session != nil || c.next != nil) {
			t.Fatalf("%X: %X leaves data, session or chain", frame, raw)
		}
	}
	if err := c.state.validate(); err != nil {
		t.Fatalf("%X: the card is damaged: %v", frame, err)
	}
}

// FuzzFrame: any byte string is answered, in a session and without.
func FuzzFrame(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, frame []byte, session bool) {
		c := fuzzCard(t)
		if session {
			c.mustAuth(0, zeroKey)
		}
		raw, err := c.card.Exchange(t.Context(), frame)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, c.card, frame, raw)
	})
}

// FuzzFrames: any sequence of frames; each starts with its length.
func FuzzFrames(f *testing.F) {
	all := seeds(f)
	for i := range len(all) - 3 {
		var run []byte
		for _, s := range all[i : i+3] {
			run = append(append(run, byte(len(s))), s...)
		}
		f.Add(run)
	}
	f.Fuzz(func(t *testing.T, run []byte) {
		c := fuzzCard(t)
		for len(run) > 0 {
			n := min(int(run[0]), len(run)-1)
			frame := run[1 : 1+n]
			run = run[1+n:]
			raw, err := c.card.Exchange(t.Context(), frame)
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, c.card, frame, raw)
		}
	})
}

// FuzzEV2: any parameters of any command, under a good MAC and cipher, so that
// they reach the command itself; power may fail meanwhile.
func FuzzEV2(f *testing.F) {
	n := 0
	for _, v := range loadVectors[ev2Vector](f, "ev2_commands.json") {
		f.Add(unhex(f, v.Ins)[0:min(1, len(v.Ins)/2)], byte(0), false)
		n++
	}
	for ins := range commands {
		f.Add(append([]byte{ins, 3}, make([]byte, 16)...), byte(2), ins%2 == 0)
		n++
	}
	if n < 60 {
		f.Fatalf("only %d seeds", n)
	}
	f.Fuzz(func(t *testing.T, command []byte, m byte, cut bool) {
		if len(command) == 0 || m > byte(modeFull) || len(command) > 1000 {
			return
		}
		c := fuzzCard(t)
		c.mustAuth(0, zeroKey)
		cmd := commands[command[0]]
		if cmd.raw != nil || !cmd.long && len(command)+24 > frameData {
			return
		}
		header := min(cmd.header, len(command)-1)
		wire := c.seal(mode(m), header, command[0], command[1:])
		c.card.cut = cut
		raw, err := c.card.Exchange(t.Context(), append([]byte{command[0]}, wire...))
		if err != nil || len(raw) == 0 {
			t.Fatal(raw, err)
		}
		if err := c.card.state.validate(); err != nil {
			t.Fatalf("%X: the card is damaged: %v", command, err)
		}
	})
}

// FuzzState: a state file is refused, or comes back as it was and gives a card
// that works.
func FuzzState(f *testing.F) {
	for _, c := range []*Card{simCard(f, ""), fuzzCard(f).card} {
		raw, err := json.Marshal(c.state)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseState(raw)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if s2, err := parseState(again); err != nil {
			t.Fatalf("written and read back: %v", err)
		} else if third, _ := json.Marshal(s2); !bytes.Equal(again, third) {
			t.Fatalf("%s\nbecomes\n%s", again, third)
		}
		c := newClient(t)
		c.card.state = s
		c.card.Reset()
		for _, a := range append([]*application{s.PICC}, s.Apps...) {
			if a.Broken {
				continue
			}
			c.selectApp(a.AID...)
			for _, ins := range []byte{0x60, 0x6E, 0x45, 0x6F} {
				c.plain(ins, nil)
			}
			for _, file := range a.Files {
				c.plain(0xF5, []byte{file.Number})
				c.plain(0xBD, []byte{file.Number, 0, 0, 0, 0, 0, 0})
				c.plain(0xBB, []byte{file.Number, 0, 0, 0, 0, 0, 0})
				c.plain(0x6C, []byte{file.Number})
				c.plain(0x3B, []byte{file.Number, 0, 0, 0, 1, 0, 0, 9})
				c.plain(0xC7, nil)
			}
		}
	})
}
