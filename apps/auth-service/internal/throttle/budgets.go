package throttle

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// maxBudgets bounds the memory of one kind of budget to about 10 MiB. An attacker with more
// addresses evades the throttle, but not the lock-out.
const maxBudgets = 50_000

// budgets are the budgets of many callers. A budget that has been unused long enough to be full
// again is evicted.
type budgets[K comparable] struct {
	rate  Rate
	cache *otter.Cache[K, *budget]
}

func newBudgets[K comparable](r Rate) *budgets[K] {
	return &budgets[K]{rate: r, cache: otter.Must(&otter.Options[K, *budget]{
		MaximumSize:      maxBudgets,
		ExpiryCalculator: otter.ExpiryAccessing[K, *budget](r.Over),
	})}
}

// of returns the budget of a caller.
func (b *budgets[K]) of(caller K) *budget {
	found, _ := b.cache.ComputeIfAbsent(caller, func() (*budget, bool) {
		return &budget{limiter: rate.NewLimiter(b.rate.limit(), b.rate.Burst)}, false
	})
	return found
}

// budget is how many failures one caller has left. Requests in progress count until their outcome
// is known, so that parallel requests cannot exceed it.
type budget struct {
	mu       sync.Mutex
	limiter  *rate.Limiter
	underWay int
}

// begin reports whether the budget allows one more request; the caller must then call end.
// Otherwise it returns how long to wait.
func (b *budget) begin(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing := float64(b.underWay+1) - b.limiter.TokensAt(now)
	if missing <= 0 {
		b.underWay++
		return 0, true
	}
	wait = time.Duration(missing / float64(b.limiter.Limit()) * float64(time.Second))
	if b.underWay > 0 { // requests in progress may turn out to be free
		wait = min(wait, time.Second)
	}
	return max(wait, time.Nanosecond), false
}

// end reports the outcome of a request that began.
func (b *budget) end(now time.Time, costs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underWay--
	if costs {
		b.limiter.AllowN(now, 1)
	}
}

// exact returns the retry time for the only caller of a budget, rounded up to whole seconds as
// Retry-After requires.
func exact(wait time.Duration) time.Duration {
	return time.Duration(math.Ceil(wait.Seconds())) * time.Second
}

// maxSpread bounds the jitter of retry times.
const maxSpread = 10 * time.Second

// spread returns the retry time for one of several callers that share a budget: the wait plus up to
// the same again as jitter, because there is no capacity for all of them at once.
func spread(wait time.Duration) time.Duration {
	return exact(wait + time.Duration(float64(min(wait, maxSpread))*rand.Float64())) //nolint:gosec // jitter is no secret
}
