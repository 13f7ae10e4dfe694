// Package checkout locates files in a working copy of PhoneBill.
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

// Checkout is a working copy of the repository. Running PhoneBill writes only to its .local folder,
// which git ignores, except for the logs that `dapr run` writes beside the apps.
type Checkout struct {
	// Root is the absolute path of the folder with go.work.
	Root string
}

// Find returns the checkout that contains dir.
func Find(dir string) (Checkout, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return Checkout{}, err
	}
	// Symbolic links are resolved, because the path identifies the checkout.
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

// Relative returns a path in the checkout relative to Root, and any other path unchanged.
func (c Checkout) Relative(path string) string {
	if relative, err := filepath.Rel(c.Root, path); err == nil && filepath.IsLocal(relative) {
		return relative
	}
	return path
}

// Local returns a path below .local.
func (c Checkout) Local(elem ...string) string {
	return filepath.Join(append([]string{c.Root, ".local"}, elem...)...)
}

// Bin returns the path of a program built here.
func (c Checkout) Bin(name string) string { return c.Local("bin", name) }

// Secrets returns the path of the local secret store's file, which the system and the end-to-end
// tests share.
func (c Checkout) Secrets() string { return c.Local("secrets.json") }

// Module is a module of the workspace.
type Module struct {
	Path string // its import path
	Dir  string // its absolute folder
}

// Modules returns the modules of go.work.
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

// ToolVersion returns the version, without "v", of module in the go.mod of dev/tools/<tool>. Those
// files are the only place for versions of tools.
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

// describe adds a command's output to its error.
func describe(command string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", command, err)
}
