package enrollcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"badgekms/cmd/internal/client"
	"badgekms/cmd/internal/enrollcli"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/relaytest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"enroll": func() {
		os.Exit(enrollcli.New(client.Options{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv}).Run(context.Background()))
	}})
}

// TestScripts covers what needs no KMS: usage, help, settings.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{Files: scripts})
}

const desk1 = "Desk 1"

var number = relaytest.Hex("00112233445566778899aabbccddeeff")

// kms is a badge office's KMS that holds one badge and two holders.
type kms struct {
	badgekmsv1.UnimplementedConversationServiceServer
	badgekmsv1.UnimplementedHolderServiceServer
	badgekmsv1.UnimplementedBadgeServiceServer
	outcome    *badgekmsv1.Outcome
	inspection *badgekmsv1.Inspection
	handOver   error
}

func refusal(reason string) error {
	s, err := status.New(codes.FailedPrecondition, "refused").WithDetails(&errdetails.ErrorInfo{Domain: "badgekms", Reason: reason})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func (k *kms) GetScript(context.Context, *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	return &badgekmsv1.GetScriptResponse{Script: &badgekmsv1.Script{Version: "v1"}}, nil
}

func (k *kms) Converse(s grpc.BidiStreamingServer[badgekmsv1.ConverseRequest, badgekmsv1.ConverseResponse]) error {
	remote := relay.NewRemote(s, relay.Options{})
	open, err := remote.Open(s.Context())
	if err != nil {
		return err
	}
	if open.GetProcedure() == badgekmsv1.Procedure_PROCEDURE_INSPECT {
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, Conversation: "c-1",
			Result: &badgekmsv1.Outcome_Inspection{Inspection: k.inspection}})
	}
	if err := remote.Progress(1, 5, badgekmsv1.Stage_STAGE_CARD_CHECK); err != nil {
		return err
	}
	if _, err := remote.Transmit(s.Context(), []reader.Command{{APDU: []byte{0x90, 0x60, 0, 0, 0}, Expect: 0x9100}}); err != nil {
		return err
	}
	return remote.Conclude(k.outcome)
}

func (k *kms) badge(state string) *badgekmsv1.Badge {
	return &badgekmsv1.Badge{Id: "B-1", Uid: relaytest.Hex("04782E21801D80"), State: state, CredentialNumber: number, HolderId: "H-1",
		Slots: []*badgekmsv1.Slot{{Aid: relaytest.Hex("F532F0"), Number: 1, Domain: "staff-doors", Generation: 1, Issue: 1, State: "proven"}}}
}

func (k *kms) HandOverBadge(_ context.Context, r *badgekmsv1.HandOverBadgeRequest) (*badgekmsv1.HandOverBadgeResponse, error) {
	if k.handOver != nil || r.GetIdentityEvidence() == "" || r.GetId() != "B-1" {
		return nil, k.handOver
	}
	b := k.badge("active")
	b.ExpiresAt = timestamppb.New(time.Date(2029, 3, 1, 12, 0, 0, 0, time.UTC))
	return &badgekmsv1.HandOverBadgeResponse{Badge: b}, nil
}

func (k *kms) GetBadge(_ context.Context, r *badgekmsv1.GetBadgeRequest) (*badgekmsv1.GetBadgeResponse, error) {
	b := k.badge("encoded")
	switch {
	case r.GetId() == b.GetId(), bytes.Equal(r.GetUid(), b.GetUid()), bytes.Equal(r.GetCredentialNumber(), b.GetCredentialNumber()):
		return &badgekmsv1.GetBadgeResponse{Badge: b}, nil
	}
	return nil, refusal("BADGE_UNKNOWN")
}

func (k *kms) ListBadges(_ context.Context, r *badgekmsv1.ListBadgesRequest) (*badgekmsv1.ListBadgesResponse, error) {
	if r.GetHolderId() == "H-2" {
		return &badgekmsv1.ListBadgesResponse{}, nil
	}
	return &badgekmsv1.ListBadgesResponse{Badges: []*badgekmsv1.Badge{k.badge("active")}}, nil
}

func (k *kms) CreateHolder(_ context.Context, r *badgekmsv1.CreateHolderRequest) (*badgekmsv1.CreateHolderResponse, error) {
	if r.GetHolder().GetId() == "H-1" {
		return nil, refusal("HOLDER_EXISTS")
	}
	return &badgekmsv1.CreateHolderResponse{Holder: r.GetHolder()}, nil
}

func (k *kms) ListHolders(context.Context, *badgekmsv1.ListHoldersRequest) (*badgekmsv1.ListHoldersResponse, error) {
	return &badgekmsv1.ListHoldersResponse{Holders: []*badgekmsv1.Holder{{Id: "H-1", Name: "Claire Martin", Unit: "Urgences"}, {Id: "H-3", Name: "Luc Petit"}}}, nil
}

