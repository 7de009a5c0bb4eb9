// Package test holds what is checked about the repository as a whole.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// rule says what a folder of the module may import of it: prefixes of paths
// relative to the module. DESIGN.md §4 draws these arrows.
type rule struct {
	folder string
	may    []string
}

// rules are tried in order; the first whose folder holds the file decides.
var rules = []rule{
	{"proto", []string{"proto"}},
	{"hsm-sim", []string{"hsm-sim"}},
	{"reader/key", nil},
	{"reader/apdu", []string{"reader"}},
	{"reader/desfire", []string{"reader", "reader/key", "reader/apdu"}},
	{"reader/cardsim", []string{"reader", "reader/cardsim"}},
	{"reader/vpcd", []string{"reader", "reader/vpcd"}},
	{"reader/pcsc", []string{"reader"}},
	{"reader/relay", []string{"reader", "reader/relay", "proto"}},
	{"reader/terminal", []string{"reader", "reader/relay", "proto"}},
	{"reader", nil},
	{"kms", []string{"kms", "reader", "reader/key", "reader/apdu", "reader/desfire", "reader/relay", "proto"}},
	{"enroll", []string{"enroll", "reader", "reader/relay", "proto"}},
	{"cmd", []string{"cmd", "kms", "enroll", "reader", "hsm-sim", "proto", "test/pcscd"}},
	{"test", []string{"test", "cmd", "kms", "enroll", "reader", "hsm-sim", "proto"}},
}

// exact are the entries of may that name one package and not a tree.
var exact = map[string]bool{"reader": true}

func (r rule) allows(imported string) bool {
	for _, m := range r.may {
		if imported == m || !r.exactFor(m) && strings.HasPrefix(imported, m+"/") {
			return true
		}
	}
	return false
}

func (r rule) exactFor(m string) bool {
	return exact[m] && r.folder != "cmd" && r.folder != "test"
}

func TestArrowsOfImports(t *testing.T) {
	files := 0
	walkGo(t, func(path string, imports []string) {
		files++
		r := ruleOf(t, path)
		for _, i := range imports {
			ours, is := strings.CutPrefix(i, "badgekms/")
			if is && !r.allows(ours) && !ownOrTest(path, ours) {
				t.Errorf("%s imports %s: no such arrow from %s (DESIGN.md §4)", path, ours, r.folder)
			}
		}
	})
	if files < 50 {
		t.Fatalf("only %d Go files seen: the walk is broken", files)
	}
}

// ownOrTest lets a package import its own subpackages, and tests import the
// vectors and the simulators that hold it to outside truth.
func ownOrTest(path, imported string) bool {
	own := filepath.ToSlash(filepath.Dir(path))
	if imported == own || strings.HasPrefix(imported, own+"/") {
		return true
	}
	if !strings.HasSuffix(path, "_test.go") {
		return false
	}
	for _, f := range []string{"test/vectors", "test/pcscd", "reader/cardsim", "reader/vpcd", "hsm-sim"} {
		if imported == f {
			return true
		}
	}
	return false
}

// TestTheTwoHalvesShareNothing: the simulated card and the protocol library
// must not import each other, tests included, or a misreading of the standard
// could pass by being shared. They meet in the procedures' tests only.
func TestTheTwoHalvesShareNothing(t *testing.T) {
	walkGo(t, func(path string, imports []string) {
		for _, i := range imports {
			switch {
			case strings.HasPrefix(path, "reader/cardsim/") && (strings.HasPrefix(i, "badgekms/reader/desfire") || strings.HasPrefix(i, "badgekms/reader/key") || strings.HasPrefix(i, "badgekms/reader/apdu")),
				strings.HasPrefix(path, "reader/desfire/") && strings.HasPrefix(i, "badgekms/reader/cardsim"):
				t.Errorf("%s imports %s", path, i)
			}
		}
	})
}

// TestCgoStaysInItsLeaf: packages that need cgo are imported in reader/pcsc
// only, so that everything else builds and runs without it.
func TestCgoStaysInItsLeaf(t *testing.T) {
	walkGo(t, func(path string, imports []string) {
		for _, i := range imports {
			if (i == "C" || i == "github.com/ebfe/scard") && !strings.HasPrefix(path, "reader/pcsc/") {
				t.Errorf("%s imports %s: only reader/pcsc may", path, i)
			}
		}
	})
}

func ruleOf(t *testing.T, path string) rule {
	t.Helper()
	for _, r := range rules {
		if strings.HasPrefix(path, r.folder+"/") {
			return r
		}
	}
	t.Fatalf("%s: no rule for this folder; DESIGN.md §4 lists the top level", path)
	return rule{}
}

// walkGo calls f for every Go file of the module, with its path relative to
// the module's root and its imports.
func walkGo(t *testing.T, f func(path string, imports []string)) {
	t.Helper()
	const root = ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "bin" || d.Name() == "build"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range file.Imports {
			imports = append(imports, strings.Trim(spec.Path.Value, `"`))
		}
		relative, err := filepath.Rel(root, path)
		f(filepath.ToSlash(relative), imports)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
