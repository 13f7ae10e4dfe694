package throttle

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// maxBudgets bounds the memory of one kind of budget: about 10 MiB. Whoever has
// more addresses than that gets round the throttle, but not round the lock.
const maxBudgets = 50_000

// budgets are those of many callers. One that has not been used for as long as
// it takes to come back is as good as new, and forgotten.
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

// budget is how often one caller may still fail. What is under way is held
// against it until its outcome is known: many at once are not more.
type budget struct {
	mu       sync.Mutex
	limiter  *rate.Limiter
	underWay int
}

// begin reports whether there is room for one more; end must be called for it.
// If not, it tells when there will be.
func (b *budget) begin(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing := float64(b.underWay+1) - b.limiter.TokensAt(now)
	if missing <= 0 {
		b.underWay++
		return 0, true
	}
	wait = time.Duration(missing / float64(b.limiter.Limit()) * float64(time.Second))
	if b.underWay > 0 { // those may yet turn out to cost nothing
		wait = min(wait, time.Second)
	}
	return max(wait, time.Nanosecond), false
}

// end tells the outcome of what began.
func (b *budget) end(now time.Time, costs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underWay--
	if costs {
		b.limiter.AllowN(now, 1)
	}
}

// exact returns when the only caller of a budget is to come back. It rounds up:
// Retry-After knows no less.
func exact(wait time.Duration) time.Duration {
	return time.Duration(math.Ceil(wait.Seconds())) * time.Second
}

// maxSpread bounds how much later than it must somebody is told to come back.
const maxSpread = 10 * time.Second

// spread returns when one of the callers who share a budget is to come back: up to
// as much later again as there is to wait, at random. For all of them at once there
// will not be room.
func spread(wait time.Duration) time.Duration {
	return exact(wait + time.Duration(float64(min(wait, maxSpread))*rand.Float64())) //nolint:gosec // jitter is no secret
}
