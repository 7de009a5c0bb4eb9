package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/cmd/internal/cli"
)

// run runs kmsctl as main does.
func run(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err = cli.Execute(t.Context(), root)
	return out.String(), err
}

func masterFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.hex")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The published example of AN10922 §2.2.1, and the short M that plain CMAC gets
// wrong (requirements.md 4).
func TestDiversify(t *testing.T) {
	master := masterFile(t, "00112233445566778899aabbccddeeff\n")
	for m, want := range map[string]diversified{
		"04782E21801D803042F54E585020416275": {Key: "A8DD63A3B89D54B37CA802473FDA9175", LengthOfM: 17},
		"04782e21801d80":                     {Key: "4FD3364753B8142980E8203C75AD83BE", LengthOfM: 7},
	} {
		out, err := run(t, "diversify", "--master-file", master, "--m", m, "--json")
		var got diversified
		if err != nil || json.Unmarshal([]byte(out), &got) != nil {
			t.Fatalf("%s: %v %s", m, err, out)
		}
		if got.V != 1 || got.Key != want.Key || got.LengthOfM != want.LengthOfM || got.M != strings.ToUpper(m) {
			t.Errorf("%s: %+v, want %+v", m, got, want)
		}
		if same := got.KCV == got.PlainKCV; same != (want.LengthOfM >= 16) {
			t.Errorf("%s: plain CMAC gives the same key: %t", m, same)
		}
	}
	fields, err := run(t, "diversify", "--master-file", master, "--uid", "04782E21801D80", "--aid", "3042F5",
		"--system-id", "hex:4E585020416275", "--fields", "uid,aid,system_id")
	if err != nil || !strings.Contains(fields, "A8DD63A3B89D54B37CA802473FDA9175") {
		t.Errorf("the same M from its fields: %v\n%s", err, fields)
	}
}

func TestUsage(t *testing.T) {
	master := masterFile(t, "00112233445566778899AABBCCDDEEFF")
	secret := "DEADBEEFDEADBEEFDEADBEEFDEADBE"
	short := masterFile(t, secret)
	for name, args := range map[string][]string{
		"no M":               {"diversify", "--master-file", master},
		"both forms of M":    {"diversify", "--master-file", master, "--m", "01", "--uid", "04782E21801D80"},
		"M too long":         {"diversify", "--master-file", master, "--m", strings.Repeat("00", 32)},
		"M is not hex":       {"diversify", "--master-file", master, "--m", "xyz"},
		"UID too short":      {"diversify", "--master-file", master, "--uid", "0478", "--aid", "3042F5", "--system-id", "abcd"},
		"short master":       {"diversify", "--master-file", short, "--m", "01"},
		"no KMS certificate": {"domain", "list"},
		"unknown role":       {"pki", "issue", "--dir", t.TempDir(), "--role", "king", "--name", "x"},
		"unknown kind":       {"domain", "create", "--name", "x", "--kind", "royal"},
		"two exports":        {"audit", "verify", "--key", "k", "a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unknown role" {
				if _, err := run(t, "pki", "init", "--dir", args[3], "--trust-domain", "badges.example"); err != nil {
					t.Fatal(err)
				}
			}
			out, err := run(t, args...)
			if exitCode(err) != 2 {
				t.Errorf("exit code %d: %v", exitCode(err), err)
			}
			if err != nil && strings.Contains(out+err.Error(), secret) {
				t.Errorf("the master is in the message: %v", err)
			}
		})
	}
}

// What the KMS refuses is told by its Reason, and maps to the exit codes of
// DESIGN.md §8.
func TestExplain(t *testing.T) {
	withReason := func(c codes.Code, reason string) error {
		s, err := status.New(c, "what happened").WithDetails(&errdetails.ErrorInfo{Domain: "badgekms", Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return s.Err()
	}
	for name, c := range map[string]struct {
		err  error
		code int
		says string
	}{
		"refused":     {withReason(codes.PermissionDenied, "PERMISSION_DENIED"), 3, "the KMS answered PERMISSION_DENIED: what happened"},
		"exists":      {withReason(codes.AlreadyExists, "DOMAIN_EXISTS"), 3, "DOMAIN_EXISTS"},
		"wrapped":     {errors.Join(withReason(codes.FailedPrecondition, "STATE_INVALID")), 3, "the KMS answered STATE_INVALID: what happened"},
		"unreachable": {status.Error(codes.Unavailable, "connection refused"), 4, "the KMS cannot be reached: connection refused"},
		"custody":     {withReason(codes.Unavailable, "CUSTODY_UNAVAILABLE"), 4, "CUSTODY_UNAVAILABLE"},
		"fault":       {withReason(codes.Internal, "INTERNAL"), 1, "INTERNAL"},
		"own":         {os.ErrNotExist, 1, os.ErrNotExist.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			err := explain(c.err)
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "rpc error") {
				t.Errorf("message %q, want %q", err, c.says)
			}
			if exitCode(err) != c.code {
				t.Errorf("exit code %d, want %d", exitCode(err), c.code)
			}
		})
	}
}
