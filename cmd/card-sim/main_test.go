package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"badgekms/reader/cardsim"
	"badgekms/reader/vpcd"
)

// program is card-sim running against a listener that stands for pcscd.
type program struct {
	conn   net.Conn // the driver's end
	cancel context.CancelFunc
	code   chan int
	stderr bytes.Buffer
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{cancel: cancel, code: make(chan int, 1)}
	go func() { p.code <- run(ctx, append(args, "--vpcd", l.Addr().String()), io.Discard, &p.stderr) }()
	if p.conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	return p
}

// wait gives exit code and what was printed.
func (p *program) wait() (int, string) {
	code := <-p.code
	return code, p.stderr.String()
}

// stop interrupts the program.
func (p *program) stop() (int, string) {
	p.cancel()
	return p.wait()
}

// ask sends one message of the driver and reads the answer.
func ask(t *testing.T, conn net.Conn, msg ...byte) []byte {
	t.Helper()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(conn, body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestRun(t *testing.T) {
	state := filepath.Join(t.TempDir(), "card.json")
	p := start(t, "--type", "EV2", "--uid", "04a1b2c3d4e5f6", "--state", state)
	for want, msg := range map[string]string{
		"\x3B\x81\x80\x01\x80\x80":             "\x04",
		"\x04\xA1\xB2\xC3\xD4\xE5\xF6\x90\x00": "\xFF\xCA\x00\x00\x00",
		"\x91\x00":                             "\x90\xCA\x00\x00\x05\x01\x02\x03\x0F\x81\x00",
	} {
		if got := ask(t, p.conn, []byte(msg)...); string(got) != want {
			t.Errorf("%X: %X, want %X", msg, got, want)
		}
	}
	if code, out := p.stop(); code != 0 || !strings.Contains(out, "EV2 card 04A1B2C3D4E5F6") {
		t.Errorf("exit %d: %s", code, out)
	}

	p = start(t, "--state", state)
	if got := ask(t, p.conn, 0x90, 0x6A, 0, 0, 0); string(got) != "\x01\x02\x03\x91\x00" {
		t.Errorf("after a restart the applications are %X", got)
	}
	if code, out := p.stop(); code != 0 || !strings.Contains(out, "EV2 card 04A1B2C3D4E5F6") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestOldCard: an EV1 of 4 KB, as GetVersion tells.
func TestOldCard(t *testing.T) {
	p := start(t, "--type", "EV1", "--memory", "4096")
	if got := ask(t, p.conn, 0x90, 0x60, 0, 0, 0); string(got) != "\x04\x01\x01\x01\x00\x18\x05\x91\xAF" {
		t.Errorf("GetVersion %X", got)
	}
	if code, out := p.stop(); code != 0 || !strings.Contains(out, "EV1 card 04") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// BenchmarkCommand is one native command through the loopback connection that
// pcscd's driver has to a card: ISO framing, the card, and the way there and back.
func BenchmarkCommand(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	card, err := cardsim.New(cardsim.Options{Type: cardsim.EV3})
	if err != nil {
		b.Fatal(err)
	}
	plugged, err := vpcd.Plug(b.Context(), l.Addr().String(), card)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	for name, command := range map[string][]byte{
		"FreeMemory":  {0x90, 0x6E, 0, 0, 0},
		"handshake 1": {0x90, 0x1A, 0, 0, 1, 0, 0},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				// Length and body apart, as the driver sends them.
				head := binary.BigEndian.AppendUint16(nil, uint16(len(command)))
				for _, part := range [][]byte{head, command} {
					if _, err := conn.Write(part); err != nil {
						b.Fatal(err)
					}
				}
				var answer [2]byte
				if _, err := io.ReadFull(conn, answer[:]); err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(answer[:]))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	conn.Close()
	plugged.Wait()
}

func TestRandomUID(t *testing.T) {
	p := start(t)
	uid := ask(t, p.conn, 0xFF, 0xCA, 0, 0, 0)
	if len(uid) != 9 || uid[0] != 0x04 {
		t.Errorf("UID %X", uid)
	}
	if code, out := p.stop(); code != 0 || !strings.Contains(out, "EV3 card 04") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestVerboseHidesContent: the log has codes and lengths, not what travels.
func TestVerboseHidesContent(t *testing.T) {
	p := start(t, "--verbose")
	ask(t, p.conn, append([]byte{0x90, 0xC4, 0, 0, 17, 0x80}, append(bytes.Repeat([]byte{0xAB}, 16), 0)...)...)
	_, out := p.stop()
	if !strings.Contains(out, "ins=c4") || !strings.Contains(out, "sw=91AE") || strings.Contains(strings.ToLower(out), "abab") {
		t.Error(out)
	}
}

func TestMistakes(t *testing.T) {
	corrupt := filepath.Join(t.TempDir(), "card.json")
	if err := os.WriteFile(corrupt, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, v := range map[string]struct {
		args []string
		code int
		says string
	}{
		"type":          {[]string{"--type", "EV9"}, exitUsage, "use EV1, EV2, EV2XL or EV3"},
		"memory":        {[]string{"--type", "EV2XL", "--memory", "8192"}, exitFailed, "no EV2XL card of 8192 bytes"},
		"uid":           {[]string{"--uid", "04zz"}, exitUsage, "14 hexadecimal digits"},
		"argument":      {[]string{"badge"}, exitUsage, "unexpected argument"},
		"flag":          {[]string{"--speed", "9"}, exitUsage, "--speed"},
		"corrupt state": {[]string{"--state", corrupt}, exitFailed, corrupt},
		"no pcscd":      {[]string{"--vpcd", closed.Addr().String()}, exitFailed, "start pcscd"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(t.Context(), v.args, io.Discard, &stderr); code != v.code || !strings.Contains(stderr.String(), v.says) {
				t.Errorf("exit %d: %s", code, &stderr)
			}
		})
	}
}

func TestOtherSideEnds(t *testing.T) {
	p := start(t)
	p.conn.Close()
	if code, out := p.wait(); code != exitFailed || !strings.Contains(out, "virtual reader is gone") {
		t.Errorf("exit %d: %s", code, out)
	}
}
