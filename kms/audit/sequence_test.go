package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var quiet = slog.New(slog.DiscardHandler)

// The roots of the trees over the first 1 to 8 leaves, as the reference tests
// of Certificate Transparency (RFC 6962) publish them.
func TestFrontierAgainstCertificateTransparency(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var f frontier
	if root := f.root(); hex.EncodeToString(root[:]) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty tree: %x", root)
	}
	for i, leaf := range leaves {
		data, err := hex.DecodeString(leaf)
		if err != nil {
			t.Fatal(err)
		}
		f.add(tlog.RecordHash(data))
		if root := f.root(); hex.EncodeToString(root[:]) != roots[i] {
			t.Errorf("%d leaves: %x, want %s", i+1, root, roots[i])
		}
	}
}

func TestFrontierAgainstTlog(t *testing.T) {
	var f frontier
	var leaves []Hash
	for i := range 130 {
		leaf := tlog.RecordHash([]byte{byte(i)})
		leaves = append(leaves, leaf)
		f.add(leaf)
		if want := rootOf(t, leaves); f.root() != want || f.size != int64(i+1) {
			t.Fatalf("size %d: root %v, want %v", f.size, f.root(), want)
		}
	}
}

// Batches of different sizes give the tree that all leaves at once give, and
// every checkpoint on the way is signed and right.
func TestSequenceInBatches(t *testing.T) {
	j := newJournal(t)
	var leaves []Hash
	for _, size := range []int{1, 1, 3, 8, 2, 17} {
		for i := range size {
			j.add(t, []string{"kms-1", "kms-2", "kms-3"}[i%3], tap("b"))
			leaves = append(leaves, j.appended[len(j.appended)-1].Leaf())
		}
		if n := j.sequence(t); n != size {
			t.Fatalf("sequenced %d records, want %d", n, size)
		}
		c, err := j.LatestCheckpoint(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		opened, err := note.Open(c.Note, note.VerifierList(j.key.Verifier()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(CheckpointText("audit.badges.example", int64(len(leaves)), rootOf(t, leaves)), opened.Text); diff != "" {
			t.Fatalf("checkpoint (-want +got):\n%s", diff)
		}
	}
	if got, want := int64(len(j.hashes)), tlog.StoredHashCount(int64(len(leaves))); got != want {
		t.Errorf("%d hashes stored, want %d", got, want)
	}
	if n := j.sequence(t); n != 0 || len(j.checkpoints) != 6 {
		t.Errorf("nothing new: sequenced %d, %d checkpoints", n, len(j.checkpoints))
	}
}

// A sequencer that starts on an existing log goes on where the last one ended.
func TestSequencerRestarts(t *testing.T) {
	j := newJournal(t)
	for range 5 {
		j.add(t, "kms-1", tap("b"))
		j.sequence(t)
		j.seq = NewSequencer(j.memory, j.key, quiet)
	}
	verify(t, j, Checks{})
}

func TestSequencerRefusesTamperedStorage(t *testing.T) {
	for name, tamper := range map[string]func(*testing.T, *journal){
		"waiting record changed": func(_ *testing.T, j *journal) {
			j.appended[3].Header = []byte(strings.Replace(string(j.appended[3].Header), "granted", "denied", 1))
		},
		"waiting body changed": func(_ *testing.T, j *journal) {
			j.appended[3].Body = []byte(strings.Replace(string(j.appended[3].Body), "b-4", "b-9", 1))
		},
		"waiting record removed": func(_ *testing.T, j *journal) {
			j.appended = append(j.appended[:3:3], j.appended[4])
		},
		"row and header disagree":   func(_ *testing.T, j *journal) { j.appended[3].Writer = "kms-2" },
		"stored hash changed":       func(_ *testing.T, j *journal) { j.hashes[2][0] ^= 1 },
		"checkpoint changed":        func(_ *testing.T, j *journal) { j.checkpoints[0].Note[40] ^= 1 },
		"checkpoint of another key": func(t *testing.T, j *journal) { j.checkpoints[0] = foreignCheckpoint(t, 3) },
		"checkpoint row disagrees":  func(_ *testing.T, j *journal) { j.checkpoints[0].Size = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal(t)
			for _, badge := range []string{"b-1", "b-2", "b-3"} {
				j.add(t, "kms-1", tap(badge))
			}
			j.sequence(t)
			j.add(t, "kms-1", tap("b-4"))
			j.add(t, "kms-1", tap("b-5"))
			tamper(t, j)
			n, err := NewSequencer(j.memory, j.key, quiet).Sequence(context.Background())
			if !errors.Is(err, ErrBroken) || n != 0 || len(j.checkpoints) != 1 {
				t.Errorf("sequenced %d with %v, %d checkpoints; want ErrBroken", n, err, len(j.checkpoints))
			}
		})
	}
}

func foreignCheckpoint(t *testing.T, size int64) Checkpoint {
	t.Helper()
	c, err := signCheckpoint(newJournal(t).key.signer, size, Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSequencerRefusesAShrunkenTree(t *testing.T) {
	j := newJournal(t)
	for range 2 {
		j.add(t, "kms-1", tap("b"))
		j.sequence(t)
	}
	j.checkpoints = j.checkpoints[:1]
	if _, err := j.seq.Sequence(context.Background()); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
}

// A commit that fails loses nothing: the next one takes the same records.
func TestCommitFails(t *testing.T) {
	j := newJournal(t)
	j.add(t, "kms-1", tap("b"))
	j.failCommit = errDisk
	if _, err := j.seq.Sequence(context.Background()); !errors.Is(err, errDisk) {
		t.Fatalf("got %v", err)
	}
	j.failCommit = nil
	j.add(t, "kms-1", tap("b"))
	if n := j.sequence(t); n != 2 {
		t.Errorf("sequenced %d records, want 2", n)
	}
	verify(t, j, Checks{})
}

// Two sequencers over one log, the second with stale memory: the storage
// refuses or the second one looks again; the log stays true.
func TestTwoSequencers(t *testing.T) {
	j := newJournal(t)
	other := NewSequencer(j.memory, j.key, quiet)
	for i := range 6 {
		j.add(t, "kms-1", tap("b"))
		s := []*Sequencer{j.seq, other}[i%2]
		if _, err := s.Sequence(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, j, Checks{})
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		j.add(t, "kms-1", tap("b"))
		go func() { ended <- j.seq.Run(ctx, time.Second) }()
		synctest.Wait()
		if j.size() != 1 {
			t.Errorf("at the start: %d records in the tree, want 1", j.size())
		}
		j.breakDisk(errDisk)
		for range batchLimit + 1 {
			j.add(t, "kms-1", tap("b"))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		j.breakDisk(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if j.size() != batchLimit+2 {
			t.Errorf("a second after the disk came back: %d records in the tree", j.size())
		}
		j.add(t, "kms-1", tap("b"))
		stop()
		if err := <-ended; err != nil || j.size() != batchLimit+3 {
			t.Errorf("after the end: %v, %d records in the tree", err, j.size())
		}
	})
}

func TestRunEndsWhenTheLogIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(t)
		j.add(t, "kms-1", tap("b"))
		j.appended[0].Salt[0] ^= 1
		if err := j.seq.Run(t.Context(), time.Second); !errors.Is(err, ErrBroken) {
			t.Errorf("got %v, want ErrBroken", err)
		}
	})
}
