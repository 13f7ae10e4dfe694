package change

import "sync"

// Outcomes tells those who wait for a change that it has become final. Who
// wants to be sure looks at the change itself: what is told while nobody waits
// is lost.
type Outcomes struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{} // by request id
}

// NewOutcomes returns an Outcomes that nobody waits for.
func NewOutcomes() *Outcomes {
	return &Outcomes{waiting: map[string]map[chan struct{}]struct{}{}}
}

// Await returns a channel that is closed when the change has become final.
// Call leave when it is not needed any more.
func (o *Outcomes) Await(requestID string) (final <-chan struct{}, leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	told := make(chan struct{})
	if o.waiting[requestID] == nil {
		o.waiting[requestID] = map[chan struct{}]struct{}{}
	}
	o.waiting[requestID][told] = struct{}{}
	return told, func() { o.leave(requestID, told) }
}

func (o *Outcomes) leave(requestID string, told chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting[requestID], told)
	if len(o.waiting[requestID]) == 0 {
		delete(o.waiting, requestID)
	}
}

// Announce tells all who wait for the change.
func (o *Outcomes) Announce(requestID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for told := range o.waiting[requestID] {
		close(told)
	}
	delete(o.waiting, requestID)
}
