package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// asProgram in the environment makes this test binary be the demo itself.
const asProgram = "BADGEKMS_TEST_BE_THE_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestStory tells the story with simulated readers, as `make demo` does, and
// checks that it says what it promises.
func TestStory(t *testing.T) {
	var out bytes.Buffer
	c := newCommand()
	c.SetOut(&out)
	c.SetArgs([]string{"--reader", "simulated", "--keep", t.TempDir()})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	checkNarration(t, out.String())
}

// checkNarration looks for the lines that carry the story, and counts them.
func checkNarration(t *testing.T, told string) {
	t.Helper()
	for line, times := range map[string]int{
		`GRANTED  .* \(H-100[123]\), key generation 1, 2 network round trips`:             3,
		`DENIED   a card with an application like ours that nobody enrolled: .*not known`: 1,
		`DENIED   a clone: .*may be a copy`:                                               1,
		`DENIED   a card fresh from the factory: `:                                        1,
		`DENIED   `: 3,
		`the card was pulled away; the station says: Put the card back`: 1,
		`resuming an interrupted enrolment`:                             1,
		`encoded and verified: credential number [0-9A-F]{32}, `:        3,
		`handed over to `:          3,
		`27 keys, 27 check values`: 1,
		`each, their order and the signed checkpoint are verified`: 1,
		`(?m)^Done: everything went as told`:                       1,
	} {
		if got := len(regexp.MustCompile(line).FindAllString(told, -1)); got != times {
			t.Errorf("%d lines like %q were told, want %d", got, line, times)
		}
	}
	if t.Failed() {
		t.Log(told)
	}
}

// TestReaderKinds: another kind of reader is a mistake, said with its cure.
func TestReaderKinds(t *testing.T) {
	c := newCommand()
	c.SetArgs([]string{"--reader", "usb", "--keep", t.TempDir()})
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "simulated or pcsc") {
		t.Errorf("--reader usb: %v", err)
	}
}
