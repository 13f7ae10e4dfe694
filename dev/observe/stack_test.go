package observe

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
)

func TestEachAppAndSidecarIsScraped(t *testing.T) {
	t.Parallel()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	file, err := runfile.Load(root.Path("dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := (&Stack{checkout: root, apps: file.Apps}).prometheusConfig()
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Jobs []job `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	scraped := make(map[string]string)
	for _, job := range config.Jobs {
		for _, target := range job.Targets {
			scraped[target.Targets[0]] = target.Labels["container"] + "/" + target.Labels["app"]
		}
	}
	for _, app := range file.Apps {
		if got := scraped[address(app.Port)]; got != "app/"+app.ID {
			t.Errorf("%s is scraped as %q", app.ID, got)
		}
		if got := scraped[address(app.MetricsPort)]; got != "daprd/"+app.ID {
			t.Errorf("the sidecar of %s is scraped as %q", app.ID, got)
		}
	}
}

// TestLeftoversAreStopped, unless their stack still runs.
func TestLeftoversAreStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"go.work", "dapr.yaml"} { // what makes a folder a checkout
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := checkout.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	left, err := proc.Start(proc.Spec{Path: "/bin/sleep", Args: []string{"sleep", "600"}, Dir: dir, Log: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = left.Signal(syscall.SIGKILL) })
	if err := (proc.Records{Dir: root.Local("run", "observe")}).Save("prometheus", left.Process); err != nil {
		t.Fatal(err)
	}
	running, err := lock.Acquire(root.Local("observe.lock"), root.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := ClearLeftovers(t.Context(), dir); err != nil || !left.Alive() {
		t.Errorf("while the stack runs: %v, alive: %t", err, left.Alive())
	}
	if err := running.Release(); err != nil {
		t.Fatal(err)
	}
	if err := ClearLeftovers(t.Context(), dir); err != nil || left.Alive() {
		t.Errorf("afterwards: %v, alive: %t", err, left.Alive())
	}
}

// TestPageIsForThisHost: a name that another site's DNS resolves to this machine is refused.
func TestPageIsForThisHost(t *testing.T) {
	t.Parallel()
	page := protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"127.0.0.1:8090": http.StatusOK, "localhost:8090": http.StatusOK,
		"evil.example:8090": http.StatusMisdirectedRequest, "evil.example": http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
}

func TestPoints(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"1.5": 1.5, "NaN": 0, "+Inf": 0, "x": 0} {
		if got := point([2]any{float64(10), text}); got != (Point{10, want}) {
			t.Errorf("%s: %v", text, got)
		}
	}
}
