package kos

import (
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
)

// outagePause is how long customers' questions do not try an endpoint again whose
// circuit breaker was found open.
const outagePause = 3 * time.Second

// outages remember which endpoints cannot be called. A try takes a call of the budget
// that never reaches KOS: without the memory an outage would spend the budget, and
// the questions after it would wait for nothing.
type outages struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func newOutages() *outages { return &outages{until: map[string]time.Time{}} }

// last reports whether endpoint need not be tried at now.
func (o *outages) last(endpoint string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return now.Before(o.until[endpoint])
}

// note remembers at now how a call of endpoint failed.
func (o *outages) note(endpoint string, err error, now time.Time) {
	if !exchange.NotCalled(err) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until[endpoint] = now.Add(outagePause)
}
