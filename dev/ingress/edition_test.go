package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/phonebill/phonebill/dev/ingress"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// edition is a variant of the ingress: that of `make run`, or the chart's edge with an
// environment's values.
type edition struct {
	name    string
	timeout string // proxy timeout; empty: as configured
}

const makeRun = "make run"

// everyEdition runs a check of each edition.
func everyEdition(t *testing.T, check func(t *testing.T, of edition)) {
	t.Helper()
	for _, name := range []string{makeRun, "local", "dev", "prod"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, edition{name: name})
		})
	}
}

// start runs the ingress in front of the given apps and returns its address.
func (of edition) start(t *testing.T, apps ...runfile.App) string {
	t.Helper()
	base, _ := of.startProbed(t, apps...)
	return base
}

// startProbed is start, with a dead portal unless there is one, that also returns the address of the cluster's probe.
func (of edition) startProbed(t *testing.T, apps ...runfile.App) (base, probe string) {
	t.Helper()
	if !slices.ContainsFunc(apps, func(app runfile.App) bool { return app.ID == "web-portal" }) {
		apps = append(apps, dead(t, "web-portal"))
	}
	cfg := ingress.Config{Port: freePort(t), Apps: apps}
	probePort := freePort(t)
	return run(t, cfg.Port, of.configuration(t, cfg, probePort)), fmt.Sprintf("http://127.0.0.1:%d", probePort)
}

// run runs nginx with a configuration until the test ends, and returns its address.
func run(t *testing.T, port int, configuration string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil { // Debian installs it in a folder that is not on an ordinary user's PATH
		nginx, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil && os.Getenv("PHONEBILL_TEST_REQUIRED") != "" {
		t.Fatal("nginx is not installed")
	}
	if err != nil {
		t.Skip("nginx is not installed")
	}
	dir := t.TempDir()
	cfg := ingress.Config{Binary: nginx, Dir: filepath.Join(dir, "nginx"), Log: filepath.Join(dir, "log")}
	child, err := ingress.Run(cfg, configuration)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
		<-child.Done()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = proc.Poll(ctx, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		log, _ := os.ReadFile(cfg.Log)
		t.Fatalf("nginx does not answer: %v\n%s", err, log)
	}
	return "http://" + address
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// configuration returns the edition's configuration. The ports and app addresses of the edge are
// replaced by local ones.
func (of edition) configuration(t *testing.T, cfg ingress.Config, probe int) string {
	t.Helper()
	root := os.Geteuid() == 0
	text, err := ingress.Render(cfg, root)
	if err != nil {
		t.Fatal(err)
	}
	if of.name != makeRun {
		text = fromChart(t, of.name)
		moves := map[string]string{"listen 8080;": listen(cfg.Port), "listen 8081;": listen(probe)}
		for _, app := range cfg.Apps {
			if of.name != "prod" || app.ID != "kos-mock-service" {
				moves["server "+app.ID+":8080;"] = fmt.Sprintf("server 127.0.0.1:%d;", app.Port)
			}
		}
		for from, to := range moves {
			text = replace(t, text, from, to)
		}
		if root {
			text = "user root;\n" + text // otherwise nginx switches to a user without access to the test's folder
		}
	}
	if of.timeout != "" {
		text = replace(t, text, "proxy_read_timeout 15s;", "proxy_read_timeout "+of.timeout+";")
	}
	return text
}

func listen(port int) string { return fmt.Sprintf("listen 127.0.0.1:%d;", port) }

func replace(t *testing.T, text, from, to string) string {
	t.Helper()
	if strings.Count(text, from) != 1 {
		t.Fatalf("the configuration does not contain %q once:\n%s", from, text)
	}
	return strings.ReplaceAll(text, from, to)
}

var charts struct {
	sync.Mutex

	rendered map[string]string // configuration by environment
}

// fromChart returns the edge's configuration as rendered by the chart. It renders once.
func fromChart(t *testing.T, environment string) string {
	t.Helper()
	helm := testvar.Get(t, "PHONEBILL_TEST_HELM")
	charts.Lock()
	defer charts.Unlock()
	if charts.rendered[environment] == "" {
		if charts.rendered == nil {
			charts.rendered = make(map[string]string)
		}
		charts.rendered[environment] = render(t, helm, environment)
	}
	return charts.rendered[environment]
}

func render(t *testing.T, helm, environment string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), helm, "template", "phonebill", "phonebill", "--kube-version", "1.34.0",
		"--values", "phonebill/values-"+environment+".yaml", "--set", "global.service.image.requireDigest=false",
		"--show-only", "charts/edge/templates/edge.yaml")
	cmd.Dir = filepath.Join("..", "..", "charts")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", environment, err)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(out)))
	for {
		var object struct{ Data map[string]string }
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			t.Fatalf("%s: the chart renders no configuration", environment)
		} else if err != nil {
			t.Fatal(err)
		}
		if text := object.Data["nginx.conf"]; text != "" {
			return text
		}
	}
}

// TestClientAddressIsForwarded: `make run`'s ingress trusts no proxy; the edge trusts the controller
// in front of it.
func TestClientAddressIsForwarded(t *testing.T) {
	t.Parallel()
	everyEdition(t, func(t *testing.T, of edition) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%v%v", r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"])
		}))
		t.Cleanup(server.Close)
		base := of.start(t, runfile.App{ID: "auth-service", Port: portOf(t, server.URL)},
			dead(t, "bill-inquiry-service"), dead(t, "product-change-service"), dead(t, "kos-mock-service"))
		want := "[192.0.2.1, 203.0.113.9, 127.0.0.1][https]"
		if of.name == makeRun {
			want = "[127.0.0.1][http]"
		}
		_, body := exchange(t, base, lines("GET "+path+" HTTP/1.1", "Host: a",
			"X-Forwarded-For: 192.0.2.1, 203.0.113.9", "X-Forwarded-Proto: https", "Connection: close"))
		if body != want {
			t.Errorf("%s, want %s", body, want)
		}
	})
}

// TestEdgeProbeBypassesRoutes also with all apps down.
func TestEdgeProbeBypassesRoutes(t *testing.T) {
	t.Parallel()
	of := edition{name: "prod"}
	_, probe := of.startProbed(t, dead(t, "auth-service"), dead(t, "bill-inquiry-service"), dead(t, "product-change-service"))
	for path, want := range map[string]int{"/ready": http.StatusNoContent, "/api/v1/auth/x": http.StatusNotFound, "/": http.StatusNotFound} {
		t.Run(path, func(t *testing.T) {
			if response, body := send(t, http.MethodGet, probe, path, ""); response.StatusCode != want {
				t.Errorf("%s: %d %q, want %d", path, response.StatusCode, body, want)
			}
		})
	}
}
