package desfire

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// script is a card that answers what it is told, under the stop rule of
// reader.Card, and counts the runs.
type script struct {
	answers []reader.Response
	runs    [][]reader.Command
	err     error // when the answers are used up
}

func (c *script) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	c.runs = append(c.runs, run)
	return reader.Exchange(func(context.Context, []byte) ([]byte, error) {
		if len(c.answers) == 0 {
			return nil, c.err
		}
		r := c.answers[0]
		c.answers = c.answers[1:]
		return r.Bytes(), nil
	}).Transmit(ctx, run)
}

// run transmits a batch to its end.
func run(t *testing.T, b *Batch, card reader.Card) error {
	t.Helper()
	for !b.Done() {
		cmds, err := b.Commands()
		if err != nil {
			return err
		}
		if err := b.Open(card.Transmit(t.Context(), cmds)); err != nil {
			return err
		}
	}
	return nil
}

func TestBatchOneRun(t *testing.T) {
	card := newEV2Session([16]byte{1}, [16]byte{2})
	s := newEV2Session([16]byte{1}, [16]byte{2})
	var b Batch
	free := b.Seal(s, FreeMemory())
	version := b.Seal(s, GetKeyVersion(3))
	c := &script{answers: []reader.Response{answer(card, 1, []byte{0, 0x20, 0}), answer(card, 2, []byte{7})}}
	if err := run(t, &b, c); err != nil {
		t.Fatal(err)
	}
	if len(c.runs) != 1 || len(c.runs[0]) != 2 {
		t.Errorf("%d runs", len(c.runs))
	}
	if n, err := ParseFreeMemory(free.Data()); n != 8192 || err != nil {
		t.Errorf("free memory %d, %v", n, err)
	}
	if v, err := ParseKeyVersion(version.Data()); v != 7 || err != nil {
		t.Errorf("key version %d, %v", v, err)
	}
}

// TestBatchLongAnswer: an answer of unknown length stops the run; the batch
// asks for the rest, and then goes on with the commands behind it.
func TestBatchLongAnswer(t *testing.T) {
	card := newEV2Session([16]byte{1}, [16]byte{2})
	s := newEV2Session([16]byte{1}, [16]byte{2})
	aids := bytes.Repeat([]byte{1, 2, 3}, 60)
	whole := answer(card, 1, aids)
	answers := []reader.Response{}
	for i := 0; i < len(whole.Data); i += 57 {
		answers = append(answers, reader.Response{Data: whole.Data[i:min(i+57, len(whole.Data))], SW: 0x91AF})
	}
	answers[len(answers)-1].SW = 0x9100
	c := &script{answers: append(answers, answer(card, 2, []byte{7}))}
	var b Batch
	list := b.Seal(s, GetApplicationIDs())
	version := b.Seal(s, GetKeyVersion(0))
	if err := run(t, &b, c); err != nil {
		t.Fatal(err)
	}
	if got, err := ParseAIDs(list.Data()); err != nil || len(got) != 60 {
		t.Errorf("%d AIDs, %v", len(got), err)
	}
	if !version.Done() || len(c.runs) != 3 {
		t.Errorf("%d runs, last command done %t", len(c.runs), version.Done())
	}
}

// TestBatchVeryLongAnswer needs more AF frames than one run asks for.
func TestBatchVeryLongAnswer(t *testing.T) {
	c := &script{}
	for range 2*continuation + 1 {
		c.answers = append(c.answers, reader.Response{Data: make([]byte, 50), SW: 0x91AF})
	}
	c.answers = append(c.answers, reader.Response{SW: 0x9100})
	var b Batch
	x := b.Seal(PlainSession{}, ReadData(1, 0, 0, Plain))
	if err := run(t, &b, c); err != nil || len(x.Data()) != 50*(2*continuation+1) {
		t.Errorf("%d bytes, %v", len(x.Data()), err)
	}
}

// TestEndlessAnswer: a card that always has one more frame is given up.
func TestEndlessAnswer(t *testing.T) {
	for _, size := range []int{59, 0} {
		x, err := PlainSession{}.Seal(ReadData(1, 0, 0, Plain))
		if err != nil {
			t.Fatal(err)
		}
		for runs := 0; err == nil; runs++ {
			if runs > maxAnswer {
				t.Fatalf("frames of %d bytes are never given up", size)
			}
			rs := make([]reader.Response, len(x.Commands()))
			for i := range rs {
				rs[i] = reader.Response{Data: make([]byte, size), SW: 0x91AF}
			}
			_, err = x.Open(rs)
		}
		if !errors.Is(err, ErrAnswer) {
			t.Errorf("error %v, want ErrAnswer", err)
		}
	}
}

