package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"badgekms/kms/pki"
)

var (
	// ErrUnauthenticated: the caller has no identity.
	ErrUnauthenticated = errors.New("the caller has no identity")
	// ErrDenied is what a *DeniedError is, for errors.Is.
	ErrDenied = errors.New("permission denied")
)

// DeniedError says who was denied what. The message for the caller does not
// list who would be allowed.
type DeniedError struct {
	Identity pki.Identity
	// Resource is the full method name, or the name of the procedure.
	Resource string
	// NoRow tells that nobody may: the resource is in no table.
	NoRow bool
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("permission denied: %s may not call %s: ask for a certificate of another role", e.Identity, e.Resource)
}

// Is makes errors.Is(err, ErrDenied) hold.
func (*DeniedError) Is(target error) bool { return target == ErrDenied }

type identityKey struct{}

// WithIdentity puts the verified identity of a caller into its context.
func WithIdentity(ctx context.Context, id pki.Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// FromContext gives the identity of the caller. It fails with
// ErrUnauthenticated when there is none.
func FromContext(ctx context.Context) (pki.Identity, error) {
	id, ok := ctx.Value(identityKey{}).(pki.Identity)
	if !ok || id == (pki.Identity{}) {
		return pki.Identity{}, ErrUnauthenticated
	}
	return id, nil
}

// Rows say which roles may use a resource. A row without roles denies, like no
// row, but says that this is meant.
type Rows map[string][]pki.Role

// Table is a checked set of rows; it does not change.
type Table struct{ rows Rows }

// NewTable checks and copies rows: every name is filled, every role exists and
// stands once.
func NewTable(rows Rows) (*Table, error) {
	t := &Table{rows: make(Rows, len(rows))}
	var wrong []error
	for name, roles := range rows {
		wrong = append(wrong, checkRow(name, roles))
		t.rows[name] = slices.Clone(roles)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return t, nil
}

func checkRow(name string, roles []pki.Role) error {
	if name == "" || strings.ContainsAny(name, " *") {
		return fmt.Errorf("authorisation row %q: name one resource, without wildcards", name)
	}
	for i, r := range roles {
		if _, err := pki.ParseRole(string(r)); err != nil {
			return fmt.Errorf("authorisation row %q: %w", name, err)
		}
		if slices.Contains(roles[:i], r) {
			return fmt.Errorf("authorisation row %q: role %s stands twice", name, r)
		}
	}
	return nil
}

// NewMethodTable is NewTable for full gRPC method names, /package.Service/Method.
func NewMethodTable(rows Rows) (*Table, error) {
	for name := range rows {
		parts := strings.Split(name, "/")
		if len(parts) != 3 || parts[0] != "" || parts[1] == "" || parts[2] == "" {
			return nil, fmt.Errorf("authorisation row %q: want the form /package.Service/Method", name)
		}
	}
	return NewTable(rows)
}

// Check returns nil if the identity's role is in the row of the resource, and
// a *DeniedError otherwise.
func (t *Table) Check(id pki.Identity, resource string) error {
	roles, found := t.rows[resource]
	if !found || !slices.Contains(roles, id.Role) {
		return &DeniedError{Identity: id, Resource: resource, NoRow: !found}
	}
	return nil
}

// Resources lists the names of all rows, sorted.
func (t *Table) Resources() []string {
	names := make([]string, 0, len(t.rows))
	for name := range t.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Roles lists who may use a resource; nil when it has no row.
func (t *Table) Roles(resource string) []pki.Role { return slices.Clone(t.rows[resource]) }
