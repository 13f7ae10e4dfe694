package bill

import "sync"

// Signals tell those who wait for a subject that something has become of it.
// Who wants to be sure looks for itself: what is told while nobody waits is
// lost.
type Signals struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]struct{} // by key of the subject
}

// NewSignals returns Signals that nobody waits for.
func NewSignals() *Signals {
	return &Signals{waiting: map[string]map[chan struct{}]struct{}{}}
}

// Await returns a channel that gets something whenever the subject of that key
// should be looked at. Call leave when it is not needed any more.
func (s *Signals) Await(key string) (told <-chan struct{}, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := make(chan struct{}, 1)
	if s.waiting[key] == nil {
		s.waiting[key] = map[chan struct{}]struct{}{}
	}
	s.waiting[key][own] = struct{}{}
	return own, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting[key], own)
		if len(s.waiting[key]) == 0 {
			delete(s.waiting, key)
		}
	}
}

// Announce tells all who wait for the subject of that key.
func (s *Signals) Announce(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for told := range s.waiting[key] {
		poke(told)
	}
}

// AnnounceAll tells everybody: they may have missed something.
func (s *Signals) AnnounceAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range s.waiting {
		for told := range all {
			poke(told)
		}
	}
}

// poke leaves a message, unless one is there already.
func poke(told chan struct{}) {
	select {
	case told <- struct{}{}:
	default:
	}
}
