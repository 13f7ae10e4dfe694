// Package health answers whether a service is alive and whether it is ready,
// and if it is not, which dependency is missing and why.
package health

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// checkTimeout bounds each check, so that a hung dependency is reported and
// not waited for. Kubernetes gives a probe one second by default.
const checkTimeout = 800 * time.Millisecond

// Check tells whether a dependency can be used. Its error names the reason in
// words that may be shown to operators: no secrets, no personal data.
type Check func(ctx context.Context) error

// Registry holds the checks that decide readiness. The zero value is ready for
// use and reports ready.
type Registry struct {
	mu     sync.RWMutex
	checks map[string]Check
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{} }

// Register adds the check of the dependency called name.
func (r *Registry) Register(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks == nil {
		r.checks = make(map[string]Check)
	}
	r.checks[name] = check
}

// Report is the body of both endpoints.
type Report struct {
	Status     string               `json:"status"` // UP or DOWN
	Components map[string]Component `json:"components,omitempty"`
}

// Component is the state of one dependency.
type Component struct {
	Status string `json:"status"` // UP or DOWN
	Reason string `json:"reason,omitempty"`
}

const (
	up   = "UP"
	down = "DOWN"
)

// Ready runs all checks at the same time and reports them. It takes no longer
// than the slowest check may.
func (r *Registry) Ready(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	r.mu.RLock()
	defer r.mu.RUnlock()

	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		report = Report{Status: up, Components: make(map[string]Component, len(r.checks))}
	)
	for name, check := range r.checks {
		group.Go(func() {
			component := run(ctx, check)
			mu.Lock()
			defer mu.Unlock()
			report.Components[name] = component
			if component.Status == down {
				report.Status = down
			}
		})
	}
	group.Wait()
	return report
}

func run(ctx context.Context, check Check) Component {
	if err := check(ctx); err != nil {
		return Component{Status: down, Reason: err.Error()}
	}
	return Component{Status: up}
}

// Liveness answers 200 as long as the process can answer at all. It looks at
// no dependency: restarting us would mend none of them.
func (r *Registry) Liveness(w http.ResponseWriter, _ *http.Request) {
	write(w, Report{Status: up})
}

// Readiness answers 200 if every dependency can be used, else 503, and names
// them all.
func (r *Registry) Readiness(w http.ResponseWriter, req *http.Request) {
	write(w, r.Ready(req.Context()))
}

func write(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status == down {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// A client that went away is no fault to report.
	_ = json.NewEncoder(w).Encode(report)
}
