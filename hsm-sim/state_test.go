package hsmsim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readAll(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// encodings are the forms in which bytes could be written by accident.
func encodings(b []byte) []string {
	return []string{string(b), hex.EncodeToString(b), b64(b), fmt.Sprint(b), fmt.Sprintf("% x", b)}
}

func serveOnce(t *testing.T, s *Server) (done chan error, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener, nil) }()
	if _, err := newClient(t, "http://"+listener.Addr().String(), "").Sys().Health(); err != nil {
		t.Error(err)
	}
	return done, cancel
}

// saved are the options of a state file in a directory of its own.
func saved(t *testing.T) Options {
	t.Helper()
	return Options{
		StateFile: filepath.Join(t.TempDir(), "state"), Passphrase: []byte("pass"), cost: cheap,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	o := saved(t)
	first := start(t, o)
	first.createKey(t, "k", "aes256-cmac")
	first.write(t, "transit/keys/k/rotate", nil)
	first.write(t, "transit/keys/k/config", map[string]any{
		"min_decryption_version": 2, "min_encryption_version": 2, "deletion_allowed": true})
	input := map[string]any{"input": "AA=="}
	want := first.write(t, "transit/cmac/k", input).Data["cmac"]
	before, err := first.store.read().encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, first, "transit/keys/k/rotate", nil, 500, "1 error occurred:\n\t* "+errClosed.Error()+"\n\n")

	second := start(t, o)
	if second.token != "" {
		t.Error("an existing state gave out a token again")
	}
	second.client.SetToken(first.token)
	if got := second.write(t, "transit/cmac/k", input).Data["cmac"]; got != want {
		t.Errorf("cmac after restart %v, want %v", got, want)
	}
	after, err := second.store.read().encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Errorf("state after restart:\n%s\nwas:\n%s", after, before)
	}
	info, err := os.Stat(o.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("state file has mode %v", info.Mode())
	}
}

func TestOneProcessPerStateFile(t *testing.T) {
	o := saved(t)
	start(t, o)
	if _, _, err := Open(o); !errors.Is(err, ErrStateInUse) {
		t.Errorf("second Open: %v, want ErrStateInUse", err)
	}
}

func TestBadStateFileIsRefusedAndKept(t *testing.T) {
	o := saved(t)
	sim := start(t, o)
	sim.createKey(t, "k", "aes128-cmac")
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	good := readAll(t, o.StateFile)
	changed := func(at int, by byte) string {
		b := []byte(good)
		b[at] ^= by
		return string(b)
	}
	wrong := o
	wrong.Passphrase = []byte("Pass")
	tests := []struct {
		name    string
		content string
		options Options
		want    error
		cure    string
	}{
		{"wrong passphrase", good, wrong, ErrPassphrase, "use the passphrase that the file was created with"},
		{"empty", "", o, ErrStateDamaged, "put back a copy"},
		{"truncated by one byte", good[:len(good)-1], o, ErrStateDamaged, "put back a copy"},
		{"truncated to the header", good[:bodyOffset], o, ErrStateDamaged, "put back a copy"},
		{"one byte more", good + "x", o, ErrStateDamaged, "put back a copy"},
		{"flipped body bit", changed(bodyOffset+3, 1), o, ErrStateDamaged, "checksum"},
		{"flipped salt bit", changed(saltOffset, 1), o, ErrStateDamaged, "checksum"},
		{"another kind of file", strings.Repeat("#!/bin/sh\n", 20), o, ErrStateDamaged, "does not begin like"},
		{"newer format", changed(7, 3), o, ErrStateVersion, "use the program that wrote it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(o.StateFile, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, token, err := Open(test.options)
			if !errors.Is(err, test.want) || s != nil || token != "" {
				t.Fatalf("Open = %v, %q, %v, want %v", s, token, err, test.want)
			}
			if !strings.Contains(err.Error(), test.cure) || !strings.Contains(err.Error(), o.StateFile) {
				t.Errorf("error %q tells neither the file nor what to do", err)
			}
			if readAll(t, o.StateFile) != test.content {
				t.Error("the file was changed")
			}
		})
	}
	if err := os.WriteFile(o.StateFile, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := start(t, o); again.store.read().keys["k"].latest() != 1 {
		t.Error("the good file no longer opens with its key")
	}
}

// failingDisk is the real disk, one step of which fails.
type failingDisk struct {
	osDisk
	step string
}

var errNoSpace = errors.New("no space left on device")

func (d *failingDisk) fails(step string) error {
	if d.step == step {
		return fmt.Errorf("%s: %w", step, errNoSpace)
	}
	return nil
}

func (d *failingDisk) Create(name string) (file, error) {
	if err := d.fails("create"); err != nil {
		return nil, err
	}
	f, err := d.osDisk.Create(name)
	return &failingFile{file: f, disk: d}, err
}

func (d *failingDisk) Rename(from, to string) error {
	if err := d.fails("rename"); err != nil {
		return err
	}
	return d.osDisk.Rename(from, to)
}

func (d *failingDisk) SyncDir(dir string) error {
	if err := d.fails("syncdir"); err != nil {
		return err
	}
	return d.osDisk.SyncDir(dir)
}

