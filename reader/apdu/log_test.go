package apdu_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
)

func TestRunPrintsNoBytes(t *testing.T) {
	secret := []byte{0xD7, 0x6B, 0xD7}
	run, err := apdu.Frames(nil, apdu.INSChangeKey, secret, apdu.StatusOK)
	if err != nil {
		t.Fatal(err)
	}
	r := apdu.Run{
		Commands:  apdu.Continue(run, 1),
		Responses: []reader.Response{{Data: secret, SW: 0x9100}},
	}
	want := "ChangeKey (3 bytes): 9100 (3 bytes); AdditionalFrame (0 bytes): not answered"
	if r.String() != want {
		t.Errorf("%q, want %q", r.String(), want)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", r)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("sent", "run", r)
	slog.New(slog.NewTextHandler(&out, nil)).Info("sent", "run", r)
	for _, bad := range []string{"d7", "215"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("the output has %s: %s", bad, out.String())
		}
	}
	if got := strings.Count(out.String(), want); got != 7 {
		t.Errorf("the run is told %d times, want 7: %s", got, out.String())
	}
}
