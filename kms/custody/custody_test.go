package custody_test

import (
	"errors"
	"strings"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
)

func TestCheckInputs(t *testing.T) {
	c := custody.Capabilities{Mode: custody.ModePKCS11, ShortestM: 16}
	for n := 1; n <= 31; n++ {
		m, err := an10922.NewM(make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		err = c.CheckInputs([]an10922.M{m})
		short := new(custody.ShortMError)
		switch {
		case n >= 16 && err != nil:
			t.Errorf("%d bytes: %v", n, err)
		case n < 16 && (!errors.As(err, &short) || !errors.Is(err, custody.ErrShortM) || short.Len != n || !strings.Contains(err.Error(), "pkcs11")):
			t.Errorf("%d bytes: error %v, want a ShortMError", n, err)
		}
	}
	wrong := new(an10922.LengthError)
	if err := c.CheckInputs([]an10922.M{{}}); !errors.As(err, &wrong) {
		t.Errorf("zero input: %v", err)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "staff-doors", "zone-4-b", "a1", strings.Repeat("a", 48)} {
		if err := custody.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "A", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a/b", "a b", "a\n", "é", strings.Repeat("a", 49)} {
		if err := custody.CheckName(name); !errors.Is(err, custody.ErrName) {
			t.Errorf("%q: error %v, want ErrName", name, err)
		}
	}
}