// TestBatchLongCommand: the frames of a long command are one command of the
// batch.
func TestBatchLongCommand(t *testing.T) {
	card := newEV2Session([16]byte{1}, [16]byte{2})
	s := newEV2Session([16]byte{1}, [16]byte{2})
	var b Batch
	b.Seal(s, WriteData(1, 0, make([]byte, 100), Full))
	b.Seal(s, CommitTransaction())
	af := reader.Response{SW: 0x91AF}
	c := &script{answers: []reader.Response{af, af, answer(card, 1, nil), answer(card, 2, nil)}}
	if err := run(t, &b, c); err != nil {
		t.Fatal(err)
	}
	// 7 header, 112 enciphered and 8 MAC bytes are 54 + 54 + 19.
	if len(c.runs) != 1 || len(c.runs[0]) != 4 {
		t.Errorf("%d runs, the first of %d", len(c.runs), len(c.runs[0]))
	}
}

func TestBatchFailure(t *testing.T) {
	card := newEV2Session([16]byte{1}, [16]byte{2})
	s := newEV2Session([16]byte{1}, [16]byte{2})
	var b Batch
	first := b.Seal(s, FreeMemory())
	second := b.Seal(s, ChangeKeySettings(0x0B))
	third := b.Seal(s, GetKeySettings())
	c := &script{answers: []reader.Response{answer(card, 1, []byte{1, 0, 0}), {SW: 0x919D}}}
	err := run(t, &b, c)
	var failed *CommandError
	if !errors.As(err, &failed) || failed.INS != apdu.INSChangeKeySettings || failed.Position != 2 || failed.Of != 3 || !failed.SessionOver {
		t.Fatalf("error %v", err)
	}
	if !errors.Is(err, apdu.StatusPermissionDenied) {
		t.Errorf("error %v does not tell the status", err)
	}
	for _, want := range []string{"2 of 3", "ended the session", "ChangeKeySettings (54)", "919D", "PERMISSION_DENIED"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if !first.Done() || second.Done() || third.Done() || b.Done() || !s.Over() {
		t.Error("the wrong commands are done, or the session goes on")
	}
	if _, again := b.Commands(); again != err {
		t.Errorf("the batch goes on after a failure: %v", again)
	}
	if again := b.Open(nil, nil); again != err {
		t.Errorf("the batch opens after a failure: %v", again)
	}
}

func TestBatchRemoved(t *testing.T) {
	s := newEV2Session([16]byte{1}, [16]byte{2})
	card := newEV2Session([16]byte{1}, [16]byte{2})
	var b Batch
	first := b.Seal(s, FreeMemory())
	b.Seal(s, ChangeKey(1, key.AES128{}, key.AES128{}, 1))
	c := &script{answers: []reader.Response{answer(card, 1, []byte{1, 0, 0})}, err: reader.ErrRemoved}
	err := run(t, &b, c)
	if !errors.Is(err, reader.ErrRemoved) || !errors.Is(err, ErrIncomplete) || !reader.IsLoss(err) {
		t.Errorf("error %v", err)
	}
	if !first.Done() || !s.Over() {
		t.Error("the answered command is not done, or the session goes on")
	}
}

// TestBatchSurplus: a relay that ignores the stop rule changes no outcome.
func TestBatchSurplus(t *testing.T) {
	card := newEV2Session([16]byte{1}, [16]byte{2})
	good1, good2 := answer(card, 1, []byte{1, 0, 0}), answer(card, 2, []byte{2, 0, 0})
	for name, rs := range map[string][]reader.Response{
		"after the end":    {good1, good2, {SW: 0x9100}},
		"after a refusal":  {{SW: 0x919D}, good2},
		"in an open chain": {{SW: 0x91AF}, good2},
	} {
		s := newEV2Session([16]byte{1}, [16]byte{2})
		var b Batch
		c := FreeMemory()
		c.Frames = 0
		b.Seal(s, c)
		b.Seal(s, c)
		if err := b.Open(rs, nil); err == nil || b.Done() || !s.Over() {
			t.Errorf("%s: error %v, done %t, over %t", name, err, b.Done(), s.Over())
		}
	}
}

func TestBatchSealFailure(t *testing.T) {
	var b Batch
	b.Seal(PlainSession{}, GetVersion())
	x := b.Seal(PlainSession{}, ChangeOwnKey(0, key.AES128{}, 1))
	if _, err := b.Commands(); !errors.Is(err, ErrCommand) {
		t.Errorf("Commands after a failed Seal: %v", err)
	}
	if x.Done() || b.Done() {
		t.Error("a command that was not sealed is done")
	}
	if _, err := x.Open(nil); !errors.Is(err, ErrCommand) {
		t.Errorf("opening it: %v", err)
	}
}

func TestBatchEmpty(t *testing.T) {
	var b Batch
	if run, err := b.Commands(); len(run) != 0 || err != nil || !b.Done() {
		t.Errorf("an empty batch has a run of %d, %v", len(run), err)
	}
	if err := b.Open([]reader.Response{{SW: 0x9100}}, nil); err == nil {
		t.Error("responses to an empty batch give no error")
	}
	var lost Batch
	if err := lost.Open(nil, reader.ErrRemoved); !errors.Is(err, reader.ErrRemoved) {
		t.Errorf("a lost card behind an empty batch: %v", err)
	}
}
