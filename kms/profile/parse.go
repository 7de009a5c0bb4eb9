package profile

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML returns the text of the default profile, to begin one's own from.
func DefaultYAML() []byte { return bytes.Clone(defaultYAML) }

// Default returns the built-in profile of DESIGN.md §7.
func Default() *Profile {
	p, err := Parse(defaultYAML)
	if err != nil {
		panic("profile: internal error: the built-in profile: " + err.Error())
	}
	return p
}

// Parse reads one YAML document and checks every rule. All broken rules are
// reported at once in an *InvalidError; text that is not such a document gives
// another error that wraps ErrInvalid.
func Parse(text []byte) (*Profile, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	p := new(Profile)
	if err := decoder.Decode(p); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: the text is empty; begin from the default profile", ErrInvalid)
		}
		return nil, fmt.Errorf("%w: %w", ErrInvalid, plain(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one YAML document; keep one profile in a file", ErrInvalid)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return p, nil
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plain puts the YAML decoder's words about Go types into words about the
// profile; the line numbers stay.
func plain(err error) error {
	typed := new(yaml.TypeError)
	if !errors.As(err, &typed) {
		return err
	}
	lines := make([]error, len(typed.Errors))
	for i, text := range typed.Errors {
		lines[i] = errors.New(unknownField.ReplaceAllString(text, `unknown field "$1"; correct its spelling or remove it`))
	}
	return errors.Join(lines...)
}

// hashVersion begins the canonical form, so that a later form cannot collide.
const hashVersion = "badgekms card profile 1\n"

// Hash identifies the profile's meaning: SHA-256, as 64 hexadecimal digits,
// over a version line and the JSON of all fields in the order of the type
// Profile. Formatting, comments and the order of YAML keys do not change it.
func (p *Profile) Hash() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic("profile: internal error: " + err.Error())
	}
	sum := sha256.Sum256(append([]byte(hashVersion), text...))
	return hex.EncodeToString(sum[:])
}
