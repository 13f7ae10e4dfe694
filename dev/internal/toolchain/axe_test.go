package toolchain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAxeIsThatOfTheLockFile uses a download of the pinned lock file only, and replaces another one
// when the new one is complete.
func TestAxeIsThatOfTheLockFile(t *testing.T) {
	tools, _ := pinning(t)
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(tools.pinnedAxe(), "package.json"), "{}")
	write(filepath.Join(tools.pinnedAxe(), "package-lock.json"), "new")
	write(tools.Checkout.Local("axe", "package-lock.json"), "old")
	fakes := t.TempDir()
	t.Setenv("PATH", fakes+":"+os.Getenv("PATH"))

	program(t, filepath.Join(fakes, "npm"), "echo no registry; exit 1")
	if _, err := tools.Axe(t.Context()); err == nil || !strings.Contains(err.Error(), "no registry") {
		t.Errorf("a download that fails: %v", err)
	}
	program(t, filepath.Join(fakes, "npm"), `[ "$1 $2" = "ci --ignore-scripts" ] && mkdir -p node_modules/axe-core && echo script > node_modules/axe-core/axe.min.js`)
	for range 2 { // the second time without a download
		path, err := tools.Axe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(path); string(content) != "script\n" {
			t.Errorf("%s: %q, %v", path, content, err)
		}
		program(t, filepath.Join(fakes, "npm"), "exit 1")
	}
}
