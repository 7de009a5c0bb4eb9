package kmsd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/pki"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
)

// Init makes the files of a new KMS: the database and the key that signs the
// audit log, whose name is origin. It refuses to replace either (fs.ErrExist):
// a database whose log was signed with another key could never be verified
// again. If it fails it leaves neither.
func Init(ctx context.Context, o Options, origin string) error {
	if _, err := os.Lstat(o.Database); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("database %s: %w: serve it, or name another file for a new KMS", o.Database, cmp.Or(err, fs.ErrExist))
	}
	if _, err := audit.CreateSigningKey(o.SigningKey, origin, rand.Reader); err != nil {
		return err
	}
	store, err := openStore(ctx, o, true)
	if err != nil {
		return errors.Join(err, os.Remove(o.SigningKey), os.Remove(o.SigningKey+audit.PublicSuffix))
	}
	return store.Close()
}

func openStore(ctx context.Context, o Options, create bool) (*sqlite.Store, error) {
	appender, err := audit.NewAppender(o.Instance, time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, o.Database, sqlite.Options{Create: create, Audit: appender})
	if errors.Is(err, registry.ErrAbsent) {
		return nil, fmt.Errorf("%w; make a new KMS with `kms init`, or restore the backup to %s", err, filepath.Dir(o.Database))
	}
	return store, err
}

// Check tells whether a KMS could be started from these options, as far as no
// connection is needed: certificates, profile and custody fit together.
func Check(o Options) error {
	if err := o.Profile.CheckCustody(o.Custody.Capabilities(), o.SystemID); err != nil {
		return err
	}
	credentials, err := pki.Load(o.TLS, time.Now, func(error) {})
	if err != nil {
		return err
	}
	_, err = pki.ServerTLS(credentials)
	return err
}
