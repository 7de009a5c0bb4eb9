package procedure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"badgekms/kms/profile"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/desfire"
)

// filled is what the card has of the layout already, as it says under a MAC.
type filled struct {
	keyed []bool // by key number
	files []byte // numbers
}

// fileCheck is a file read back, and what must be in it.
type fileCheck struct {
	file profile.File
	read *desfire.Sealed
	want []byte
}

// keyAndFill writes the other keys and the files in the session under slot 0,
// reads all of it back, and begins the authentication that proves the badge.
func (p *provisioning) keyAndFill(ctx context.Context) (door *desfire.EV2Handshake, err error) {
	p.stage(badgekmsv1.Stage_STAGE_KEYS_AND_FILES)
	have := filled{keyed: make([]bool, len(p.keys.slots))}
	if p.resumed {
		if have, err = p.filledSoFar(ctx); err != nil {
			return nil, err
		}
	}
	var b desfire.Batch
	versions := p.sealKeys(&b, have)
	checks, err := p.sealFiles(&b, have)
	if err != nil {
		return nil, err
	}
	n := p.onlineNumber()
	door = desfire.AuthenticateEV2First(n, p.keys.slots[n], p.Random)
	if err := add(&b, door.Start); err != nil {
		return nil, err
	}
	if err := p.write(ctx, &b); err != nil {
		return nil, fmt.Errorf("write keys and files: %w", err)
	}
	return door, errors.Join(p.checkVersions(versions), checkFiles(checks))
}

func (p *provisioning) checkVersions(versions []*desfire.Sealed) error {
	for n, x := range versions {
		v, err := desfire.ParseKeyVersion(x.Data())
		if err != nil {
			return err
		}
		if v != p.keys.slotVersions[n] {
			return fmt.Errorf("key %d: %w: its version is %d after ChangeKey, want %d", n, desfire.ErrAnswer, v, p.keys.slotVersions[n])
		}
	}
	return nil
}

func checkFiles(checks []fileCheck) error {
	for _, c := range checks {
		if !bytes.Equal(c.read.Data(), c.want) {
			return fmt.Errorf("file %d: %w: it does not hold what was written", c.file.Number, desfire.ErrAnswer)
		}
	}
	return nil
}

// filledSoFar asks a card that was interrupted what it has. The answers carry
// MACs of the session under slot 0, and the application is of this attempt, so
// version 0 means the key of birth and another the attempt's key.
func (p *provisioning) filledSoFar(ctx context.Context) (filled, error) {
	var b desfire.Batch
	versions := make([]*desfire.Sealed, len(p.keys.slots))
	for n := range versions {
		versions[n] = b.Seal(p.session, desfire.GetKeyVersion(byte(n)))
	}
	ids := b.Seal(p.session, desfire.GetFileIDs())
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return filled{}, fmt.Errorf("ask how far the enrolment came: %w", err)
	}
	var have filled
	for _, x := range versions {
		v, err := desfire.ParseKeyVersion(x.Data())
		if err != nil {
			return filled{}, err
		}
		have.keyed = append(have.keyed, v != birthVersion)
	}
	var err error
	have.files, err = desfire.ParseFileIDs(ids.Data())
	return have, err
}

// sealKeys changes every key but slot 0 that is still the one of birth, and
// asks for the version of each.
func (p *provisioning) sealKeys(b *desfire.Batch, have filled) (versions []*desfire.Sealed) {
	for n := 1; n < len(p.keys.slots); n++ {
		if !have.keyed[n] {
			b.Seal(p.session, desfire.ChangeKey(byte(n), p.keys.birth, p.keys.slots[n], p.keys.slotVersions[n]))
		}
	}
	for n := range p.keys.slots {
		versions = append(versions, b.Seal(p.session, desfire.GetKeyVersion(byte(n))))
	}
	return versions
}

// sealFiles creates the files that are missing, writes all of them, commits
// and reads them back.
func (p *provisioning) sealFiles(b *desfire.Batch, have filled) ([]fileCheck, error) {
	var checks []fileCheck
	backup := false
	for _, f := range p.Profile.Files {
		content, err := p.content(f)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(have.files, f.Number) {
			b.Seal(p.session, createFile(f))
		}
		b.Seal(p.session, desfire.WriteData(f.Number, 0, content, commMode(f)))
		backup = backup || f.Type == profile.FileBackup
		checks = append(checks, fileCheck{file: f, want: content})
	}
	if backup {
		b.Seal(p.session, desfire.CommitTransaction())
	}
	for i, c := range checks {
		checks[i].read = b.Seal(p.session, desfire.ReadData(c.file.Number, 0, len(c.want), commMode(c.file)))
	}
	return checks, nil
}

// content is what a file of the profile holds on this card, padded with zeros
// to the file's size.
func (p *provisioning) content(f profile.File) ([]byte, error) {
	data := make([]byte, f.Size)
	switch f.Content {
	case profile.ContentHeader:
		copy(data, profile.Header{Issue: uint16(p.attempt.issue)}.Bytes())
	case profile.ContentCredentialNumber:
		copy(data, p.badge.CredentialNumber)
	default:
		return nil, fmt.Errorf("profile %s: file %d has unknown content %q", p.Profile.Name, f.Number, f.Content)
	}
	return data, nil
}

func createFile(f profile.File) desfire.Command {
	d := desfire.DataFile{
		No: f.Number, Mode: commMode(f), Size: f.Size,
		Rights: desfire.AccessRights{
			Read: byte(f.Rights.Read), Write: byte(f.Rights.Write),
			ReadWrite: byte(f.Rights.ReadWrite), Change: byte(f.Rights.Change),
		},
	}
	if f.Type == profile.FileBackup {
		return desfire.CreateBackupDataFile(d)
	}
	return desfire.CreateStdDataFile(d)
}

func commMode(f profile.File) desfire.Mode {
	switch f.Mode {
	case profile.CommMAC:
		return desfire.MACed
	case profile.CommFull:
		return desfire.Full
	}
	return desfire.Plain
}

func (p *provisioning) onlineNumber() byte {
	s, _ := p.Profile.Slot(profile.PurposeOnline)
	return s.Number
}

func (p *provisioning) onlineSlot() registry.KeyRef { return p.attempt.slots[p.onlineNumber()] }
