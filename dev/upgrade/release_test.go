package upgrade

import (
	"os"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

func TestMissingCommitIsReported(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	if _, err := output(t.Context(), root.Root, "git", "init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{DefaultFrom, "", "--all"} {
		_, err := extract(t.Context(), root, commit)
		if err == nil || !strings.Contains(err.Error(), "is not in the history") {
			t.Errorf("%q: %v", commit, err)
		}
	}
}

func TestCommitIsExtractedOnce(t *testing.T) {
	t.Parallel()
	root := checkout.Checkout{Root: t.TempDir()}
	if err := os.WriteFile(root.Path("go.work"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=first"},
	} {
		if _, err := output(t.Context(), root.Root, "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		release, err := extract(t.Context(), root, "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(release.Path("go.work")); err != nil {
			t.Error(err)
		}
	}
}
