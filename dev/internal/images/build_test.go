package images

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// here returns the checkout. Its files are outside of the module, so the result must not be cached
// by Go.
func here(t *testing.T) checkout.Checkout {
	t.Helper()
	_ = os.Getenv("PHONEBILL_TEST_RUN")
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestBuildsAreReproducible builds an app in the checkout and in a copy elsewhere.
func TestBuildsAreReproducible(t *testing.T) {
	t.Parallel()
	const app = "kos-mock-service"
	here, there := here(t), t.TempDir()
	for _, folder := range []string{"internal", app} {
		if err := os.CopyFS(filepath.Join(there, "apps", folder), os.DirFS(here.Path("apps", folder))); err != nil {
			t.Fatal(err)
		}
	}
	var files [2]map[string][]byte
	for i, root := range []string{here.Root, there} {
		folder := t.TempDir()
		image, err := builder(root).build(t.Context(), app, folder)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeDigests(filepath.Join(folder, DigestsFile), []Image{image}); err != nil {
			t.Fatal(err)
		}
		files[i] = contentsOf(t, folder)
	}
	for name, content := range files[0] {
		if !bytes.Equal(content, files[1][name]) {
			t.Errorf("%s differs", name)
		}
	}
	if len(files[0]) != 3 || len(files[1]) != 3 {
		t.Errorf("%d and %d files", len(files[0]), len(files[1]))
	}
	checkProgram(t, files[0][app+".tar"], app)
	checkBill(t, files[0][app+".cdx.json"])
}

func contentsOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	found, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, f := range found {
		if files[f.Name()], err = os.ReadFile(filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// checkProgram expects a static program with its version.
func checkProgram(t *testing.T, archive []byte, app string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	image, _ := opened(t, file)
	program := entries(t, mutate.Extract(image))[app].content
	parsed, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parsed.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if !bytes.Contains(program, []byte(release.Version)) {
		t.Error("the program lacks its version")
	}
	if bytes.Contains(program, []byte(here(t).Root+"/")) {
		t.Error("the program contains its build path")
	}
}

// checkBill expects the modules of kos-mock-service, including the repository's own.
func checkBill(t *testing.T, content []byte) {
	t.Helper()
	type component struct{ Name, Version, Purl, Type string }
	var bom struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component component
		}
		Components   []component
		Dependencies []struct{ DependsOn []string }
	}
	if err := json.Unmarshal(content, &bom); err != nil {
		t.Fatal(err)
	}
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" || bom.Metadata.Timestamp != "2026-07-01T02:03:04Z" {
		t.Errorf("%+v", bom)
	}
	if c := bom.Metadata.Component; c.Name != "kos-mock-service" || c.Version != "1.2.3" || c.Type != "application" {
		t.Errorf("%+v", c)
	}
	listed := make(map[string]string)
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
		if c.Purl != "pkg:golang/"+c.Name+"@"+c.Version || c.Version == "" {
			t.Errorf("%+v", c)
		}
	}
	if listed["stdlib"] == "" || listed["github.com/gorilla/mux"] == "" || listed["github.com/phonebill/phonebill/apps/internal"] != "1.2.3" {
		t.Errorf("the SBOM lists %v", listed)
	}
	if len(bom.Dependencies) != 1 || len(bom.Dependencies[0].DependsOn) != len(bom.Components) {
		t.Errorf("dependencies %+v", bom.Dependencies)
	}
}
