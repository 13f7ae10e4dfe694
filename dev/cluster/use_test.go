package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/ingress"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// ofOnePod is the skip reason of end-to-end tests that need one pod of each service.
const ofOnePod = "takes one pod of each service"

// TestEndToEnd runs the end-to-end tests against the cluster, through the local ingress, which has
// the chart's routes, and the Services. First those that only use the system, with its replicas;
// then, with one pod of each service, those that inject faults or count what one process does, but not
// with -short. Tests that need local processes are skipped.
func TestEndToEnd(t *testing.T) {
	allSettled(t)
	env := []string{
		"PHONEBILL_E2E=1", "PHONEBILL_TEST_REQUIRED=1", "PHONEBILL_E2E_URL=" + startIngress(t), "PHONEBILL_E2E_APPS=" + appURLs(),
		"PHONEBILL_E2E_SECRETS=" + secretsFile(), "PHONEBILL_E2E_POSTGRES=" + endpoint("postgresql"), "PHONEBILL_E2E_REDIS=" + endpoint("redis"), "PHONEBILL_E2E_REDIS_CACHE=" + endpoint("redis-cache"),
	}
	const users = endToEnd * 4 / 5 // in the first run; the others are for the second one
	var left []string
	t.Run("replicas", func(t *testing.T) {
		skipped := endToEndTests(t, "./dev/e2e", "", append(env, fmt.Sprintf("PHONEBILL_E2E_REPLICAS=%d", mostReplicas), fmt.Sprintf("PHONEBILL_E2E_USERS=1-%d", users)))
		for name, why := range skipped {
			if strings.Contains(why, ofOnePod) {
				left = append(left, name)
			}
		}
	})
	t.Run("one pod each", func(t *testing.T) {
		if testing.Short() {
			t.Skip("these tests pass on the local system")
		}
		if len(left) == 0 {
			t.Fatal("no test was skipped with " + ofOnePod)
		}
		scale(t, 1)
		t.Cleanup(func() { scale(t, leastReplicas) })
		skipped := endToEndTests(t, "./dev/e2e", "^("+strings.Join(left, "|")+")$", append(env, "PHONEBILL_E2E_REPLICAS=1",
			"PHONEBILL_E2E_NAMESPACE="+live.namespace, fmt.Sprintf("PHONEBILL_E2E_USERS=%d-%d", users+1, endToEnd)))
		for name, why := range skipped {
			t.Errorf("%s skipped: %s", name, why)
		}
	})
}

// TestPortal uses the customers' screens in Chromium, through the local ingress: calls of the portal go
// through access control and network policies.
func TestPortal(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("takes Chromium, which cannot be installed from here: ", err)
	}
	allSettled(t)
	const journeys = "^(TestJourney|TestJourneyWithoutScript|TestJourneyByKeyboard|TestWaitingIsLive|TestAFormThatIsSentTwiceIsOneChange|TestNothingTypedIsLost)$"
	skipped := endToEndTests(t, "./dev/e2e/portal", journeys, []string{
		"PHONEBILL_E2E=1", "PHONEBILL_PORTAL_URL=" + startIngress(t), "PHONEBILL_PORTAL_KOS=" + address(kosMock),
		fmt.Sprintf("PHONEBILL_PORTAL_USERS=%d", seededUsers-100),
	})
	for name, why := range skipped {
		t.Errorf("%s skipped: %s", name, why)
	}
}

// scale upgrades the system to the given number of pods per service.
func scale(t *testing.T, pods int) {
	t.Helper()
	var set []string
	for _, service := range services {
		set = append(set, fmt.Sprintf("%s.autoscaling.minReplicas=%d", service, pods))
		if pods < leastReplicas {
			set = append(set, fmt.Sprintf("%s.autoscaling.maxReplicas=%d", service, pods))
		}
	}
	if _, err := helm(context.WithoutCancel(t.Context()), "upgrade", rollTimeout, set...); err != nil {
		t.Fatal(err)
	}
	allHave(t, pods)
}

// endToEndTests runs the tests of a folder with matching names, or all, and returns the skip reasons of others.
func endToEndTests(t *testing.T, folder, names string, env []string) (skipped map[string]string) {
	t.Helper()
	args := []string{"test", "-count=1", "-timeout=20m", "-json", folder}
	if names != "" {
		args = append(args, "-run", names)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = live.checkout.Root, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	start := time.Now()
	out, err := cmd.CombinedOutput()
	ended, said := outcomes(out)
	t.Logf("%d tests passed, %d skipped, %d failed in %s", len(ended["pass"]), len(ended["skip"]), len(ended["fail"]),
		time.Since(start).Round(time.Second))
	for _, name := range ended["fail"] {
		t.Errorf("%s\n%s", name, said[name])
	}
	if err != nil && len(ended["fail"]) == 0 || len(ended["pass"]) == 0 {
		t.Errorf("%v\n%s", err, out)
	}
	skipped = make(map[string]string)
	for _, name := range ended["skip"] {
		skipped[name] = said[name]
	}
	return skipped
}

// TestHelm compares the output of the installed helm with that of the pinned version, if they
// differ.
func TestHelm(t *testing.T) {
	installed, err := exec.LookPath("helm")
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := toolchain.Toolchain{Checkout: live.checkout, Console: console.New(os.Stdout)}.Tool(t.Context(), toolchain.Helm)
	if err != nil {
		t.Fatal(err)
	}
	if installed == pinned {
		t.Skip("helm is the pinned one")
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run=^TestAnotherHelmRendersTheSame$", "./dev/internal/charts")
	cmd.Dir = live.checkout.Root
	cmd.Env = append(os.Environ(), "PHONEBILL_TEST_HELM="+pinned, "PHONEBILL_TEST_HELM_OTHER="+installed)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestAnotherHelmRendersTheSame/prod")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// outcomes returns the tests by result, and the output of each including subtests.
func outcomes(events []byte) (ended map[string][]string, said map[string]string) {
	ended, said = make(map[string][]string), make(map[string]string)
	for line := range bytes.Lines(events) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil || event.Test == "" {
			continue
		}
		name, _, part := strings.Cut(event.Test, "/")
		said[name] += event.Output
		if !part {
			ended[event.Action] = append(ended[event.Action], name)
		}
	}
	return ended, said
}

// appURLs returns the direct URLs of the services in the format of the end-to-end tests.
func appURLs() string {
	var pairs []string
	for _, service := range services {
		pairs = append(pairs, service+"="+address(service))
	}
	return strings.Join(pairs, ",")
}

// startIngress starts the local ingress in front of the Services and returns its URL. It stops with
// the test.
func startIngress(t *testing.T) string {
	t.Helper()
	servers, err := toolchain.Toolchain{Checkout: live.checkout, Console: console.New(os.Stdout)}.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	var apps []runfile.App
	for _, service := range slices.Sorted(maps.Keys(live.ports)) {
		apps = append(apps, runfile.App{ID: service, Port: live.ports[service]})
	}
	dir := t.TempDir()
	child, err := ingress.Start(ingress.Config{
		Binary: servers.Nginx, Dir: dir, Log: dir + "/log", Port: port, Host: live.node, Apps: apps,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM)
		if err := child.WaitGone(context.Background()); err != nil {
			t.Error(err)
		}
	})
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	await(t, 10*time.Second, "the ingress", func() error {
		status, body := send(request(http.MethodGet, url+"/api/v1/auth/verify", "", ""))
		if status != http.StatusUnauthorized {
			return fmt.Errorf("status %d %s", status, body)
		}
		return nil
	})
	return url
}
