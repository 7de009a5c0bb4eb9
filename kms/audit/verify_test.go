package audit

import (
	"bytes"
	"context"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func export(t testing.TB, j *journal) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := Export(context.Background(), &out, j.memory); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func verify(t *testing.T, j *journal, checks Checks) Report {
	t.Helper()
	report, err := Verify(bytes.NewReader(export(t, j)), j.key.Verifier(), checks)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// sample is a log of 9 records by two writers, sequenced in three batches.
func sample(t testing.TB) *journal {
	t.Helper()
	return fill(t, newJournal(t))
}

func fill(t testing.TB, j *journal) *journal {
	t.Helper()
	for i, badge := range []string{"b-0", "b-1", "b-2", "b-3", "b-4", "b-5", "b-6", "b-7", "b-8"} {
		j.add(t, []string{"kms-1", "kms-1", "kms-2"}[i%3], tap(badge))
		if i%3 == 2 {
			j.sequence(t)
		}
	}
	return j
}

func TestVerify(t *testing.T) {
	j := sample(t)
	want := Report{
		Records: 9, Writers: map[string]int64{"kms-1": 6, "kms-2": 3},
		First: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Last: time.Date(2026, 3, 1, 8, 0, 8, 0, time.UTC),
		Root: rootOf(t, leavesOf(j)),
	}
	if diff := cmp.Diff(want, verify(t, j, Checks{})); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func leavesOf(j *journal) []Hash {
	var leaves []Hash
	for _, p := range j.index {
		s, _ := j.find(p)
		leaves = append(leaves, s.Leaf())
	}
	return leaves
}

func TestVerifyManyPages(t *testing.T) {
	j := newJournal(t)
	for range exportPage + 3 {
		j.add(t, "kms-1", tap("b"))
	}
	j.sequence(t)
	if r := verify(t, j, Checks{}); r.Records != exportPage+3 {
		t.Errorf("verified %d records", r.Records)
	}
}

// Retention erases bodies and salts; everything else is still proved.
func TestVerifyAfterRetention(t *testing.T) {
	j := sample(t)
	before := verify(t, j, Checks{})
	for i := range 4 {
		j.appended[i].Body, j.appended[i].Salt = nil, nil
	}
	after := verify(t, j, Checks{ErasableBefore: time.Date(2026, 3, 1, 8, 0, 4, 0, time.UTC)})
	if after.Erased != 4 || after.Root != before.Root {
		t.Errorf("erased %d, root %v, want 4 and %v", after.Erased, after.Root, before.Root)
	}
	if bytes.Contains(export(t, j), []byte("b-3")) {
		t.Error("the export still holds an erased badge")
	}
	_, err := Verify(bytes.NewReader(export(t, j)), j.key.Verifier(), Checks{ErasableBefore: time.Date(2026, 3, 1, 8, 0, 3, 0, time.UTC)})
	wantFinding(t, err, ErasedEarly)
}

func wantFinding(t *testing.T, err error, want Finding) {
	t.Helper()
	var tampered *TamperError
	if !errors.As(err, &tampered) || tampered.Finding != want {
		t.Errorf("got %v, want finding %q", err, want)
	}
}

// Each attack is on a true export of 9 records; the attacker recomputes what
// can be recomputed without the signing key.
func TestVerifyDetects(t *testing.T) {
	for _, c := range []struct {
		name   string
		attack func(t *testing.T, j *journal)
		want   Finding
	}{
		{"body changed", func(_ *testing.T, j *journal) {
			j.appended[4].Body = bytes.Replace(j.appended[4].Body, []byte("b-4"), []byte("b-9"), 1)
		}, BodyChanged},
		{"body changed with its tag", func(_ *testing.T, j *journal) {
			s := &j.appended[4]
			s.Body = bytes.Replace(s.Body, []byte("b-4"), []byte("b-9"), 1)
			s.Tag = tag(s.Salt, s.Body)
		}, ChainBroken},
		{"last body changed with its tag", func(_ *testing.T, j *journal) {
			s := &j.appended[8]
			s.Body = bytes.Replace(s.Body, []byte("b-8"), []byte("b-9"), 1)
			s.Tag = tag(s.Salt, s.Body)
		}, TreeDiffers},
		{"salt changed", func(_ *testing.T, j *journal) { j.appended[2].Salt[31] ^= 1 }, BodyChanged},
		{"salt erased alone", func(_ *testing.T, j *journal) { j.appended[2].Salt = nil }, BodyChanged},
		{"body erased alone", func(_ *testing.T, j *journal) { j.appended[2].Body = nil }, BodyChanged},
		{"header changed", func(_ *testing.T, j *journal) {
			j.appended[0].Header = bytes.Replace(j.appended[0].Header, []byte("granted"), []byte("denied"), 1)
		}, ChainBroken},
		{"header no longer canonical", func(_ *testing.T, j *journal) {
			j.appended[0].Header = append(j.appended[0].Header, ' ')
		}, ChainBroken},
		{"last header changed", func(_ *testing.T, j *journal) {
			j.appended[8].Header = bytes.Replace(j.appended[8].Header, []byte("granted"), []byte("denied"), 1)
		}, TreeDiffers},
		{"record removed", func(_ *testing.T, j *journal) { j.index = slices.Delete(j.index, 3, 4); j.resize(8) }, ChainBroken},
		{"last record removed", func(_ *testing.T, j *journal) { j.index = j.index[:8]; j.resize(8) }, TreeDiffers},
		{"a whole writer removed", func(_ *testing.T, j *journal) {
			j.index = slices.DeleteFunc(j.index, func(p Position) bool { return p.Writer == "kms-2" })
			j.resize(6)
		}, TreeDiffers},
		{"two of one writer exchanged", func(_ *testing.T, j *journal) { j.index[0], j.index[1] = j.index[1], j.index[0] }, ChainBroken},
		{"two of two writers exchanged", func(_ *testing.T, j *journal) { j.index[1], j.index[2] = j.index[2], j.index[1] }, TreeDiffers},
		{"record repeated", func(_ *testing.T, j *journal) {
			j.index = append(j.index, j.index[8])
			j.resize(10)
		}, ChainBroken},
		{"record inserted at the end", func(t *testing.T, j *journal) {
			j.add(t, "kms-2", tap("forged"))
			j.index = append(j.index, Position{"kms-2", 4})
			j.resize(10)
		}, TreeDiffers},
		{"record of a new writer inserted", func(t *testing.T, j *journal) {
			j.add(t, "kms-9", tap("forged"))
			j.index = slices.Insert(j.index, 4, Position{"kms-9", 1})
			j.resize(10)
		}, TreeDiffers},
		{"all signed anew with another key", func(t *testing.T, j *journal) {
			j.appended[8].Header = bytes.Replace(j.appended[8].Header, []byte("granted"), []byte("denied"), 1)
			c, err := signCheckpoint(newJournal(t).key.signer, 9, rootOf(t, leavesOf(j)))
			if err != nil {
				t.Fatal(err)
			}
			j.checkpoints = []Checkpoint{c}
		}, CheckpointForged},
		{"checkpoint changed", func(_ *testing.T, j *journal) {
			n := j.checkpoints[2].Note
			j.checkpoints[2].Note = bytes.Replace(n, []byte("\n9\n"), []byte("\n8\n"), 1)
		}, CheckpointForged},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := sample(t)
			verify(t, j, Checks{})
			c.attack(t, j)
			report, err := Verify(bytes.NewReader(export(t, j)), j.key.Verifier(), Checks{})
			wantFinding(t, err, c.want)
			if report.Records != 0 {
				t.Errorf("a report comes with the error: %+v", report)
			}
		})
	}
}

// resize makes the storage export n records under the checkpoint it has.
func (j *journal) resize(n int64) {
	j.checkpoints[len(j.checkpoints)-1].Size = n
}

// The holder of the signing key rewrites the log: only a checkpoint that was
// kept elsewhere shows it.
func TestWitnessedCheckpoints(t *testing.T) {
	j := sample(t)
	early, late := j.checkpoints[0].Note, j.checkpoints[2].Note
	verify(t, j, Checks{Witnessed: [][]byte{early, late}})

	rewritten := newJournal(t)
	rewritten.key, rewritten.seq = j.key, NewSequencer(rewritten.memory, j.key, quiet)
	for range 9 {
		rewritten.add(t, "kms-1", tap("forged"))
	}
	rewritten.sequence(t)
	verify(t, rewritten, Checks{})
	cut := sample(t)
	cut.key, cut.memory = j.key, &memory{appended: j.appended[:6], index: j.index[:6], hashes: j.hashes, checkpoints: j.checkpoints[:2]}
	verify(t, cut, Checks{Witnessed: [][]byte{early}})

	for name, c := range map[string]struct {
		log       *journal
		witnessed [][]byte
		want      Finding
	}{
		"rewritten, early checkpoint kept":  {rewritten, [][]byte{early}, TreeDiffers},
		"rewritten, latest checkpoint kept": {rewritten, [][]byte{late}, TreeDiffers},
		"cut off behind a checkpoint":       {cut, [][]byte{early, late}, TreeDiffers},
		"two trees of one size signed":      {j, [][]byte{late, rewritten.checkpoints[0].Note}, CheckpointForged},
	} {
		_, err := Verify(bytes.NewReader(export(t, c.log)), j.key.Verifier(), Checks{Witnessed: c.witnessed})
		if t.Run(name, func(t *testing.T) { wantFinding(t, err, c.want) }); err == nil {
			t.Errorf("%s: not detected", name)
		}
	}
	if _, err := Verify(bytes.NewReader(export(t, j)), j.key.Verifier(), Checks{Witnessed: [][]byte{[]byte("no note")}}); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a witnessed checkpoint that is none: %v", err)
	}
}

