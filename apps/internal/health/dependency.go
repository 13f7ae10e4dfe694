package health

import (
	"context"
	"errors"
	"sync"
	"time"
)

// checkTimeout is the deadline of a check. It is below the default timeout of a
// Kubernetes probe, one second, so that a hung dependency is reported.
const checkTimeout = 800 * time.Millisecond

// errHung is the reason of a check that exceeds checkTimeout.
var errHung = errors.New("no answer within " + checkTimeout.String())

// dependency runs its check at most once at a time: probes that arrive while a
// check hangs, even one that ignores its context, wait for the same run.
type dependency struct {
	check Check
	need  need

	mu        sync.Mutex
	succeeded bool // at least once
	running   *run // nil if none
	last      Component
}

// changes stores the current state and reports whether it differs from the
// previous one. A first state of UP is not a change.
func (d *dependency) changes(now Component) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.last
	d.last = now
	return was != now && (was != Component{} || now.Status == down)
}

type run struct {
	done chan struct{}
	err  error // set before done is closed
}

// need is when readiness requires a dependency.
type need int

const (
	never     need = iota
	atStartup      // until the check has succeeded once
	always
)

// required reports whether the service is not ready without the dependency.
func (d *dependency) required() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.need == always || d.need == atStartup && !d.succeeded
}

// state returns the result of the check, or errHung as the reason after
// checkTimeout.
func (d *dependency) state(ctx context.Context) Component {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	current := d.start(ctx)
	err := errHung
	select {
	case <-current.done:
		err = current.err
	case <-ctx.Done():
	}
	if err != nil {
		return Component{Status: down, Reason: err.Error()}
	}
	return Component{Status: up}
}

// start starts the check, or returns the run in progress.
func (d *dependency) start(ctx context.Context) *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		return d.running
	}
	current := &run{done: make(chan struct{})}
	d.running = current
	go func() {
		// The probe that starts the check may be cancelled before others that wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		current.err = d.check(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running, d.succeeded = nil, d.succeeded || current.err == nil
		close(current.done)
	}()
	return current
}
