package toolchain

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// pinnedAxe returns the folder of the files that pin version and checksum of axe-core.
func (t Toolchain) pinnedAxe() string { return t.Checkout.Path("dev", "tools", "axe") }

// Axe returns the script of axe-core, which checks the accessibility of pages, for tests. npm
// downloads it and checks its checksum, and is installed if missing.
func (t Toolchain) Axe(ctx context.Context) (string, error) {
	folder := t.Checkout.Local("axe")
	script := filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")
	pinned, err := os.ReadFile(filepath.Join(t.pinnedAxe(), "package-lock.json"))
	if err != nil {
		return "", err
	}
	if installed, err := os.ReadFile(filepath.Join(folder, "package-lock.json")); err == nil && bytes.Equal(installed, pinned) {
		return script, nil
	}
	return script, t.downloadAxe(ctx, folder)
}

// downloadAxe replaces folder when the download is complete.
func (t Toolchain) downloadAxe(ctx context.Context, folder string) error {
	npm := find("npm")
	if npm == "" {
		if err := t.install(ctx, []string{"npm"}); err != nil {
			return err
		}
		npm = find("npm")
	}
	fresh := folder + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.CopyFS(fresh, os.DirFS(t.pinnedAxe()))); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if err := t.run(cmd, "downloading axe-core"); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(folder), os.Rename(fresh, folder))
}