func TestNotAnExport(t *testing.T) {
	j := sample(t)
	whole := string(export(t, j))
	lines := strings.SplitAfter(whole, "\n")
	for name, text := range map[string]string{
		"empty":                     "",
		"another file":              "%PDF-1.7\n",
		"cut between lines":         strings.Join(lines[:5], ""),
		"cut in a line":             whole[:len(whole)/2],
		"two exports":               whole + whole,
		"member added to a line":    strings.Replace(whole, `{"body":`, `{"Body":"x","body":`, 1),
		"next version":              strings.Replace(whole, `"v":1}`, `"v":2}`, 1),
		"blank line":                "\n" + whole,
		"line longer than a record": strings.Repeat(" ", maxLine+1) + whole,
		"short tag":                 strings.Replace(whole, `"tag":"`, `"tag":"AAAA`, 1),
	} {
		if text == whole {
			t.Fatalf("%s: the replacement found nothing", name)
		}
		report, err := Verify(strings.NewReader(text), j.key.Verifier(), Checks{})
		if !errors.Is(err, ErrExport) || report.Records != 0 {
			t.Errorf("%s: got %v, want ErrExport", name, err)
		}
	}
}

func TestExportOfNothing(t *testing.T) {
	j := newJournal(t)
	j.add(t, "kms-1", tap("b"))
	var out bytes.Buffer
	if _, err := Export(context.Background(), &out, j.memory); err == nil || out.Len() != 0 {
		t.Errorf("a log that was never sequenced: %v, %d bytes", err, out.Len())
	}
}