// office is the command line with a desk and a KMS behind it.
type office struct {
	kms  *kms
	desk *relaytest.Desk
	conn *grpc.ClientConn
}

func newOffice(t *testing.T) *office {
	o := &office{desk: relaytest.NewDesk(desk1), kms: &kms{
		inspection: &badgekmsv1.Inspection{Product: "DESFire EV3 8K", Uid: relaytest.Hex("04782E21801D80"), StorageBytes: 8192,
			FreeBytes: proto.Uint32(7936), PiccKeySettings: proto.Uint32(0x0F), PiccKeyType: badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA2,
			PiccKeyVersion: proto.Uint32(0), Originality: badgekmsv1.Originality_ORIGINALITY_SIMULATOR, ProductionWeek: 12, ProductionYear: 2025,
			Batch: relaytest.Hex("0102030405"), Encodable: true},
		outcome: &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, BadgeId: "B-1", HolderId: "H-1", Conversation: "c-2", RoundTrips: 9,
			Result: &badgekmsv1.Outcome_Provisioned{Provisioned: &badgekmsv1.Provisioned{CredentialNumber: number, Product: "DESFire EV3 8K"}}},
	}}
	endpoint := relaytest.Serve(t, func(s *grpc.Server) {
		badgekmsv1.RegisterConversationServiceServer(s, o.kms)
		badgekmsv1.RegisterHolderServiceServer(s, o.kms)
		badgekmsv1.RegisterBadgeServiceServer(s, o.kms)
	})
	o.conn = endpoint.Dial(t)
	o.desk.Put(desk1, relaytest.Card(relaytest.Hex("04782E21801D80"), nil))
	return o
}

// keep leaves the test's connection open when a command closes it.
type keep struct{ grpc.ClientConnInterface }

func (keep) Close() error { return nil }

func (o *office) run(t *testing.T, args ...string) (int, string, string) {
	var out, err bytes.Buffer
	code := enrollcli.New(client.Options{
		Args: args, Stdout: &out, Stderr: &err,
		Env: func(k string) string {
			return map[string]string{"BADGEKMS_KMS": "kms:1", "BADGEKMS_CERT": "c", "BADGEKMS_KEY": "k", "BADGEKMS_CA": "a"}[k]
		},
		Readers: func(context.Context, *slog.Logger) (reader.Readers, error) { return o.desk, nil },
		Dial:    func(client.Settings) (client.Connection, error) { return keep{o.conn}, nil },
	}).Run(t.Context())
	return code, out.String(), err.String()
}

