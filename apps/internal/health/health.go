// Package health answers whether a service is alive and whether it is ready,
// and if it is not, which dependency is missing and why.
package health

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Check tells whether a dependency can be used. Its error names the reason in
// words that may be shown to operators: no secrets, no personal data.
type Check func(ctx context.Context) error

// Registry holds the checks that decide readiness. The zero value is ready for
// use and reports ready.
type Registry struct {
	mu           sync.RWMutex
	dependencies map[string]*dependency
	tell         func(name string, now Component)
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{} }

// Register adds the check of the dependency called name, without which the
// service is not ready.
func (r *Registry) Register(name string, check Check) {
	r.add(name, &dependency{check: check, need: always})
}

// RegisterFirst adds the check of the dependency called name, without which the
// service is not ready until it could be used once; from then on it is only
// reported. It is for what all replicas share: a release that cannot reach it is
// not rolled out, but when it goes away later no replica is better than another,
// and each goes on with what it knows.
func (r *Registry) RegisterFirst(name string, check Check) {
	r.add(name, &dependency{check: check, need: atFirst})
}

// Watch adds the check of the dependency called name, which is reported but
// does not decide: without it the service does less, but still enough to be
// asked.
func (r *Registry) Watch(name string, check Check) {
	r.add(name, &dependency{check: check})
}

// OnChange has tell called when somebody asks and a dependency is found missing,
// missing for another reason than before, or back. It must not block.
func (r *Registry) OnChange(tell func(name string, now Component)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell = tell
}

func (r *Registry) add(name string, d *dependency) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dependencies == nil {
		r.dependencies = make(map[string]*dependency)
	}
	r.dependencies[name] = d
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
// than 800 ms, also if a check hangs.
func (r *Registry) Ready(ctx context.Context) Report {
	r.mu.RLock()
	dependencies, tell := maps.Clone(r.dependencies), r.tell
	r.mu.RUnlock()

	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		report = Report{Status: up, Components: make(map[string]Component, len(dependencies))}
	)
	for name, dependency := range dependencies {
		group.Go(func() {
			component := dependency.state(ctx)
			if dependency.changes(component) && tell != nil {
				tell(name, component)
			}
			mu.Lock()
			defer mu.Unlock()
			report.Components[name] = component
			if component.Status == down && dependency.decides() {
				report.Status = down
			}
		})
	}
	group.Wait()
	return report
}

// Liveness answers 200 as long as the process can answer at all. It looks at
// no dependency: restarting us would mend none of them.
func (r *Registry) Liveness(w http.ResponseWriter, _ *http.Request) {
	write(w, Report{Status: up})
}

// Readiness answers 200 if every dependency that is needed can be used, else
// 503, and names them all.
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
