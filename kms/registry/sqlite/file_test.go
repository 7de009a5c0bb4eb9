package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"badgekms/kms/registry"
)

func TestPragmasReadBack(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	got, err := s.Pragmas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "5000",
		"application_id": fmt.Sprint(0x424B4D53), "user_version": "1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// TestFileNames keeps odd characters of a path out of the data source's syntax.
func TestFileNames(t *testing.T) {
	for _, name := range []string{"a b.db", "100%25.db", "what?mode=memory.db", "#1.db", "é;'.db"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			s := openAt(t, path, testOptions(t))
			defer closeStore(t, s)
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the file has mode %v, want 0600", info.Mode())
			}
		})
	}
}

func TestOneOpener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	s := openAt(t, path, testOptions(t))
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	for _, name := range []string{path, link} {
		if _, err := Open(t.Context(), name, testOptions(t)); !errors.Is(err, registry.ErrLocked) {
			t.Errorf("second opener: got error %v, want %v", err, registry.ErrLocked)
		}
	}
	closeStore(t, s)
	closeStore(t, openAt(t, link, testOptions(t)))
}

// database makes an SQLite database with some statements and gives its bytes.
func database(t *testing.T, statements ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ours makes a registry with something in it and gives its bytes.
func ours(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "registry.db")
	s := openAt(t, path, testOptions(t))
	for i := range 300 {
		if err := s.Update(t.Context(), createHolder(fmt.Sprintf("H-%03d %s", i, strings.Repeat("x", 200)))); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRefusesOtherFiles(t *testing.T) {
	mine := ours(t)
	newer := bytes.Clone(mine)
	binary.BigEndian.PutUint32(newer[headerUserVersion:], uint32(len(migrations)+1))
	const pageSize = 4096
	torn := bytes.Clone(mine[:len(mine)/2/pageSize*pageSize])
	scribbled := bytes.Clone(mine)
	for i := pageSize; i < len(scribbled); i++ {
		scribbled[i] = 0xA5
	}
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":                   {nil, registry.ErrForeign},
		"text":                    {[]byte(strings.Repeat("not a database\n", 20)), registry.ErrForeign},
		"header cut":              {mine[:50], registry.ErrForeign},
		"another program's":       {database(t, "CREATE TABLE x (y)", "PRAGMA application_id = 7"), registry.ErrForeign},
		"database without owner":  {database(t, "CREATE TABLE x (y)"), registry.ErrForeign},
		"of a newer release":      {newer, registry.ErrNewer},
		"cut in half":             {torn, registry.ErrCorrupt},
		"overwritten past page 1": {scribbled, registry.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "registry.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), path, testOptions(t))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got error %v, want %v and the path", err, c.want)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, c.content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// TestNewerInTheLog has the newer version in the -wal only, as a newer release
// leaves it when it is killed.
func TestNewerInTheLog(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "registry.db"), filepath.Join(t.TempDir(), "registry.db")
	s := openAt(t, from, testOptions(t))
	defer closeStore(t, s)
	if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1)); err != nil {
		t.Fatal(err)
	}
	copyDatabase(t, from, to)
	before, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if checkHeader(to) != nil {
		t.Fatal("the header tells already; the test does not test the log")
	}
	if _, err := Open(t.Context(), to, testOptions(t)); !errors.Is(err, registry.ErrNewer) {
		t.Errorf("got error %v, want %v", err, registry.ErrNewer)
	}
	if after, err := os.ReadFile(to); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestMissingFile(t *testing.T) {
	o := testOptions(t)
	o.Create = false
	path := filepath.Join(t.TempDir(), "registry.db")
	if _, err := Open(t.Context(), path, o); !errors.Is(err, registry.ErrAbsent) {
		t.Errorf("got error %v, want %v", err, registry.ErrAbsent)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a registry was made")
	}
	if _, err := Open(t.Context(), t.TempDir(), o); !errors.Is(err, registry.ErrForeign) {
		t.Errorf("a folder: got error %v, want %v", err, registry.ErrForeign)
	}
	noFolder := filepath.Join(t.TempDir(), "none", "registry.db")
	if _, err := Open(t.Context(), noFolder, testOptions(t)); !errors.Is(err, registry.ErrStorage) {
		t.Errorf("no folder: got error %v, want %v", err, registry.ErrStorage)
	}
}

// TestBrokenCreation finds what a KMS killed while it made its registry left.
func TestBrokenCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	if err := os.WriteFile(path+".new", []byte("half a registry"), 0o600); err != nil {
		t.Fatal(err)
	}
	closeStore(t, openAt(t, path, testOptions(t)))
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("the draft is still there")
	}
}

// TestFailedOpenReleases opens again after a failure: nothing may be held.
func TestFailedOpenReleases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ended, path, testOptions(t)); err == nil {
		t.Fatal("opened with a context that has ended")
	}
	closeStore(t, openAt(t, path, testOptions(t)))
	if _, err := Open(ended, path, testOptions(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	closeStore(t, openAt(t, path, testOptions(t)))
}

// TestFailedMigrationLeavesTheOldVersion breaks the second half of a step.
func TestFailedMigrationLeavesTheOldVersion(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	old := migrations
	defer func() { migrations = old }()
	migrations = append(migrations[:1:1], func(ctx context.Context, tx *sql.Tx, _ time.Time) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE next (x INTEGER) STRICT"); err != nil {
			return err
		}
		return errOnPurpose
	})
	if err := migrate(t.Context(), s.writer, time.Now()); !errors.Is(err, errOnPurpose) {
		t.Errorf("got error %v, want %v", err, errOnPurpose)
	}
	values, err := readPragmas(t.Context(), s.writer)
	if err != nil || values["user_version"] != "1" {
		t.Errorf("version %q (%v), want 1", values["user_version"], err)
	}
	var tables int
	err = s.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'next'").Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("%d tables of the failed step are left (%v)", tables, err)
	}
}

// TestSettingsMustHold refuses a connection that would not be durable.
func TestSettingsMustHold(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA synchronous = NORMAL"); err != nil {
		t.Fatal(err)
	}
	if err := verifyPragmas(t.Context(), s.writer); !errors.Is(err, registry.ErrStorage) {
		t.Errorf("got error %v, want %v", err, registry.ErrStorage)
	}
}
