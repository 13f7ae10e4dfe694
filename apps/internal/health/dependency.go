package health

import (
	"context"
	"errors"
	"sync"
	"time"
)

// checkTimeout bounds each check, so that a hung dependency is reported and
// not waited for. Kubernetes gives a probe one second by default.
const checkTimeout = 800 * time.Millisecond

// errHung is the reason of a check that gave no answer in time.
var errHung = errors.New("no answer within " + checkTimeout.String())

// dependency runs one check, one at a time: should it hang and not even honour
// its context, the probes that follow wait for that one and start no others.
type dependency struct {
	check Check
	need  need

	mu      sync.Mutex
	held    bool // once
	running *run // nil: none
	last    Component
}

// changes notes a state and reports whether it differs from the last one. That
// a dependency is there from the beginning is no change.
func (d *dependency) changes(now Component) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.last
	d.last = now
	return was != now && (was != Component{} || now.Status == down)
}

type run struct {
	done chan struct{}
	err  error // set when done is closed
}

// need is when a service needs a dependency to be ready.
type need int

const (
	never need = iota
	atFirst
	always
)

// decides reports whether the service is not ready without it.
func (d *dependency) decides() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.need == always || d.need == atFirst && !d.held
}

// state returns what the check says, or that it says nothing.
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

// start runs the check, unless it runs already.
func (d *dependency) start(ctx context.Context) *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		return d.running
	}
	current := &run{done: make(chan struct{})}
	d.running = current
	go func() {
		// The probe that began the check may leave before others that wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		current.err = d.check(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running, d.held = nil, d.held || current.err == nil
		close(current.done)
	}()
	return current
}
