package apdu_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
)

// documented are the status words of desfire-facts §8.2; those marked true are
// no failures and have no cure.
var documented = map[apdu.Status]bool{
	0x9100: true, 0x910C: true, 0x9190: true, 0x9000: true,
	0x910B: false, 0x910E: false, 0x911C: false, 0x911E: false, 0x9140: false, 0x917E: false, 0x9197: false,
	0x919D: false, 0x919E: false, 0x91A0: false, 0x91A1: false, 0x91AD: false, 0x91AE: false, 0x91AF: false,
	0x91BE: false, 0x91C1: false, 0x91CA: false, 0x91CD: false, 0x91CE: false, 0x91DE: false, 0x91EE: false,
	0x91F0: false, 0x91F1: false,
	0x6700: false, 0x6982: false, 0x6985: false, 0x6A80: false, 0x6A82: false, 0x6A86: false, 0x6A87: false,
	0x6C00: false, 0x6C0A: false, 0x6D00: false, 0x6E00: false, 0x6581: false,
}

func TestEveryStatusIsExplained(t *testing.T) {
	names := map[string]apdu.Status{}
	for s, fine := range documented {
		if s.Name() == "" || s.Name() == "UNKNOWN_STATUS" || s.Meaning() == "" || (s.Cure() == "") != fine {
			t.Errorf("%s: name %q, meaning %q, cure %q", s.SW(), s.Name(), s.Meaning(), s.Cure())
		}
		if other, taken := names[s.Name()]; taken && s>>8 != 0x6C {
			t.Errorf("%s and %s are both %s", s.SW(), other.SW(), s.Name())
		}
		if s>>8 != 0x6C {
			names[s.Name()] = s
		}
		for _, part := range []string{s.SW().String(), s.Name(), s.Meaning(), s.Cure()} {
			if !strings.Contains(s.Error(), part) {
				t.Errorf("error %q does not say %q", s.Error(), part)
			}
		}
	}
	if got := apdu.Status(0x6C0A).Meaning(); !strings.Contains(got, "10 bytes") {
		t.Errorf("6C0A: %q", got)
	}
}

func TestUnknownStatus(t *testing.T) {
	for _, s := range []apdu.Status{0x9101, 0x63C0, 0x0000} {
		if s.Name() != "UNKNOWN_STATUS" || s.Cure() == "" || !strings.Contains(s.Error(), s.SW().String()) {
			t.Errorf("%s: %q", s.SW(), s.Error())
		}
	}
}

func TestStatusError(t *testing.T) {
	err := fmt.Errorf("provision: %w", &apdu.StatusError{INS: apdu.INSChangeKey, SW: 0x91AE})
	if !errors.Is(err, apdu.StatusAuthenticationError) || errors.Is(err, apdu.StatusPermissionDenied) {
		t.Error("errors.Is does not tell the status")
	}
	var s *apdu.StatusError
	if !errors.As(err, &s) || s.INS != apdu.INSChangeKey || s.SW != reader.SW(apdu.StatusAuthenticationError) {
		t.Error("errors.As does not give the command")
	}
	var status apdu.Status
	if !errors.As(err, &status) || status != apdu.StatusAuthenticationError {
		t.Error("errors.As does not give the status")
	}
	for _, want := range []string{"ChangeKey", "91AE", "AUTHENTICATION_ERROR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestEveryINSHasAName(t *testing.T) {
	seen := map[string]apdu.INS{}
	named := 0
	for i := range 256 {
		ins := apdu.INS(i)
		if strings.HasPrefix(ins.String(), "command ") {
			continue
		}
		named++
		if other, taken := seen[ins.String()]; taken {
			t.Errorf("%02X and %02X are both %s", i, byte(other), ins)
		}
		seen[ins.String()] = ins
	}
	if named < 40 {
		t.Errorf("%d commands have names", named)
	}
	if got := apdu.INS(0x01).String(); got != "command 01" {
		t.Errorf("an unknown command is %q", got)
	}
}
