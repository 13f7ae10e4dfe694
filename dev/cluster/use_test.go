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
	"strconv"
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
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=20m", "-json", "./dev/e2e")
	cmd.Dir = live.checkout.Root
	cmd.Env = append(os.Environ(), "PHONEBILL_E2E=1", "PHONEBILL_TEST_REQUIRED=1", "PHONEBILL_E2E_REPLICAS="+strconv.Itoa(mostReplicas),
		"PHONEBILL_E2E_URL="+startIngress(t), "PHONEBILL_E2E_SECRETS="+secretsFile(), "PHONEBILL_E2E_APPS="+appURLs())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	start := time.Now()
	out, err := cmd.CombinedOutput()
	ended, said := outcomes(out)
	t.Logf("%d tests passed, %d skipped, %d failed in %s", len(ended["pass"]), len(ended["skip"]), len(ended["fail"]),
		time.Since(start).Round(time.Second))
	for _, name := range ended["fail"] {
		t.Errorf("%s\n%s", name, said[name])
	}
	if err != nil && len(ended["fail"]) == 0 {
		t.Errorf("%v\n%s", err, out)
	}
	if len(ended["pass"]) < len(ended["skip"]) {
		t.Errorf("most tests skipped: %v", ended["skip"])
	}
}

// outcomes returns the tests by how they ended, and what each, with its parts, said.
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
