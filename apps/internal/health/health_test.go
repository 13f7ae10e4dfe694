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

func fine(context.Context) error { return nil }

func TestReadinessNamesWhatIsMissingAndWhy(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", func(context.Context) error { return errors.New("database does not answer") })
	registry.Register("sidecar", fine)

	answer := httptest.NewRecorder()
	registry.Readiness(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if answer.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", answer.Code)
	}
	want := map[string]any{
		"status": "DOWN",
		"components": map[string]any{
			"database": map[string]any{"status": "DOWN", "reason": "database does not answer"},
			"sidecar":  map[string]any{"status": "UP"},
		},
	}
	if diff := cmp.Diff(want, decode(t, answer)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestChangesAreToldOnce(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	var missing error
	registry.Register("database", func(context.Context) error { return missing })
	registry.Register("sidecar", fine)
	var told []string
	registry.OnChange(func(name string, now health.Component) {
		told = append(told, name+" "+now.Status+" "+now.Reason)
	})
	away, refused := errors.New("database does not answer"), errors.New("database refuses the password")
	for _, missing = range []error{nil, nil, away, away, refused, nil, nil} {
		registry.Ready(t.Context())
	}
	want := []string{"database DOWN database does not answer", "database DOWN database refuses the password", "database UP "}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestWhatIsOnlyWatchedIsNamedButDoesNotDecide(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", fine)
	registry.Watch("session-store", func(context.Context) error { return errors.New("store does not answer") })
	want := health.Report{Status: "UP", Components: map[string]health.Component{
		"database": {Status: "UP"}, "session-store": {Status: "DOWN", Reason: "store does not answer"},
	}}
	if diff := cmp.Diff(want, registry.Ready(t.Context())); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestWhatIsNeededAtFirstDecidesUntilItCouldBeUsed(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	var away atomic.Bool
	registry.RegisterFirst("database", func(context.Context) error {
		if away.Load() {
			return errors.New("database does not answer")
		}
		return nil
	})
	for _, step := range []struct {
		away              bool
		status, component string
	}{{true, "DOWN", "DOWN"}, {false, "UP", "UP"}, {true, "UP", "DOWN"}} {
		away.Store(step.away)
		report := registry.Ready(t.Context())
		if report.Status != step.status || report.Components["database"].Status != step.component {
			t.Errorf("away %t: %+v", step.away, report)
		}
	}
}

func TestReadyWithAllOrNoDependencies(t *testing.T) {
	t.Parallel()
	var registry health.Registry // the zero value is of use
	if report := registry.Ready(t.Context()); report.Status != "UP" {
		t.Errorf("empty registry: %+v", report)
	}
	registry.Register("sidecar", fine)
	answer := httptest.NewRecorder()
	registry.Readiness(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if got := answer.Header().Get("Content-Type"); answer.Code != http.StatusOK || got != "application/json" {
		t.Errorf("status %d, content type %q", answer.Code, got)
	}
}

func TestLivenessAsksNobody(t *testing.T) {
	t.Parallel()
	registry := health.NewRegistry()
	registry.Register("database", func(context.Context) error {
		t.Error("liveness asked a dependency")
		return errors.New("away")
	})
	answer := httptest.NewRecorder()
	registry.Liveness(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if answer.Code != http.StatusOK || decode(t, answer)["status"] != "UP" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestHungChecksAreReportedAndNotWaitedFor(t *testing.T) {
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
				registry.Register("sidecar", fine)

				start := time.Now()
				report := registry.Ready(t.Context())
				if took := time.Since(start); took >= time.Second {
					t.Errorf("took %s: Kubernetes gives a probe a second", took)
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
			t.Errorf("%d checks pile up", n)
		}
		close(release)
		synctest.Wait()
		if report := registry.Ready(t.Context()); report.Status != "UP" {
			t.Errorf("still down after it came back: %+v", report)
		}
	})
}

func decode(t *testing.T, answer *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", answer.Body, err)
	}
	return body
}
