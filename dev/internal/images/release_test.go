package images

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
)

// repository is a temporary git repository.
type repository struct {
	checkout.Checkout
}

func (r repository) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = r.Root
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-07-01T11:03:04+09:00", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) change(t *testing.T, file string) {
	t.Helper()
	path := r.Path(filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r repository) head(t *testing.T, version string) Release {
	t.Helper()
	release, err := Head(t.Context(), r.Checkout, version)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestReleaseIsTheLastChangeOfTheApps(t *testing.T) {
	t.Parallel()
	r := repository{checkout.Checkout{Root: t.TempDir()}}
	r.run(t, "init", "-q")
	if _, err := Head(t.Context(), r.Checkout, ""); err == nil {
		t.Error("a release without a commit")
	}
	r.change(t, "apps/a.go")
	r.run(t, "add", ".")
	r.run(t, "commit", "-qm", "first")
	commit := r.run(t, "rev-parse", "HEAD")
	r.change(t, "charts/values.yaml")
	r.run(t, "add", ".")
	r.run(t, "commit", "-qm", "second")
	r.change(t, "README.md")
	want := Release{Version: commit[:12], Revision: commit, Created: time.Date(2026, 7, 1, 2, 3, 4, 0, time.UTC)}
	if got := r.head(t, ""); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := r.head(t, "1.2.3"); got.Version != "1.2.3" || got.Revision != commit {
		t.Errorf("%+v", got)
	}
	r.change(t, "apps/b.go")
	if got := r.head(t, "1.2.3"); got.Version != "1.2.3-dirty" || got.Revision != commit+"-dirty" {
		t.Errorf("with a change: %+v", got)
	}
}

func TestDigestsAreValues(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), DigestsFile)
	// A commit may look like a number and must be a string.
	if err := writeDigests(file, []Image{{App: "auth-service", Tag: "123456789012", Digest: "sha256:abc"}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]struct{ Image map[string]any }
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	if image := values["auth-service"].Image; image["tag"] != "123456789012" || image["digest"] != "sha256:abc" {
		t.Errorf("%s", content)
	}
}

// TestDockerfileUsesTheSameFlags compares the build flags.
func TestDockerfileUsesTheSameFlags(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(here(t).Path("apps", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\\\n\s+`).ReplaceAllString(string(content), "")
	for _, want := range []string{
		"go build " + strings.Join(buildFlags, " ") + ` -ldflags "` + linkerFlags("${VERSION}") + `"`,
		"CGO_ENABLED=0 GOWORK=off", "FROM scratch", "USER " + user + ":" + user, "EXPOSE 8080",
		"nonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile does not contain %q", want)
		}
	}
}
