package cardsim

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrState: the state file is not one, is damaged, or belongs to another card.
// It is left as it is.
var ErrState = errors.New("unusable card state file")

// stateFormat is the version of the state file. Format 1 had standard and
// backup files only and the factory's ATS, limits and messaging; it is read,
// and written back in the present form.
const stateFormat = 2

// hexBytes are bytes that JSON shows in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) {
	return []byte(hex.EncodeToString(h)), nil
}

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// state is the EEPROM of a card: everything that outlives a reset.
type state struct {
	Format         int            `json:"badgekms_card_sim"`
	Type           Type           `json:"type"`
	UID            hexBytes       `json:"uid"`
	Batch          hexBytes       `json:"batch"`
	Storage        byte           `json:"storage"`
	Week           byte           `json:"week_bcd"`
	Year           byte           `json:"year_bcd"`
	Signature      hexBytes       `json:"signature"`
	MemoryUsed     int            `json:"memory_used"`
	Config         byte           `json:"config"`
	Messaging      byte           `json:"messaging"`
	ATS            hexBytes       `json:"ats"`
	Limits         failLimits     `json:"fail_limits"`
	DefaultKey     hexBytes       `json:"default_key"`
	DefaultVersion byte           `json:"default_version"`
	PICC           *application   `json:"picc"`
	Apps           []*application `json:"applications"`
}

// factoryState is a card as NXP delivers it: PICC master key DES zero, key
// settings 0F, no application.
func factoryState(t Type, storage byte, uid []byte) (*state, error) {
	sig, err := sign(uid)
	if err != nil {
		return nil, err
	}
	return &state{
		Format: stateFormat, Type: t, Storage: storage, UID: bytes.Clone(uid), Signature: sig,
		Batch: hexBytes{0xBA, 0xD6, 0xE0, 0x00, 0x01}, Week: 0x07, Year: 0x26,
		ATS: defaultATS(), Limits: defaultLimits(), DefaultKey: make(hexBytes, 24),
		PICC: &application{
			AID: hexBytes{0, 0, 0}, KeySettings: 0x0F,
			KeyType: type2TDEA, Keys: []*key{newKey(type2TDEA, make([]byte, 16), 0)},
		},
	}, nil
}

// loadState reads a state file. A file that is not there gives fs.ErrNotExist.
func loadState(path string) (*state, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the card state: %w", err)
	}
	s, err := parseState(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v: restore the file, or move it away to start a factory card", ErrState, path, err)
	}
	return s, nil
}

func parseState(raw []byte) (*state, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	s := new(state)
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("data after the end of the card")
	}
	if s.Format == 1 {
		s.Format, s.ATS, s.Limits = stateFormat, defaultATS(), defaultLimits()
	}
	return s, s.validate()
}

// validate makes sure that no command can meet an impossible state.
func (s *state) validate() error {
	switch {
	case s.Format != stateFormat:
		return fmt.Errorf("format %d, want 1 or %d", s.Format, stateFormat)
	case !s.Type.valid():
		return fmt.Errorf("unknown card type %q", s.Type)
	case len(s.UID) != uidLength || len(s.Batch) != 5 || len(s.Signature) != signatureLength || len(s.DefaultKey) != 24:
		return errors.New("UID, batch, signature or default key has the wrong length")
	case !slices.Contains(products[s.Type].storage, s.Storage):
		return fmt.Errorf("storage code %02X is not one of an %s card", s.Storage, s.Type)
	case !ats(s.ATS).valid(products[s.Type].fsci):
		return errors.New("the ATS is damaged")
	case s.Limits.Limit < 1 || s.Limits.Limit > 0xFFFF || s.Limits.Decrement < 0 || s.Limits.Decrement > 0xFFFF:
		return errors.New("the limits of failed authentications are damaged")
	case s.MemoryUsed < 0 || s.MemoryUsed > memorySize(s.Storage):
		return fmt.Errorf("%d of %d bytes of memory in use", s.MemoryUsed, memorySize(s.Storage))
	case s.PICC == nil || len(s.PICC.Keys) != 1 || len(s.PICC.Files) != 0 || !isZero(s.PICC.AID):
		return errors.New("the PICC level is damaged")
	}
	seen := map[string]bool{}
	for _, a := range slices.Concat([]*application{s.PICC}, s.Apps) {
		if err := a.validate(); err != nil {
			return err
		}
		if seen[string(a.AID)] {
			return fmt.Errorf("application %X twice", []byte(a.AID))
		}
		seen[string(a.AID)] = true
	}
	return nil
}

// replaceFile writes raw so that a crash at any point leaves either the old
// file or the new one.
func replaceFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename durable. Systems that cannot flush a directory
// (Windows) order the rename themselves.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// openState loads the state at path, or makes a factory card of the wanted
// type and UID there. Type and UID of an existing state must be the wanted ones
// if any are.
func openState(o Options) (*state, error) {
	if o.State != "" {
		s, err := loadState(o.State)
		if err == nil {
			return s, matchState(s, o)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	uid, err := o.uid()
	if err != nil {
		return nil, err
	}
	storage, err := o.Type.storageOf(o.Memory)
	if err != nil {
		return nil, err
	}
	return factoryState(o.Type, storage, uid)
}

func matchState(s *state, o Options) error {
	if o.Type != "" && o.Type != s.Type {
		return fmt.Errorf("%w: %s holds a card of type %s, not %s: use that type or another file", ErrState, o.State, s.Type, o.Type)
	}
	if o.UID != nil && !bytes.Equal(o.UID, s.UID) {
		return fmt.Errorf("%w: %s holds the card %X, not %X: use that UID or another file", ErrState, o.State, []byte(s.UID), o.UID)
	}
	if have := memorySize(s.Storage); o.Memory != 0 && o.Memory != have {
		return fmt.Errorf("%w: %s holds a card of %d bytes, not %d: use that size or another file", ErrState, o.State, have, o.Memory)
	}
	return nil
}

// save writes the state if a command changed it. If that fails the card goes
// back to what the file says, as after a failed EEPROM write.
func (c *Card) save() error {
	c.dirty = false
	if c.path == "" {
		return nil
	}
	raw, err := json.MarshalIndent(c.state, "", " ")
	if err == nil {
		err = replaceFile(c.path, append(raw, '\n'))
	}
	if err == nil {
		c.saved = raw
		return nil
	}
	if s, reload := parseState(c.saved); reload == nil {
		c.state = s
	}
	c.enter(c.state.PICC)
	return fmt.Errorf("save the card state: %w", err)
}