type failingFile struct {
	file
	disk *failingDisk
}

// Write writes half before it fails, as a full disk does.
func (f *failingFile) Write(b []byte) (int, error) {
	if err := f.disk.fails("write"); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, err
	}
	return f.file.Write(b)
}

func (f *failingFile) Sync() error {
	if err := f.disk.fails("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *failingFile) Close() error {
	return errors.Join(f.disk.fails("close"), f.file.Close())
}

func TestFailedWriteChangesNothing(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "close", "rename", "syncdir"} {
		t.Run(step, func(t *testing.T) {
			disk := &failingDisk{}
			o := saved(t)
			o.disk = disk
			b := start(t, o)
			b.createKey(t, "k", "aes128-cmac")
			b.write(t, "transit/keys/k/config", map[string]any{"deletion_allowed": true})
			tag := b.write(t, "transit/cmac/k", map[string]any{"input": "AA=="}).Data["cmac"]
			before := readAll(t, o.StateFile)

			disk.step = step
			for _, change := range []struct{ method, path, body string }{
				{"POST", "/v1/transit/keys/k/rotate", ""},
				{"POST", "/v1/transit/keys/new", `{"type":"aes128-cmac"}`},
				{"POST", "/v1/transit/keys/k/config", `{"deletion_allowed":false}`},
				{"DELETE", "/v1/transit/keys/k", ""},
			} {
				status, body := b.do(t, change.method, change.path, change.body, b.authorized())
				if status != 500 || !strings.Contains(body, "nothing was changed") || !strings.Contains(body, "check free space") {
					t.Errorf("%s %s answers %d %s", change.method, change.path, status, body)
				}
			}
			key := b.store.read().keys["k"]
			if key.latest() != 1 || !key.deletionAllowed || len(b.store.read().keys) != 1 {
				t.Errorf("memory changed: %+v", key)
			}
			if step != "syncdir" && readAll(t, o.StateFile) != before {
				t.Error("the state file changed")
			}
			if _, err := os.Stat(o.StateFile + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a temporary file was left: %v", err)
			}

			disk.step = ""
			b.write(t, "transit/keys/k/rotate", nil)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			again := start(t, o)
			again.client.SetToken(b.token)
			got := again.write(t, "transit/cmac/k", map[string]any{"input": "AA==", "key_version": 1}).Data["cmac"]
			if got != tag || again.store.read().keys["k"].latest() != 2 {
				t.Errorf("after recovery: tag %v, want %v; %d versions", got, tag, again.store.read().keys["k"].latest())
			}
		})
	}
}

// A first start that fails leaves nothing that a second start would trip over.
func TestFailedFirstStart(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "close", "rename", "syncdir"} {
		o := saved(t)
		disk := &failingDisk{step: step}
		o.disk = disk
		if s, token, err := Open(o); !errors.Is(err, errNoSpace) || s != nil || token != "" {
			t.Errorf("%s: Open = %v, %q, %v", step, s, token, err)
		}
		if _, err := os.Stat(o.StateFile); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a state file without a known token exists", step)
		}
		disk.step = ""
		if b := start(t, o); b.token == "" {
			t.Errorf("%s: the second start gave no token", step)
		}
	}
}

func TestRootTokenFile(t *testing.T) {
	o := saved(t)
	o.RootTokenFile = filepath.Join(t.TempDir(), "token")
	b := start(t, o)
	if got := readAll(t, o.RootTokenFile); got != b.token+"\n" {
		t.Errorf("token file %q, token %q", got, b.token)
	}
	info, err := os.Stat(o.RootTokenFile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("token file has mode %v", info.Mode())
	}
	if err := errors.Join(b.Close(), os.Remove(o.RootTokenFile)); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	if _, err := os.Stat(o.RootTokenFile); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the second start wrote a token file")
	}
}

func TestTokenFileThatCannotBeWritten(t *testing.T) {
	o := saved(t)
	o.RootTokenFile = filepath.Join(t.TempDir(), "missing", "token")
	if _, _, err := Open(o); err == nil || !strings.Contains(err.Error(), o.RootTokenFile) {
		t.Errorf("Open: %v", err)
	}
	if _, err := os.Stat(o.StateFile); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a state file exists whose token nobody has")
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	if _, _, err := Open(Options{StateFile: filepath.Join(t.TempDir(), "s")}); !errors.Is(err, errNoPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, _, err := Open(Options{Passphrase: []byte("x")}); err == nil {
		t.Error("a passphrase without a state file was accepted")
	}
	if _, _, err := Open(Options{Edition: "oss"}); err == nil || !strings.Contains(err.Error(), "enterprise or community") {
		t.Errorf("edition: %v", err)
	}
}

func TestKeyBytesNeverPrint(t *testing.T) {
	key := keyVersion{material: newKeyBytes([]byte("0123456789abcdef"))}
	log := new(syncBuffer)
	slog.New(slog.NewJSONHandler(log, nil)).Info("x", "key", key.material, "version", key)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(log, verb, key)
		fmt.Fprintf(log, verb, key.material)
	}
	for _, form := range encodings(key.material.reveal()) {
		if strings.Contains(log.String(), form) {
			t.Errorf("a key printed as %q in %s", form, log)
		}
	}
}
