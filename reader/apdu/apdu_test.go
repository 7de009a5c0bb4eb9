package apdu_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/test/vectors"
)

// TestAppendVectors wraps the native frames of recorded sessions.
func TestAppendVectors(t *testing.T) {
	n := 0
	for _, s := range vectors.EV1Sessions(t) {
		for _, st := range s.Steps {
			for _, f := range st.Frames {
				n++
				if got := apdu.Append(nil, apdu.INS(f.TX[0]), f.TX[1:]); !bytes.Equal(got, f.CAPDU) {
					t.Errorf("%s: %X, want %s", s.ID, got, f.CAPDU)
				}
				if got := apdu.Len(len(f.TX) - 1); got != len(f.CAPDU) {
					t.Errorf("%s: Len %d, want %d", s.ID, got, len(f.CAPDU))
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d frames, want at least 50", n)
	}
}

// TestFramesVectors cuts the long commands of recorded sessions as the PCD did.
func TestFramesVectors(t *testing.T) {
	n := 0
	for _, s := range vectors.EV1Sessions(t) {
		for _, st := range s.Steps {
			var data []byte
			var want []vectors.Frame
			for i, f := range st.Frames {
				if i > 0 && len(f.TX) == 1 {
					break // a frame that only asks for more of the answer
				}
				data = append(data, f.TX[1:]...)
				want = append(want, f)
			}
			if len(want) < 2 {
				continue
			}
			n++
			run, err := apdu.Frames(nil, apdu.INS(want[0].TX[0]), data, apdu.StatusOK)
			if err != nil || len(run) != len(want) {
				t.Fatalf("%s %s: %d frames, want %d, %v", s.ID, st.Name, len(run), len(want), err)
			}
			for i, f := range want {
				if !bytes.Equal(run[i].APDU, f.CAPDU) || run[i].Expect.String() != fmt.Sprintf("91%02X", f.RX[0]) {
					t.Errorf("%s %s: frame %d is %X, expects %s", s.ID, st.Name, i, run[i].APDU, run[i].Expect)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no recorded command has more than one frame")
	}
}

func TestFramesLimits(t *testing.T) {
	tests := []struct {
		ins   apdu.INS
		n     int
		sizes []int // of the data in each frame
	}{
		{apdu.INSWriteData, 0, []int{0}},
		{apdu.INSWriteData, 1, []int{1}},
		{apdu.INSWriteData, 54, []int{54}},
		{apdu.INSWriteData, 55, []int{54, 1}},
		{apdu.INSWriteData, 108, []int{54, 54}},
		{apdu.INSWriteData, 109, []int{54, 54, 1}},
		{apdu.INSWriteDataISO, 54, []int{54}},
		{apdu.INSWriteDataISO, 255, []int{255}},
	}
	for _, tt := range tests {
		data := make([]byte, tt.n)
		for i := range data {
			data[i] = byte(i)
		}
		run, err := apdu.Frames([]reader.Command{{}}, tt.ins, data, apdu.StatusSignatureOK)
		if err != nil || len(run) != 1+len(tt.sizes) {
			t.Fatalf("%s of %d bytes: run of %d, %v", tt.ins, tt.n, len(run), err)
		}
		var joined []byte
		for i, c := range run[1:] {
			p, err := apdu.Parse(c.APDU)
			if err != nil || len(p.Data) != tt.sizes[i] || !p.HasLe {
				t.Errorf("%s of %d bytes: frame %d is %s, %v", tt.ins, tt.n, i, p, err)
			}
			want, expect := tt.ins, apdu.StatusAdditionalFrame
			if i > 0 {
				want = apdu.INSAdditionalFrame
			}
			if i == len(tt.sizes)-1 {
				expect = apdu.StatusSignatureOK
			}
			if got, native := p.Native(); got != want || !native || c.Expect != expect.SW() {
				t.Errorf("%s of %d bytes: frame %d is %s and expects %s", tt.ins, tt.n, i, p, c.Expect)
			}
			joined = append(joined, p.Data...)
		}
		if !bytes.Equal(joined, data) {
			t.Errorf("%s of %d bytes: the frames carry %d", tt.ins, tt.n, len(joined))
		}
	}
	run, err := apdu.Frames(nil, apdu.INSReadDataISO, make([]byte, 256), apdu.StatusOK)
	if !errors.Is(err, apdu.ErrTooLong) || len(run) != 0 {
		t.Errorf("256 bytes in one APDU: %v", err)
	}
}

// TestFramesDoNotShare: appending to one frame must not write into the next.
func TestFramesDoNotShare(t *testing.T) {
	run, err := apdu.Frames(nil, apdu.INSWriteData, make([]byte, 60), apdu.StatusOK)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.Clone(run[1].APDU)
	_ = append(run[0].APDU, 0xFF, 0xFF)
	if !bytes.Equal(run[1].APDU, second) {
		t.Error("the frames share room")
	}
}

func TestAppendPanicsOnLongData(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("256 bytes of data do not panic")
		}
	}()
	apdu.Append(nil, apdu.INSWriteData, make([]byte, 256))
}

func TestContinue(t *testing.T) {
	run := apdu.Continue(nil, 3)
	if len(run) != 3 {
		t.Fatalf("run of %d", len(run))
	}
	for _, c := range run {
		if fmt.Sprintf("%X", c.APDU) != "90AF000000" || c.Expect != 0x91AF {
			t.Errorf("%X expects %s", c.APDU, c.Expect)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		raw  string
		want string // what Describe says
		ok   bool
	}{
		{"\x90\x60\x00\x00\x00", "GetVersion (0 bytes)", true},
		{"\x90\x5A\x00\x00\x03\x01\x02\x03\x00", "SelectApplication (3 bytes)", true},
		{"\x00\xA4\x04\x00\x02\x01\x02", "ISO command 00 A4 04 00 (2 bytes)", true},
		{"\xFF\xCA\x00\x00\x00", "ISO command FF CA 00 00 (0 bytes)", true},
		{"\x90\x99\x00\x00\x00", "command 99 (0 bytes)", true},
		{"\x00\x84\x00\x00", "ISO command 00 84 00 00 (0 bytes)", true},
		{"", "malformed command (0 bytes)", false},
		{"\x90\x60\x00", "malformed command (3 bytes)", false},
		{"\x90\x5A\x00\x00\x03\x01\x02", "malformed command (7 bytes)", false},
		{"\x90\x5A\x00\x00\x01\x01\x02\x03", "malformed command (8 bytes)", false},
		{"\x90\x5A\x00\x00\x00\x01\x00\x07", "malformed command (8 bytes)", false},
	}
	for _, tt := range tests {
		if got := apdu.Describe([]byte(tt.raw)); got != tt.want {
			t.Errorf("%X: %q, want %q", tt.raw, got, tt.want)
		}
		c, err := apdu.Parse([]byte(tt.raw))
		if (err == nil) != tt.ok || !tt.ok && !errors.Is(err, apdu.ErrMalformed) {
			t.Errorf("%X: %v", tt.raw, err)
		}
		if err != nil {
			continue
		}
		if back, err := c.Bytes(); err != nil || string(back) != tt.raw {
			t.Errorf("%X comes back as %X, %v", tt.raw, back, err)
		}
	}
	if _, err := (apdu.Command{Data: make([]byte, 256)}).Bytes(); !errors.Is(err, apdu.ErrTooLong) {
		t.Errorf("256 bytes: %v", err)
	}
}

// TestCommandPrintsNoData: a command APDU in a log never shows what it carries.
func TestCommandPrintsNoData(t *testing.T) {
	c, err := apdu.Parse([]byte("\x90\xC4\x00\x00\x04\xD7\x6B\xD7\x6B\x00"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("send", "command", c)
	for _, bad := range []string{"d7", "215", "12vX"} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(bad)) {
			t.Errorf("the output has %s: %s", bad, out.String())
		}
	}
	if !strings.Contains(out.String(), "ChangeKey (4 bytes)") {
		t.Errorf("the output does not name the command: %s", out.String())
	}
}

func FuzzParse(f *testing.F) {
	seeds := 0
	for _, s := range vectors.EV1Sessions(f) {
		for _, st := range s.Steps {
			for _, fr := range st.Frames {
				seeds++
				f.Add([]byte(fr.CAPDU))
			}
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := apdu.Parse(raw)
		if err != nil {
			if c.Data != nil || c.HasLe {
				t.Errorf("%X: an error with a result", raw)
			}
			return
		}
		back, err := c.Bytes()
		if err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%X comes back as %X, %v", raw, back, err)
		}
	})
}
