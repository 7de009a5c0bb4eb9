package custodytest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aead/cmac"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/reader/key"
)

func create(t testing.TB, b Backend, domain string) custody.Master {
	t.Helper()
	m, err := b.Custody.CreateMaster(t.Context(), domain, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func deriveOne(t testing.TB, b Backend, m custody.Master, input an10922.M) key.AES128 {
	t.Helper()
	keys, err := b.Custody.Derive(t.Context(), m, []an10922.M{input})
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, error %v", len(keys), err)
	}
	return keys[0]
}

// testKCV compares with the CMAC of a zero block by github.com/aead/cmac.
func testKCV(t *testing.T, b Backend) {
	k := keyOf(t, bytes.Repeat([]byte{0x3A}, key.Size))
	m := b.Plant(t, "staff-doors", 1, k)
	tag, err := cmac.Sum(make([]byte, 16), k.Block(), key.Size)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Custody.KCV(t.Context(), m)
	if err != nil || !bytes.Equal(got[:], tag[:an10922.KCVSize]) {
		t.Errorf("check value %s, want %X (error %v)", got, tag[:an10922.KCVSize], err)
	}
}

func testCreate(t *testing.T, b Backend) {
	doors, sso := create(t, b, "staff-doors"), create(t, b, "sso")
	if doors.Domain != "staff-doors" || doors.Generation != 1 || doors.KeyName == "" || doors.KeyVersion < 1 {
		t.Errorf("master %+v", doors)
	}
	input := inputOf(t, 26, 1)
	if deriveOne(t, b, doors, input).Equal(deriveOne(t, b, sso, input)) {
		t.Error("two domains have the same master")
	}
	before := deriveOne(t, b, doors, input)
	if _, err := b.Custody.CreateMaster(t.Context(), "staff-doors", 1); !errors.Is(err, custody.ErrExists) {
		t.Errorf("created again: error %v, want ErrExists", err)
	}
	if !deriveOne(t, b, doors, input).Equal(before) {
		t.Error("creating it again changed the master")
	}
}

// testCreateAfterCrash plays a caller that lost the result of CreateMaster:
// rotating gives it a master that nobody used.
func testCreateAfterCrash(t *testing.T, b Backend) {
	lost := create(t, b, "staff-doors")
	fresh, err := b.Custody.Rotate(t.Context(), "staff-doors", 1)
	if err != nil || fresh.Generation != 1 || fresh.KeyVersion == lost.KeyVersion {
		t.Fatalf("master %+v after %+v, error %v", fresh, lost, err)
	}
	input := inputOf(t, 26, 1)
	if deriveOne(t, b, lost, input).Equal(deriveOne(t, b, fresh, input)) {
		t.Error("the fresh version has the lost one's key")
	}
}

func testRotate(t *testing.T, b Backend) {
	if _, err := b.Custody.Rotate(t.Context(), "staff-doors", 2); !errors.Is(err, custody.ErrUnknownMaster) {
		t.Errorf("rotated what is not there: error %v, want ErrUnknownMaster", err)
	}
	masters := []custody.Master{create(t, b, "staff-doors")}
	input := inputOf(t, 26, 1)
	keys := []key.AES128{deriveOne(t, b, masters[0], input)}
	for generation := 2; generation <= 4; generation++ {
		m, err := b.Custody.Rotate(t.Context(), "staff-doors", generation)
		if err != nil {
			t.Fatal(err)
		}
		if m.Domain != "staff-doors" || m.Generation != generation {
			t.Errorf("master %+v, want generation %d of staff-doors", m, generation)
		}
		masters, keys = append(masters, m), append(keys, deriveOne(t, b, m, input))
	}
	for i := range masters {
		if !deriveOne(t, b, masters[i], input).Equal(keys[i]) {
			t.Errorf("version %d derives another key than before", masters[i].KeyVersion)
		}
		for j := range i {
			if keys[i].Equal(keys[j]) || masters[i] == masters[j] {
				t.Errorf("versions %d and %d are the same", i, j)
			}
		}
	}
}

func testNames(t *testing.T, b Backend) {
	for _, name := range []string{"", "Staff", "staff doors", "../x", "a/b", "a_b", "-a", "a-", "a--b", "1a", "é", strings.Repeat("a", custody.MaxName+1)} {
		if _, err := b.Custody.CreateMaster(t.Context(), name, 1); !errors.Is(err, custody.ErrName) {
			t.Errorf("create %q: error %v, want ErrName", name, err)
		}
		if _, err := b.Custody.Rotate(t.Context(), name, 2); !errors.Is(err, custody.ErrName) {
			t.Errorf("rotate %q: error %v, want ErrName", name, err)
		}
	}
	create(t, b, strings.Repeat("a", custody.MaxName))
}