// FuzzVerify: no export makes the verifier panic, and none but the true one
// verifies.
func FuzzVerify(f *testing.F) {
	// The same log in every process: the fuzzer's workers make their own.
	j := fill(f, newJournalFrom(f, mathrand.NewChaCha8([32]byte{1})))
	for i := range 3 {
		j.appended[i].Body, j.appended[i].Salt = nil, nil
	}
	whole := export(f, j)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if len(lines) < 10 {
		f.Fatalf("only %d lines to start from", len(lines))
	}
	f.Add(whole)
	f.Add(bytes.TrimRight(whole, "\n"))
	f.Add(slices.Concat(lines[1:]...))
	f.Add(lines[4])
	f.Add(lines[9])
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := Verify(bytes.NewReader(text), j.key.Verifier(), Checks{})
		switch {
		case err != nil && report.Records != 0:
			t.Errorf("a report comes with error %v", err)
		case err == nil && !sameLines(text, whole) && report.Erased <= 3:
			t.Errorf("another export verifies: %q", text)
		}
	})
}

func sameLines(a, b []byte) bool {
	trim := func(x []byte) []byte { return bytes.TrimRight(bytes.ReplaceAll(x, []byte("\r\n"), []byte("\n")), "\n") }
	return bytes.Equal(trim(a), trim(b))
}

// FuzzParseBody: what parses has one encoding.
func FuzzParseBody(f *testing.F) {
	s, err := exampleAppender(f).Next(Tail{}, example())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Body)
	f.Add(bytes.ReplaceAll(s.Body, []byte("é"), []byte(`\u00e9`)))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		b, err := ParseBody(encoded)
		if err != nil {
			return
		}
		again, err := b.encode()
		if err != nil || !bytes.Equal(encoded, again) {
			t.Errorf("%q became %q, %v", encoded, again, err)
		}
	})
}
