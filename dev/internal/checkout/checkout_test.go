package checkout_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

func TestFindLooksUpwards(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(root, "apps", "x")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if found, err := checkout.Find(inner); err == nil {
		t.Fatalf("found %s outside of a checkout", found.Root)
	}
	for _, name := range []string{"go.work", "dapr.yaml"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(inner, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, inner, link} {
		if found, err := checkout.Find(dir); err != nil || found.Root != root {
			t.Errorf("from %s: %q, %v", dir, found.Root, err)
		}
	}
}

// here returns the checkout that contains this test.
func here(t *testing.T) checkout.Checkout {
	t.Helper()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestModulesAreThoseOfTheWorkspace(t *testing.T) {
	t.Parallel()
	modules, err := here(t).Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	work, err := os.ReadFile(here(t).Path("go.work"))
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Count(string(work), "./")
	i := slices.IndexFunc(modules, func(m checkout.Module) bool {
		return m.Path == "github.com/phonebill/phonebill/dev" && m.Dir == here(t).Path("dev")
	})
	if len(modules) != listed || i < 0 {
		t.Errorf("%d modules, %d are listed: %v", len(modules), listed, modules)
	}
}

func TestToolVersions(t *testing.T) {
	t.Parallel()
	version, err := here(t).ToolVersion(t.Context(), "daprd", "github.com/dapr/dapr")
	if err != nil || !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
		t.Errorf("%q, %v", version, err)
	}
	if version, err := here(t).ToolVersion(t.Context(), "daprd", "example.com/unknown"); err == nil {
		t.Errorf("a module that is not required has version %q", version)
	}
	if version, err := here(t).ToolVersion(t.Context(), "unknown", "github.com/dapr/dapr"); err == nil {
		t.Errorf("a tool that does not exist has version %q", version)
	}
}
