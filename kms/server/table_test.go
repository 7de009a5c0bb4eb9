package server_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"badgekms/kms/authz"
	"badgekms/kms/pki"
	"badgekms/kms/server"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// served lists every method of a server by its full name.
func served(s *server.Server) []string {
	var methods []string
	for service, info := range s.Services() {
		for _, m := range info.Methods {
			methods = append(methods, "/"+service+"/"+m.Name)
		}
	}
	slices.Sort(methods)
	return methods
}

// Every method that is served has a row of authorisations, and every row a
// method: what is added to the one and forgotten in the other shows here.
func TestEveryMethodHasARow(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Reflection = true })
	methods := served(w.server)
	if rows := w.options.Methods.Resources(); !slices.Equal(rows, methods) {
		t.Errorf("rows %q\nmethods %q", rows, methods)
	}
	if len(methods) < 12 {
		t.Fatalf("only %d methods are served: the walk is broken", len(methods))
	}
}

// Every procedure of the API has a row, and every row is a procedure.
func TestEveryProcedureHasARow(t *testing.T) {
	w := newWorld(t)
	var names []string
	for number, name := range badgekmsv1.Procedure_name {
		if number != 0 {
			names = append(names, strings.ToLower(strings.TrimPrefix(name, "PROCEDURE_")))
		}
	}
	slices.Sort(names)
	if rows := w.options.Procedures.Resources(); !slices.Equal(rows, names) {
		t.Errorf("rows %q, procedures %q", rows, names)
	}
}

// poke calls a method with an empty message and tells how it ended.
func poke(ctx context.Context, conn *grpc.ClientConn, method string) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	// EOF tells that the stream has ended; RecvMsg knows why.
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(&emptypb.Empty{})
}

// may is who may call what, written down apart from the table: a change of
// rights must be made twice.
func may(role pki.Role, method string) bool {
	_, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	switch {
	case strings.Contains(method, "grpc.health"):
		return role != pki.KMS
	case strings.Contains(method, "reflection"):
		return role == pki.Operator || role == pki.Officer
	}
	switch name {
	case "GetScript", "Converse":
		return role == pki.Terminal || role == pki.Station
	case "CreateHolder", "ListHolders", "GetBadge", "ListBadges", "HandOverBadge":
		return role == pki.Station || role == pki.Operator || role == pki.Officer
	case "CreateDomain", "ListDomains":
		return role == pki.Officer
	case "ExportAudit":
		return role == pki.Officer || role == pki.Monitor
	}
	return false
}

// Each role is let in to its methods and to no other, and each refusal is in
// the audit log, with who was refused what.
func TestRolesAgainstMethods(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Reflection = true })
	methods := served(w.server)
	refused := 0
	for _, role := range pki.Roles() {
		if role == pki.KMS {
			continue // TestStrangers: it does not even connect
		}
		conn := w.dial(role)
		for _, m := range methods {
			err := poke(deadline(t), conn, m)
			denied := status.Code(err) == codes.PermissionDenied
			if denied == may(role, m) {
				t.Errorf("%s calls %s: %v, may be %t", role, m, err, may(role, m))
			}
			if denied {
				refused++
				wantRefusal(t, err, badgekmsv1.Reason_REASON_PERMISSION_DENIED)
			}
		}
	}
	recorded := map[[2]string]bool{}
	for _, r := range w.refusals() {
		if r.Reason != "PERMISSION_DENIED" || r.Count != 1 {
			t.Errorf("record %+v", r)
		}
		recorded[[2]string{r.Actor.Workload, r.Details["method"]}] = true
	}
	if refused < 30 || len(recorded) != refused {
		t.Errorf("%d refusals, %d different ones are recorded", refused, len(recorded))
	}
	if want := [2]string{"spiffe://" + trustDomain + "/terminal/one", "/badgekms.v1.DomainService/CreateDomain"}; !recorded[want] {
		t.Errorf("no record of %q", want)
	}
}

// A method without a row is denied to everyone, whatever their role.
func TestNoRowNoCall(t *testing.T) {
	w := newWorld(t, func(o *server.Options) {
		empty, err := authz.NewMethodTable(nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Methods = empty
	})
	for _, role := range []pki.Role{pki.Terminal, pki.Station, pki.Operator, pki.Officer, pki.Directory, pki.Monitor} {
		conn := w.dial(role)
		for _, m := range served(w.server) {
			if err := poke(deadline(t), conn, m); status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s calls %s: %v", role, m, err)
			}
		}
	}
}

// A terminal may call Converse, but neither provision nor inspect with it; the
// refusal is recorded like that of a method.
func TestTerminalMayOnlyAuthenticate(t *testing.T) {
	w := newWorld(t)
	conn := w.dial(pki.Terminal)
	client := badgekmsv1.NewConversationServiceClient(conn)
	station := badgekmsv1.NewConversationServiceClient(w.dial(pki.Station))
	for _, p := range []badgekmsv1.Procedure{badgekmsv1.Procedure_PROCEDURE_PROVISION, badgekmsv1.Procedure_PROCEDURE_INSPECT} {
		_, err := client.GetScript(deadline(t), &badgekmsv1.GetScriptRequest{Procedure: p})
		wantRefusal(t, err, badgekmsv1.Reason_REASON_PERMISSION_DENIED)

		// With the script from elsewhere, it is refused all the same.
		script, err := station.GetScript(deadline(t), &badgekmsv1.GetScriptRequest{Procedure: p})
		must(t, err)
		card := newCard(t)
		_, err = converse(t, conn, card, &badgekmsv1.Open{Procedure: p, Uid: card.UID()}, script.GetScript(), honest(card))
		wantRefusal(t, err, badgekmsv1.Reason_REASON_PERMISSION_DENIED)
		if s := w.state(card.UID()); s.Badge != "" {
			t.Errorf("%v by a terminal left a badge: %+v", p, s)
		}
	}
	must(t, w.server.Housekeep(t.Context()))
	counts := map[string]int64{}
	for _, r := range w.refusals() {
		counts[r.Details["procedure"]] += r.Count
	}
	if counts["provision"] != 2 || counts["inspect"] != 2 {
		t.Errorf("refusals on record: %v, want 2 for each procedure", counts)
	}
}