// TestCommands checks exit codes and what is said where; a want that begins
// with "!" must not be said.
func TestCommands(t *testing.T) {
	tests := map[string]struct {
		set    func(*office)
		args   string
		code   int
		stdout []string
		stderr []string
	}{
		"issue": {nil, "issue --holder H-1", 0, []string{"B-1", "00112233445566778899aabbccddeeff", "H-1", "pas encore remis"},
			[]string{"Posez une carte", "Étape 1 sur 5 : examen de la carte", "DESFire EV3 8K", "hand-over --badge B-1"}},
		"issue in English": {nil, "issue --holder H-1 --lang en --reader Desk\u00a01", 4, nil, []string{"not attached", "Desk 1"}},
		"issue and hand over": {nil, "issue --holder H-1 --hand-over CNI", 0, []string{"B-1", "en service"},
			[]string{"!hand-over --badge"}},
		"issue, hand-over refused": {func(o *office) { o.kms.handOver = refusal("STATE_INVALID") }, "issue --holder H-1 --hand-over CNI", 3,
			[]string{"B-1"}, []string{"Le badge B-1 est encodé, mais sa remise", "Que faire"}},
		"issue refused": {func(o *office) {
			o.kms.outcome = &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_DENIED, Reason: badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED, Conversation: "c-3"}
		}, "issue --holder H-1", 3, []string{"!B-1"}, []string{"Refusé : Cette carte est déjà un badge", "Que faire : Prenez une carte vierge", "c-3"}},
		"issue without holder":  {nil, "issue", 2, []string{"!B-1"}, []string{"--holder manque"}},
		"issue, reader missing": {func(o *office) { o.desk.Detach(desk1) }, "issue --holder H-1", 4, nil, []string{"pas branché", "Branchez le lecteur"}},
		"issue, nobody comes":   {func(o *office) { o.desk.Take(desk1) }, "issue --holder H-1 --wait 10ms", 4, nil, []string{"Aucune carte"}},
		"issue, two readers":    {func(o *office) { o.desk.Attach("Desk 2") }, "issue --holder H-1", 2, nil, []string{"Desk 1, Desk 2"}},
		"inspect": {nil, "inspect", 0, []string{"04782E21801D80", "8192 octets", "7936 octets", "2TDEA, version 0", "carte simulée",
			"semaine 12 de 2025", "0102030405", "oui"}, []string{"Posez une carte"}},
		"inspect an unsuitable card": {func(o *office) {
			o.kms.inspection = &badgekmsv1.Inspection{ApplicationsHidden: true, NotEncodableReason: badgekmsv1.Reason_REASON_CARD_FULL}
		}, "inspect --lang en", 0, []string{"no: There is not enough room", "list protected", "not told by the card"}, nil},
		"hand-over":              {nil, "hand-over --badge B-1 --evidence CNI", 0, []string{"en service", "2029-03-01", "application f532f0, clé 1 : domaine staff-doors"}, nil},
		"hand-over, no evidence": {nil, "hand-over --badge B-1", 2, nil, []string{"--evidence manque"}},
		"holder add":             {nil, "holder add --id H-9 --name Ada --unit IT", 0, []string{"H-9", "Ada"}, []string{"H-9 enregistré"}},
		"holder add, check only": {nil, "holder add --id H-9 --name Ada --validate-only", 0, nil, []string{"rien n'a été enregistré"}},
		"holder exists":          {nil, "holder add --id H-1 --name Ada", 3, nil, []string{"autres données"}},
		"holder list":            {nil, "holder list", 0, []string{"H-1", "Claire Martin", "Urgences", "H-3"}, nil},
		"badge show by id":       {nil, "badge show --id B-1", 0, []string{"B-1", "pas encore remis"}, nil},
		"badge show by uid":      {nil, "badge show --uid 04:78:2E:21:80:1D:80", 0, []string{"B-1"}, nil},
		"badge show by number":   {nil, "badge show --number 00112233445566778899AABBCCDDEEFF", 0, []string{"B-1"}, nil},
		"badge show, unknown":    {nil, "badge show --id B-2", 3, nil, []string{"pas connu"}},
		"badge show, two ways":   {nil, "badge show --id B-1 --uid 04782E21801D80", 2, nil, []string{"exactement une"}},
		"badge show, bad hex":    {nil, "badge show --uid 04782E", 2, nil, []string{"4, 7 ou 10 octets"}},
		"badge list":             {nil, "badge list", 0, []string{"B-1", "en service"}, nil},
		"badge list, none":       {nil, "badge list --holder H-2", 0, []string{"!B-1"}, []string{"Aucun enregistrement"}},
		"readers":                {nil, "readers", 0, []string{desk1}, nil},
		"readers, none":          {func(o *office) { o.desk.Detach(desk1) }, "readers", 0, nil, []string{"Aucun lecteur"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			if test.set != nil {
				test.set(o)
			}
			code, stdout, stderr := o.run(t, strings.Split(test.args, " ")...)
			if code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			said(t, "standard output", stdout, test.stdout)
			said(t, "standard error", stderr, test.stderr)
			if o.desk.Open() != 0 {
				t.Error("the card is still connected")
			}
		})
	}
}

func said(t *testing.T, where, got string, wants []string) {
	t.Helper()
	for _, want := range wants {
		if banned, not := strings.CutPrefix(want, "!"); not == strings.Contains(got, strings.TrimPrefix(want, "!")) {
			t.Errorf("%s: %q (must be absent: %v %q) in:\n%s", where, want, not, banned, got)
		}
	}
}

// TestJSON: every result is one object a line, with v and what people read in
// the other form.
func TestJSON(t *testing.T) {
	tests := map[string]struct {
		args string
		want map[string]any
		rows int
	}{
		"issue": {"issue --holder H-1 --hand-over CNI", map[string]any{"verdict": "granted", "badge": "B-1", "holder": "H-1",
			"credential_number": "00112233445566778899aabbccddeeff", "state": "active", "round_trips": 9.0, "resumed": false}, 1},
		"inspect":     {"inspect", map[string]any{"uid": "04782e21801d80", "encodable": true, "free_bytes": 7936.0, "picc_key_settings": "0F", "originality": "simulator"}, 1},
		"badge show":  {"badge show --id B-1", map[string]any{"id": "B-1", "state": "encoded", "uid": "04782e21801d80"}, 1},
		"badge list":  {"badge list", map[string]any{"id": "B-1", "state": "active"}, 1},
		"holder list": {"holder list", map[string]any{"id": "H-1", "name": "Claire Martin"}, 2},
		"holder add":  {"holder add --id H-9 --name Ada", map[string]any{"id": "H-9"}, 1},
		"readers":     {"readers", map[string]any{"reader": desk1}, 1},
		"refused":     {"badge show --id B-2", map[string]any{"verdict": "denied", "reason": "BADGE_UNKNOWN"}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, stdout, _ := newOffice(t).run(t, append(strings.Split(test.args, " "), "--json")...)
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if len(lines) != test.rows {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), test.rows, stdout)
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
				t.Fatalf("%v in %s", err, lines[0])
			}
			test.want["v"] = 1.0
			for key, want := range test.want {
				if got[key] != want {
					t.Errorf("%s is %v, want %v", key, got[key], want)
				}
			}
		})
	}
}
