// Package checkout knows where things are in a working copy of PhoneBill.
package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Checkout is a working copy of the repository. Whatever running PhoneBill
// creates lies below its .local, which git ignores, with the exception of the
// logs that `dapr run` writes beside the apps.
type Checkout struct {
	// Root is the absolute path of the folder that holds go.work.
	Root string
}

// Find returns the checkout that contains dir.
func Find(dir string) (Checkout, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return Checkout{}, err
	}
	// The same folder must have the same name however one came to it: the
	// path tells one checkout from another.
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return Checkout{}, err
	}
	for {
		if exists(filepath.Join(root, "go.work")) && exists(filepath.Join(root, "dapr.yaml")) {
			return Checkout{Root: root}, nil
		}
		parent := filepath.Dir(root)
		if parent == root {
			return Checkout{}, fmt.Errorf("%s is not inside a PhoneBill checkout (no go.work with a dapr.yaml above it)", dir)
		}
		root = parent
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Path returns the path of something in the checkout.
func (c Checkout) Path(elem ...string) string {
	return filepath.Join(append([]string{c.Root}, elem...)...)
}

// Relative returns a path in the checkout as one calls it there, and any other as it
// is.
func (c Checkout) Relative(path string) string {
	if relative, err := filepath.Rel(c.Root, path); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return path
}

// Local returns the path of something that git ignores.
func (c Checkout) Local(elem ...string) string {
	return filepath.Join(append([]string{c.Root, ".local"}, elem...)...)
}

// Bin returns the path of a program that was built here.
func (c Checkout) Bin(name string) string { return c.Local("bin", name) }

// Secrets returns the path of the file behind the local secret store. The
// system and the end-to-end tests share it.
func (c Checkout) Secrets() string { return c.Local("secrets.json") }

// Module is a module of the workspace.
type Module struct {
	Path string // its import path
	Dir  string // its absolute folder
}

// Modules returns the modules that go.work lists.
func (c Checkout) Modules(ctx context.Context) ([]Module, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-json=Path,Dir")
	cmd.Dir = c.Root
	out, err := cmd.Output()
	if err != nil {
		return nil, describe("go list -m", err)
	}
	return parseModules(string(out))
}

func parseModules(out string) ([]Module, error) {
	var modules []Module
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var module Module
		err := decoder.Decode(&module)
		if errors.Is(err, io.EOF) {
			return modules, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list -m: %w", err)
		}
		modules = append(modules, module)
	}
}

// ToolVersion returns the version, without its "v", at which the tool module
// dev/tools/<tool> requires module. Those go.mod files are the only place that
// names the versions of tools.
func (c Checkout) ToolVersion(ctx context.Context, tool, module string) (string, error) {
	file := c.Path("dev", "tools", tool, "go.mod")
	out, err := exec.CommandContext(ctx, "go", "mod", "edit", "-json", file).Output()
	if err != nil {
		return "", describe("go mod edit -json "+file, err)
	}
	return requiredVersion(out, file, module)
}

func requiredVersion(goModJSON []byte, file, module string) (string, error) {
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(goModJSON, &mod); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	for _, require := range mod.Require {
		if require.Path == module {
			return strings.TrimPrefix(require.Version, "v"), nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", file, module)
}

// describe adds what a command printed to why it failed.
func describe(command string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", command, err)
}
