package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/images"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// command runs a program in the checkout with standard input, and returns its output; the error
// contains its error output.
func command(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &complaint
	cmd.Dir = live.checkout.Root
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args[:min(len(args), 4)], " "), err,
			complained(complaint.String()))
	}
	return out.String(), nil
}

// complained removes helm's notices about symbolic links among the charts.
func complained(of string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(of), "\n"), func(line string) bool {
		return strings.Contains(line, "found symbolic link")
	})
	return strings.Join(lines, "\n")
}

// kubectl runs kubectl in the test's namespace.
func kubectl(ctx context.Context, args ...string) (string, error) {
	return command(ctx, "", "kubectl", append([]string{"--namespace", live.namespace}, args...)...)
}

// apply creates or updates objects.
func apply(ctx context.Context, manifests string) error {
	_, err := command(ctx, manifests, "kubectl", "--namespace", live.namespace, "apply", "--filename", "-")
	return err
}

// mustKubectl is kubectl that fails the test on an error.
func mustKubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := kubectl(context.WithoutCancel(t.Context()), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// missing returns an error for a missing prerequisite.
func missing(ctx context.Context) error {
	for _, tool := range []string{"kubectl", "helm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not on the PATH", tool)
		}
	}
	probe, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if _, err := kubectl(probe, "get", "--raw", "/readyz"); err != nil {
		return fmt.Errorf("no cluster: set KUBECONFIG (now %q): %w", os.Getenv("KUBECONFIG"), err)
	}
	if _, err := kubectl(probe, "get", "customresourcedefinition", "resiliencies.dapr.io"); err != nil {
		return fmt.Errorf("the cluster has no Dapr; install it first, as charts/dapr/README.md says: %w", err)
	}
	if _, err := os.Stat(imageFile(images.DigestsFile)); err != nil {
		return errors.New("there are no images; run `make images` first")
	}
	return nil
}

func imageFile(name string) string { return images.Folder(live.checkout) + "/" + name }

// loadImages loads the images into the nodes with the command in PHONEBILL_LOAD_IMAGE, once per
// archive, or with kind's own command. Without either, the cluster pulls them from a registry.
func loadImages(ctx context.Context) error {
	load := os.Getenv("PHONEBILL_LOAD_IMAGE")
	if load == "" {
		where, err := command(ctx, "", "kubectl", "config", "current-context")
		name, isKind := strings.CutPrefix(strings.TrimSpace(where), "kind-")
		if err != nil || !isKind {
			return err
		}
		load = "kind load image-archive --name " + name
	}
	for _, service := range services {
		if _, err := command(ctx, "", "sh", "-c", load+` "$1"`, "sh", imageFile(images.Archive(service))); err != nil {
			return fmt.Errorf("load the image of %s: %w", service, err)
		}
	}
	return nil
}

// overview returns the objects in the namespace, for failure messages.
func overview(ctx context.Context) string {
	pods, _ := kubectl(ctx, "get", "pods,jobs", "--output=wide")
	events, _ := kubectl(ctx, "get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
	lines := strings.Split(strings.TrimSpace(events), "\n")
	return pods + strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// await waits until done returns nil, and fails the test with its last error after a timeout.
func await(t testing.TB, within time.Duration, what string, done func() error) {
	t.Helper()
	// Not the test's context, which has ended during cleanup.
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := proc.Retry(ctx, pollInterval, done); err != nil {
		t.Fatalf("%s: not within %s: %v\n%s", what, within, err, overview(context.WithoutCancel(ctx)))
	}
}

// pollInterval is the interval for conditions of the cluster.
const pollInterval = 500 * time.Millisecond
