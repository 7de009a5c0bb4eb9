package relay

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// FuzzResults feeds the KMS's end whatever a caller may send as Results: it
// never yields more responses than commands nor one after an unexpected status
// word, and a short run is never taken for a whole one.
func FuzzResults(f *testing.F) {
	seeds := []*badgekmsv1.Results{
		{Seq: 1, Responses: [][]byte{ok, ok}, Stop: badgekmsv1.Stop_STOP_DONE, Microseconds: 1200},
		{Seq: 1, Responses: [][]byte{failed}, Stop: badgekmsv1.Stop_STOP_STATUS},
		{Seq: 1, Responses: [][]byte{failed, ok}, Stop: badgekmsv1.Stop_STOP_DONE},
		{Seq: 1, Responses: [][]byte{ok}, Stop: badgekmsv1.Stop_STOP_REMOVED},
		{Seq: 1, Responses: [][]byte{ok, ok, ok}, Stop: badgekmsv1.Stop_STOP_DONE},
		{Seq: 2, Responses: [][]byte{{0x91}}},
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		raw, err := proto.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var results badgekmsv1.Results
		if proto.Unmarshal(raw, &results) != nil {
			return
		}
		responses, err := readResults(two, &results, Options{}.withDefaults())
		if len(responses) > len(two) {
			t.Fatalf("%d responses to %d commands", len(responses), len(two))
		}
		stopped := false
		for i, r := range responses {
			if stopped {
				t.Fatal("a response after an unexpected status word")
			}
			stopped = r.SW != two[i].Expect
		}
		if err == nil && !stopped && len(responses) != len(two) {
			t.Fatal("a short run was taken for a whole one")
		}
		if err != nil && !errors.Is(err, ErrProtocol) && !errors.Is(err, reader.ErrRemoved) && !errors.Is(err, reader.ErrReader) {
			t.Fatalf("an error outside the closed set: %v", err)
		}
	})
}

// FuzzCommands feeds the reader's end whatever a KMS may send as a Run.
func FuzzCommands(f *testing.F) {
	seeds := []*badgekmsv1.Run{
		encodeRun(1, two),
		{Seq: 1, Commands: []*badgekmsv1.Command{{Apdu: []byte{0x90}, ExpectedSw: 0x9100}}},
		{Seq: 1, Commands: []*badgekmsv1.Command{{Apdu: two[0].APDU, ExpectedSw: 0x19100}}},
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		raw, err := proto.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m badgekmsv1.Run
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		run, err := decodeCommands(m.GetCommands())
		if err != nil {
			if run != nil {
				t.Fatal("commands beside an error")
			}
			return
		}
		for i, c := range m.GetCommands() {
			if !bytes.Equal(run[i].APDU, c.GetApdu()) || uint32(run[i].Expect) != c.GetExpectedSw() {
				t.Fatal("what was accepted is not what was sent")
			}
		}
	})
}
