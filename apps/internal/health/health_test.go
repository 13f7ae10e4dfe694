package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func succeed(context.Context) error { return nil }

func TestReadinessReportsDependencyAndReason(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", func(context.Context) error { return errors.New("database does not answer") })
	registry.Register("sidecar", succeed)

	rec := httptest.NewRecorder()
	registry.Readiness(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", rec.Code)
	}
	want := map[string]any{
		"status": "DOWN",
		"components": map[string]any{
			"database": map[string]any{"status": "DOWN", "reason": "database does not answer"},
			"sidecar":  map[string]any{"status": "UP"},
		},
	}
	if diff := cmp.Diff(want, decode(t, rec)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestOnChangeIsCalledOncePerChange(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	var current error
	registry.Register("database", func(context.Context) error { return current })
	registry.Register("sidecar", succeed)
	var changes []string
	registry.OnChange(func(name string, now health.Component) {
		changes = append(changes, name+" "+now.Status+" "+now.Reason)
	})
	down, refused := errors.New("database does not answer"), errors.New("database refuses the password")
	for _, current = range []error{nil, nil, down, down, refused, nil, nil} {
		registry.Ready(t.Context())
	}
	want := []string{"database DOWN database does not answer", "database DOWN database refuses the password", "database UP "}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestOptionalDependencyIsReportedButNotRequired(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", succeed)
	registry.RegisterOptional("session-store", func(context.Context) error { return errors.New("store does not answer") })
	want := health.Report{Status: "UP", Components: map[string]health.Component{
		"database": {Status: "UP"}, "session-store": {Status: "DOWN", Reason: "store does not answer"},
	}}
	if diff := cmp.Diff(want, registry.Ready(t.Context())); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestStartupDependencyIsRequiredUntilItSucceeds(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	var down atomic.Bool
	registry.RegisterStartup("database", func(context.Context) error {
		if down.Load() {
			return errors.New("database does not answer")
		}
		return nil
	})
	for _, step := range []struct {
		down              bool
		status, component string
	}{{true, "DOWN", "DOWN"}, {false, "UP", "UP"}, {true, "UP", "DOWN"}} {
		down.Store(step.down)
		report := registry.Ready(t.Context())
		if report.Status != step.status || report.Components["database"].Status != step.component {
			t.Errorf("down %t: %+v", step.down, report)
		}
	}
}

func TestReadyWithAllOrNoDependencies(t *testing.T) {
	t.Parallel()
	var registry health.Registry // the zero value is ready to use
	if report := registry.Ready(t.Context()); report.Status != "UP" {
		t.Errorf("empty registry: %+v", report)
	}
	registry.Register("sidecar", succeed)
	rec := httptest.NewRecorder()
	registry.Readiness(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := rec.Header().Get("Content-Type"); rec.Code != http.StatusOK || got != "application/json" {
		t.Errorf("status %d, content type %q", rec.Code, got)
	}
}

func TestLivenessChecksNoDependency(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", func(context.Context) error {
		t.Error("liveness checked a dependency")
		return errors.New("down")
	})
	rec := httptest.NewRecorder()
	registry.Liveness(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != http.StatusOK || decode(t, rec)["status"] != "UP" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestHungCheckIsReportedWithinTheProbeTimeout(t *testing.T) {
	t.Parallel()
	tests := map[string]func(release <-chan struct{}) health.Check{
		"honours its context": func(<-chan struct{}) health.Check {
			return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		},
		"ignores its context": func(release <-chan struct{}) health.Check {
			return func(context.Context) error { <-release; return nil }
		},
	}
	for name, check := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				registry := health.NewRegistry()
				registry.Register("hung", check(release))
				registry.Register("sidecar", succeed)

				start := time.Now()
				report := registry.Ready(t.Context())
				if took := time.Since(start); took >= time.Second {
					t.Errorf("took %s, want less than the probe timeout of Kubernetes, 1s", took)
				}
				if report.Status != "DOWN" || report.Components["hung"].Reason == "" || report.Components["sidecar"].Status != "UP" {
					t.Errorf("got %+v", report)
				}
			})
		})
	}
}

func TestProbesOfAHungDependencyShareOneCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		release := make(chan struct{})
		registry := health.NewRegistry()
		registry.Register("hung", func(context.Context) error {
			running.Add(1)
			defer running.Add(-1)
			<-release
			return nil
		})
		for range 10 {
			registry.Ready(t.Context())
		}
		if n := running.Load(); n != 1 {
			t.Errorf("%d checks are running, want 1", n)
		}
		close(release)
		synctest.Wait()
		if report := registry.Ready(t.Context()); report.Status != "UP" {
			t.Errorf("still down after recovery: %+v", report)
		}
	})
}

func decode(t *testing.T, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	return body
}
