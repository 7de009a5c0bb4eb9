package authz

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/reflect/protoreflect"

	badgekmsv1 "badgekms/proto/badgekms/v1"

	"badgekms/kms/pki"
)

func identity(t *testing.T, role pki.Role) pki.Identity {
	t.Helper()
	id, err := pki.NewIdentity("badges.example", role, "one")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Every role is tried on every row: the expectation is the whole table of
// DESIGN §8, written a second time and the other way round.
func TestWhoMayCallWhat(t *testing.T) {
	methods, err := Methods()
	if err != nil {
		t.Fatal(err)
	}
	health := []string{"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"}
	conversation := []string{"/badgekms.v1.ConversationService/GetScript", "/badgekms.v1.ConversationService/Converse"}
	office := []string{
		"/badgekms.v1.HolderService/CreateHolder", "/badgekms.v1.HolderService/ListHolders",
		"/badgekms.v1.BadgeService/GetBadge", "/badgekms.v1.BadgeService/ListBadges", "/badgekms.v1.BadgeService/HandOverBadge",
	}
	domains := []string{"/badgekms.v1.DomainService/CreateDomain", "/badgekms.v1.DomainService/ListDomains"}
	reflection := []string{
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	}
	export := []string{"/badgekms.v1.AuditService/ExportAudit"}
	want := map[pki.Role][]string{
		pki.Terminal:  slices.Concat(health, conversation),
		pki.Station:   slices.Concat(health, conversation, office),
		pki.Operator:  slices.Concat(health, office, reflection),
		pki.Officer:   slices.Concat(health, office, reflection, domains, export),
		pki.Directory: health,
		pki.Monitor:   slices.Concat(health, export),
		pki.KMS:       nil,
	}
	for _, role := range pki.Roles() {
		var got []string
		for _, m := range methods.Resources() {
			if methods.Check(identity(t, role), m) == nil {
				got = append(got, m)
			}
		}
		slices.Sort(want[role])
		if diff := cmp.Diff(want[role], got); diff != "" {
			t.Errorf("%s may call (-want +got):\n%s", role, diff)
		}
	}
}

// A method without a row, or a row without a method, is a mistake that the
// default deny would hide until someone needs it.
func TestMethodsMatchTheServices(t *testing.T) {
	methods, err := Methods()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, file := range []protoreflect.FileDescriptor{
		badgekmsv1.File_badgekms_v1_audit_proto, badgekmsv1.File_badgekms_v1_badge_proto,
		badgekmsv1.File_badgekms_v1_conversation_proto, badgekmsv1.File_badgekms_v1_domain_proto,
		badgekmsv1.File_badgekms_v1_holder_proto, grpc_health_v1.File_grpc_health_v1_health_proto,
		reflectionv1.File_grpc_reflection_v1_reflection_proto, reflectionv1alpha.File_grpc_reflection_v1alpha_reflection_proto,
	} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				served = append(served, "/"+string(s.FullName())+"/"+string(s.Methods().Get(j).Name()))
			}
		}
	}
	if len(served) == 0 {
		t.Fatal("no method found in the service descriptors")
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, methods.Resources()); diff != "" {
		t.Errorf("rows of the table (-services +table):\n%s", diff)
	}
}

func TestProcedures(t *testing.T) {
	procedures, err := Procedures()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]pki.Role{
		"authenticate": {pki.Terminal, pki.Station},
		"inspect":      {pki.Station},
		"provision":    {pki.Station},
		"rekey":        nil,
	}
	for name, roles := range want {
		if diff := cmp.Diff(roles, procedures.Roles(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	values := badgekmsv1.Procedure(0).Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		name := strings.ToLower(strings.TrimPrefix(string(values.Get(i).Name()), "PROCEDURE_"))
		if procedures.Roles(name) == nil {
			t.Errorf("procedure %s of the API has no row", name)
		}
	}
}

func TestDefaultDeny(t *testing.T) {
	table, err := NewTable(Rows{"closed": nil, "open": {pki.Officer}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, resource string
		id             pki.Identity
		noRow          bool
	}{
		{"no row", "unknown", identity(t, pki.Officer), true},
		{"empty name", "", identity(t, pki.Officer), true},
		{"row without roles", "closed", identity(t, pki.Officer), false},
		{"other role", "open", identity(t, pki.Terminal), false},
		{"no identity", "open", pki.Identity{}, false},
		{"prefix of a row", "ope", identity(t, pki.Officer), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := table.Check(c.id, c.resource)
			var denied *DeniedError
			if !errors.As(err, &denied) || !errors.Is(err, ErrDenied) {
				t.Fatalf("got %v, want a *DeniedError", err)
			}
			if denied.NoRow != c.noRow || denied.Resource != c.resource || denied.Identity != c.id {
				t.Errorf("got %+v", denied)
			}
			if c.id.Role != pki.Officer && strings.Contains(err.Error(), string(pki.Officer)) {
				t.Errorf("the message tells who is allowed: %v", err)
			}
		})
	}
	if err := table.Check(identity(t, pki.Officer), "open"); err != nil {
		t.Errorf("the only allowed role: %v", err)
	}
}

func TestTableDoesNotChange(t *testing.T) {
	rows := Rows{"a": {pki.Officer}}
	table, err := NewTable(rows)
	if err != nil {
		t.Fatal(err)
	}
	rows["a"][0] = pki.Terminal
	rows["b"] = []pki.Role{pki.Terminal}
	table.Roles("a")[0] = pki.Terminal
	if table.Check(identity(t, pki.Terminal), "a") == nil || table.Check(identity(t, pki.Terminal), "b") == nil {
		t.Error("a change from outside opened the table")
	}
}

func TestTableRefusesMistakes(t *testing.T) {
	for name, rows := range map[string]Rows{
		"unknown role": {"/p.S/M": {"admin"}},
		"role twice":   {"/p.S/M": {pki.Officer, pki.Officer}},
		"wildcard":     {"/p.S/*": {pki.Officer}},
		"no name":      {"": {pki.Officer}},
		"no slash":     {"p.S/M": {pki.Officer}},
		"no method":    {"/p.S/": {pki.Officer}},
		"two slashes":  {"/p.S/M/N": {pki.Officer}},
	} {
		if table, err := NewMethodTable(rows); err == nil || table != nil {
			t.Errorf("%s: table %v, error %v", name, table, err)
		}
	}
}

func TestContext(t *testing.T) {
	if _, err := FromContext(context.Background()); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("without identity: %v", err)
	}
	if _, err := FromContext(WithIdentity(context.Background(), pki.Identity{})); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("zero identity: %v", err)
	}
	want := identity(t, pki.Station)
	if got, err := FromContext(WithIdentity(context.Background(), want)); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
}
