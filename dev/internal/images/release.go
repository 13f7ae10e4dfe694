package images

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// sources is the folder that images are built from.
const sources = "apps"

// Head returns the release of the checkout: the last commit that changed apps/, so that changes of
// charts or documents give the same images. Without a version it is named after the commit.
// Uncommitted changes are marked in the name.
func Head(ctx context.Context, root checkout.Checkout, version string) (Release, error) {
	commit, err := git(ctx, root, "log", "-1", "--format=%H %h %cI", "--abbrev=12", "--", sources)
	if err != nil {
		return Release{}, err
	}
	fields := strings.Fields(commit)
	if len(fields) != 3 {
		return Release{}, errors.New("the repository has no commit to name the images after")
	}
	created, err := time.Parse(time.RFC3339, fields[2])
	if err != nil {
		return Release{}, err
	}
	release := Release{Version: version, Revision: fields[0], Created: created.UTC()}
	if version == "" {
		release.Version = fields[1]
	}
	changes, err := git(ctx, root, "status", "--porcelain", "--", sources)
	if changes != "" {
		release.Version += "-dirty"
		release.Revision += "-dirty"
	}
	return release, err
}

func git(ctx context.Context, root checkout.Checkout, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root.Root
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}
