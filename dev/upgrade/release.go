package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// DefaultFrom is a commit before the migrations that drop the mirrors of table kos_queue.
const DefaultFrom = "932e376f7cecc1eb892032b8d82387c0cdc326cf"

// tools are the programs that the checkouts of all releases share.
var tools = []string{"dapr", "daprd"}

// extract writes the files of a commit below .local/upgrade, unless they are there, and returns
// them as a checkout. It returns an error if the history does not have the commit.
func extract(ctx context.Context, root checkout.Checkout, commit string) (checkout.Checkout, error) {
	id, err := resolve(ctx, root.Root, commit)
	if err != nil {
		return checkout.Checkout{}, err
	}
	older := checkout.Checkout{Root: root.Local("upgrade", id)}
	if _, err := os.Stat(older.Path("go.work")); err == nil {
		return older, nil
	}
	unpacked := older.Root + ".new"
	if err := errors.Join(os.RemoveAll(unpacked), os.MkdirAll(unpacked, 0o700)); err != nil {
		return checkout.Checkout{}, err
	}
	archive := unpacked + ".tar"
	defer func() { _ = os.Remove(archive) }()
	if _, err := output(ctx, root.Root, "git", "archive", "--format=tar", "--output="+archive, id); err != nil {
		return checkout.Checkout{}, err
	}
	if _, err := output(ctx, unpacked, "tar", "-xf", archive); err != nil {
		return checkout.Checkout{}, err
	}
	return older, os.Rename(unpacked, older.Root)
}

// resolve returns the id of a commit in the history of a repository.
func resolve(ctx context.Context, dir, commit string) (string, error) {
	id, err := output(ctx, dir, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("commit %q is not in the history of %s; fetch it (git fetch --unshallow), or name another with FROM=<commit>", commit, dir)
	}
	return id, nil
}

// linkTools links the tools into the folder of programs of another checkout, if they are built.
func linkTools(root, older checkout.Checkout) error {
	if err := os.MkdirAll(filepath.Dir(older.Bin("x")), 0o700); err != nil {
		return err
	}
	for _, name := range tools {
		if _, err := os.Stat(root.Bin(name)); err != nil {
			continue
		}
		if err := os.Symlink(root.Bin(name), older.Bin(name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// output runs a command in dir and returns its output.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
