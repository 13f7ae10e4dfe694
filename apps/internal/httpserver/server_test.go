package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
)

// gate blocks requests until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}, 100), open: make(chan struct{})} }

func (g *gate) register(r *mux.Router) {
	r.HandleFunc("/held", func(w http.ResponseWriter, r *http.Request) {
		g.entered <- struct{}{}
		select {
		case <-g.open:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
		}
	})
}

func TestRequestsAboveMaxInFlightAreShed(t *testing.T) {
	t.Parallel()
	const limit, more = 3, 5
	cfg := defaults()
	cfg.MaxInFlight = limit
	g := newGate()
	f := setup(t, cfg, g.register)

	var group sync.WaitGroup
	for range limit {
		group.Go(func() {
			if rec := f.do(t, get("/held")); rec.Code != http.StatusOK {
				t.Errorf("a request within the limit got %d", rec.Code)
			}
		})
		<-g.entered
	}
	for range more {
		rec := f.do(t, get("/held"))
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("answered %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
		}
	}
	actuatorsAnswer(t, f)
	close(g.open)
	group.Wait()

	if rec := f.do(t, get("/held")); rec.Code != http.StatusOK {
		t.Errorf("still shedding: %d", rec.Code)
	}
	if shed := f.metric(t, "phonebill_http_requests_shed_total"); shed != more {
		t.Errorf("%v counted as shed, want %d", shed, more)
	}
	if running := f.metric(t, "phonebill_http_requests_in_flight"); running != 0 {
		t.Errorf("%v counted as running", running)
	}
	if n := len(f.log.records(t)); n != limit+more+1 {
		t.Errorf("%d records, want %d", n, limit+more+1)
	}
}

// actuatorsAnswer checks that the actuators answer while the API sheds load.
func actuatorsAnswer(t *testing.T, f *fixture) {
	t.Helper()
	for path, want := range map[string]string{
		"/actuator/health":           `"UP"`,
		"/actuator/health/readiness": `"UP"`,
		"/actuator/prometheus":       "phonebill_http_requests_shed_total",
		"/openapi.yaml":              "openapi: 3.1.0",
	} {
		rec := f.do(t, get(path))
		if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s answered %d %.200s", path, rec.Code, rec.Body)
		}
	}
}

func TestStopLetsRunningRequestsFinish(t *testing.T) {
	t.Parallel()
	g := newGate()
	f := setup(t, defaults(), g.register)
	start(t, f)
	client := newClient(t)

	answered := make(chan string, 1)
	go func() { answered <- fetch(client, f) }()
	<-g.entered
	stopped := make(chan error, 1)
	go func() { stopped <- f.Stop(context.Background()) }()
	awaitClosed(t, f)
	select {
	case err := <-stopped:
		t.Fatalf("stopped while a request was running: %v", err)
	default:
	}
	close(g.open)
	if got := <-answered; got != "200 done" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// waitLimit is how long a test waits for a condition.
const waitLimit = 10 * time.Second

func TestStopSendsConnectionCloseDuringLeave(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Leave = time.Hour
	f := setup(t, cfg, newGate().register)
	start(t, f)
	client := newClient(t)
	closes := func() bool {
		resp, err := client.Post("http://"+f.Addr()+"/nowhere", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatalf("request refused during Leave: %v", err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.Close
	}
	if closes() {
		t.Error("connection closed before Stop")
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- f.Stop(ctx) }()
	for end := time.Now().Add(waitLimit); !closes(); {
		if time.Now().After(end) {
			cancel()
			t.Fatal("no response with Connection: close")
		}
	}
	if !closes() {
		t.Error("second response without Connection: close")
	}
	cancel()
	if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) { // a connection may still have been open
		t.Errorf("stop: %v", err)
	}
	awaitClosed(t, f)
}

func TestStopClosesRequestsAfterDrain(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Drain = 20 * time.Millisecond
	g := newGate()
	f := setup(t, cfg, g.register)
	start(t, f)
	client := newClient(t)

	answered := make(chan string, 1)
	go func() { answered <- fetch(client, f) }()
	<-g.entered
	if err := f.Stop(context.Background()); err == nil {
		t.Error("no error although a request was still running")
	}
	// The request is aborted, so that the resources it uses can be closed.
	if got := <-answered; got == "200 done" {
		t.Errorf("the request got %q", got)
	}
}

func TestStartFailsIfThePortIsInUse(t *testing.T) {
	t.Parallel()
	first := setup(t, defaults(), newGate().register)
	start(t, first)
	cfg := defaults()
	cfg.Addr = first.Addr()
	if err := setup(t, cfg, newGate().register).Start(t.Context()); err == nil || !strings.Contains(err.Error(), first.Addr()) {
		t.Errorf("got %v", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigRejectsLimitsBelowOne(t *testing.T) {
	t.Parallel()
	good := defaults()
	if err := good.Validate(); err != nil {
		t.Errorf("good: %v", err)
	}
	for name, change := range map[string]func(*httpserver.Config){
		"in flight": func(c *httpserver.Config) { c.MaxInFlight = 0 },
		"body":      func(c *httpserver.Config) { c.MaxBody = -1 },
		"drain":     func(c *httpserver.Config) { c.Drain = 0 },
		"leave":     func(c *httpserver.Config) { c.Leave = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := defaults()
			change(&cfg)
			if cfg.Validate() == nil {
				t.Errorf("%s: accepted", name)
			}
		})
	}
}

func start(t *testing.T, f *fixture) {
	t.Helper()
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func fetch(client *http.Client, f *fixture) string {
	resp, err := client.Get("http://" + f.Addr() + "/held")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, text)
}

// awaitClosed waits until the server accepts no connections.
func awaitClosed(t *testing.T, f *fixture) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for end := time.Now().Add(waitLimit); time.Now().Before(end); {
		resp, err := client.Get("http://" + f.Addr() + "/actuator/health")
		if err != nil {
			return
		}
		_ = resp.Body.Close()
	}
	t.Fatal("new requests are still served")
}

func TestHandlerServesWithoutStart(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), api)
	server := httptest.NewServer(f.Handler())
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/api/v1/users/7")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := body(t, resp.Body); got != `{"userId":"7"}`+"\n" {
		t.Errorf("got %s", got)
	}
}
