// Package audittest provides an audit trail in memory. Only tests may import it.
package audittest

import (
	"context"
	"slices"
	"sync"

	"github.com/phonebill/phonebill/apps/internal/audit"
)

// Trail is an audit.Sink that keeps its events. The zero value is ready to use.
type Trail struct {
	mu     sync.Mutex
	full   bool
	events []audit.Event
}

var _ audit.Sink = (*Trail)(nil)

// Offer implements audit.Sink.
func (t *Trail) Offer(_ context.Context, e audit.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.full {
		t.events = append(t.events, e)
	}
	return !t.full
}

// Fill makes the trail reject all further events, as a full buffer does.
func (t *Trail) Fill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full = true
}

// Events returns the recorded events.
func (t *Trail) Events() []audit.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.events)
}
