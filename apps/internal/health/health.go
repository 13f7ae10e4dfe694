// Package health serves liveness and readiness probes. A readiness response names
// the dependencies that are down and the reason.
package health

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Check returns nil if a dependency is usable. The text of its error is shown to
// system operators, so it must not contain secrets or personal data.
type Check func(ctx context.Context) error

// Registry holds the checks of a service's dependencies. The zero value is ready
// to use and reports ready.
type Registry struct {
	mu           sync.RWMutex
	dependencies map[string]*dependency
	onChange     func(name string, now Component)
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{} }

// Register adds the check of a dependency that readiness requires.
func (r *Registry) Register(name string, check Check) {
	r.add(name, &dependency{check: check, need: always})
}

// RegisterStartup adds the check of a dependency that readiness requires until it
// has succeeded once; from then on it is only reported. It is for dependencies
// that all replicas share: a release that cannot reach one must not be rolled
// out, but during a later outage, which affects all replicas alike, each continues
// with cached data.
func (r *Registry) RegisterStartup(name string, check Check) {
	r.add(name, &dependency{check: check, need: atStartup})
}

// RegisterOptional adds the check of a dependency that is reported but not required: the
// service works without it, in degraded mode.
func (r *Registry) RegisterOptional(name string, check Check) {
	r.add(name, &dependency{check: check})
}

// OnChange sets a function that Ready calls when the status of a dependency, or
// the reason why it is down, has changed. It must not block.
func (r *Registry) OnChange(onChange func(name string, now Component)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onChange = onChange
}

func (r *Registry) add(name string, d *dependency) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dependencies == nil {
		r.dependencies = make(map[string]*dependency)
	}
	r.dependencies[name] = d
}

// Report is the body of both responses.
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

// Ready runs all checks concurrently and reports their results. It takes at most
// 800 ms, even if a check hangs.
func (r *Registry) Ready(ctx context.Context) Report {
	r.mu.RLock()
	dependencies, onChange := maps.Clone(r.dependencies), r.onChange
	r.mu.RUnlock()

	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		report = Report{Status: up, Components: make(map[string]Component, len(dependencies))}
	)
	for name, dependency := range dependencies {
		group.Go(func() {
			component := dependency.state(ctx)
			if dependency.changes(component) && onChange != nil {
				onChange(name, component)
			}
			mu.Lock()
			defer mu.Unlock()
			report.Components[name] = component
			if component.Status == down && dependency.required() {
				report.Status = down
			}
		})
	}
	group.Wait()
	return report
}

// Liveness always answers 200. It checks no dependency, because restarting the
// service would repair none.
func (r *Registry) Liveness(w http.ResponseWriter, _ *http.Request) {
	write(w, Report{Status: up})
}

// Readiness answers 200 if every required dependency is up, else 503. The body
// lists all dependencies.
func (r *Registry) Readiness(w http.ResponseWriter, req *http.Request) {
	write(w, r.Ready(req.Context()))
}

func write(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status == down {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	// A write fails only if the client has disconnected.
	_ = json.NewEncoder(w).Encode(report)
}
