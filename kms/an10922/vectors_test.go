package an10922_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

// vectorFile is shared by the whole repository; test/vectors says where each
// value comes from.
const vectorFile = "../../test/vectors/data/an10922.json"

type vector struct {
	ID             string
	KeyType        string `json:"key_type"`
	MasterKey      string `json:"master_key"`
	DivInput       string `json:"div_input"`
	DiversifiedKey string `json:"diversified_key"`
	Conformant     bool
}

func readVectors(t testing.TB, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	var file struct {
		Count   int
		Vectors []vector
	}
	readVectors(t, vectorFile, &file)
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("%s has %d vectors and says %d", vectorFile, len(file.Vectors), file.Count)
	}
	return file.Vectors
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func aesKey(t testing.TB, b []byte) key.AES128 {
	t.Helper()
	k, err := key.NewAES128(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func input(t testing.TB, b []byte) an10922.M {
	t.Helper()
	m, err := an10922.NewM(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestVectors runs every AES-128 vector: the conformant ones must be met, the
// known wrong implementations must differ. The other key types are counted, so
// that nobody takes them for covered.
func TestVectors(t *testing.T) {
	met, differ := 0, 0
	uncovered := map[string]int{}
	for _, v := range loadVectors(t) {
		if v.KeyType != "AES128" {
			uncovered[v.KeyType]++
			continue
		}
		got, err := an10922.NewMaster(aesKey(t, unhex(t, v.MasterKey))).Derive(input(t, unhex(t, v.DivInput)))
		if err != nil {
			t.Fatal(err)
		}
		equal := got.Equal(aesKey(t, unhex(t, v.DiversifiedKey)))
		if equal != v.Conformant {
			t.Errorf("%s: equal to the vector: %t, want %t", v.ID, equal, v.Conformant)
		}
		if v.Conformant {
			met++
		} else {
			differ++
		}
	}
	t.Logf("AES-128: %d met, %d wrong ones differ; not covered by this package: %v", met, differ, uncovered)
	if met < 7 || differ < 1 {
		t.Errorf("only %d conformant and %d wrong AES-128 vectors ran, want at least 7 and 1", met, differ)
	}
}

// TestRFC4493 holds the CMAC that check values are made of, and that longer Ms
// fall back on, to the standard's own messages.
func TestRFC4493(t *testing.T) {
	var file struct {
		Vectors []struct {
			ID, Cipher, Key, Message, CMAC string
		}
	}
	readVectors(t, "../../test/vectors/data/cmac.json", &file)
	ran := 0
	for _, v := range file.Vectors {
		if v.Cipher != "aes" || len(v.Key) != 2*key.Size || v.Message == "" {
			continue
		}
		ran++
		mac := make([]byte, key.Size)
		key.NewCMAC(aesKey(t, unhex(t, v.Key)).Block()).Sum(mac, nil, unhex(t, v.Message))
		if hex.EncodeToString(mac) != hex.EncodeToString(unhex(t, v.CMAC)) {
			t.Errorf("%s: CMAC %x, want %s", v.ID, mac, v.CMAC)
		}
	}
	if ran < 3 {
		t.Errorf("only %d AES-128 vectors with a message ran, want at least 3", ran)
	}
}
