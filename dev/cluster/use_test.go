package cluster

import (
	"context"
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

// TestEndToEnd runs the end-to-end tests against the cluster: through the local
// ingress, which has the routes of the chart's, and the Services. What needs
// processes of its own skips there.
func TestEndToEnd(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=20m", "-v", "./dev/e2e")
	cmd.Dir = live.checkout.Root
	cmd.Env = append(os.Environ(), "PHONEBILL_E2E=1", "PHONEBILL_TEST_REQUIRED=1",
		"PHONEBILL_E2E_URL="+startIngress(t), "PHONEBILL_E2E_SECRETS="+secretsFile(), "PHONEBILL_E2E_APPS="+appURLs())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	start := time.Now()
	out, err := cmd.CombinedOutput()
	passed, skipped := strings.Count("\n"+string(out), "\n--- PASS"), strings.Count("\n"+string(out), "\n--- SKIP")
	t.Logf("%d tests passed and %d skipped in %s", passed, skipped, time.Since(start).Round(time.Second))
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(string(out)))
	}
	if passed < skipped {
		t.Errorf("most tests skipped:\n%s", out)
	}
}

// failures leaves out what the tests that passed have said.
func failures(out string) string {
	if at := strings.Index(out, "--- FAIL"); at >= 0 {
		out = out[at:]
	}
	return out
}

// appURLs says where each service answers, as the end-to-end tests read it.
func appURLs() string {
	var pairs []string
	for _, service := range services {
		pairs = append(pairs, service+"="+address(service))
	}
	return strings.Join(pairs, ",")
}

// startIngress starts the local ingress in front of the Services and returns its
// URL. It ends with the test.
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
			return fmt.Errorf("it answers %d %s", status, body)
		}
		return nil
	})
	return url
}
