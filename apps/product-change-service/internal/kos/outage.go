package kos

import (
	"errors"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// outageRest is how long customers' questions do not try an endpoint again whose
// circuit breaker was found open.
const outageRest = 3 * time.Second

// outages remember which endpoints the sidecar does not let anybody ask. Trying
// one costs KOS nothing, but us a call of the budget: without the memory, an
// outage would spend it, and those who come next would wait for a right that is
// worth nothing.
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
	if !notAsked(err) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until[endpoint] = now.Add(outageRest)
}

// notAsked reports whether err says that the sidecar did not even ask KOS: every
// call would meet the same.
func notAsked(err error) bool {
	failed, ok := errors.AsType[*sidecar.InvokeError](err)
	return ok && (failed.Reason == sidecar.BreakerOpen || failed.Reason == sidecar.Refused)
}
