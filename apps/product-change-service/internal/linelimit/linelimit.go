// Package linelimit limits how many calls of KOS one phone line may cause, so that
// one client cannot spend the rate limit that all share.
package linelimit

import (
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const (
	// calls is how many calls of KOS a line may cause within window on one replica:
	// an eighth of what all lines may cause together.
	calls  = 12
	window = time.Minute
	// maxLines bounds the memory.
	maxLines = 10_000
)

// Limiter counts the calls of each line in memory. It is safe for concurrent use.
type Limiter struct {
	counts *otter.Cache[msisdn.Number, *atomic.Int32]
}

var _ product.LineLimit = (*Limiter)(nil)

// New returns a limiter that has counted no calls.
func New() *Limiter {
	return &Limiter{counts: otter.Must(&otter.Options[msisdn.Number, *atomic.Int32]{
		MaximumSize:      maxLines,
		ExpiryCalculator: otter.ExpiryCreating[msisdn.Number, *atomic.Int32](window),
	})}
}

// Allow implements product.LineLimit.
func (l *Limiter) Allow(line msisdn.Number) bool {
	count, _ := l.counts.ComputeIfAbsent(line, func() (*atomic.Int32, bool) { return new(atomic.Int32), false })
	return count.Add(1) <= calls
}
