package kos

import (
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
)

// outagePause is how long reads do not call an endpoint whose circuit breaker was found
// open.
const outagePause = 3 * time.Second

// outages records which endpoints cannot be called. A call that the breaker stops still
// takes a call from the budget. Without the record an outage would spend the budget, and
// the reads after it would wait for admission.
type outages struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func newOutages() *outages { return &outages{until: map[string]time.Time{}} }

// ongoing reports whether endpoint must not be called at now.
func (o *outages) ongoing(endpoint string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return now.Before(o.until[endpoint])
}

// record records at now the error of a call of endpoint, if KOS was not called.
func (o *outages) record(endpoint string, err error, now time.Time) {
	if !exchange.NotCalled(err) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until[endpoint] = now.Add(outagePause)
}
