// Package share bounds what one phone line may have of KOS's rate limit: a client
// that asks again and again must leave the rest to others.
package share

import (
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const (
	// calls is how often a line may have KOS asked within window, by one replica:
	// an eighth of what all of them may ask together.
	calls  = 12
	window = time.Minute
	// maxLines bounds the memory.
	maxLines = 10_000
)

// Shares count the calls of each line in memory. It is safe for concurrent use.
type Shares struct {
	taken *otter.Cache[msisdn.Number, *atomic.Int32]
}

var _ product.Shares = (*Shares)(nil)

// New returns shares of which nothing is taken.
func New() *Shares {
	return &Shares{taken: otter.Must(&otter.Options[msisdn.Number, *atomic.Int32]{
		MaximumSize:      maxLines,
		ExpiryCalculator: otter.ExpiryCreating[msisdn.Number, *atomic.Int32](window),
	})}
}

// Take implements product.Shares.
func (s *Shares) Take(line msisdn.Number) bool {
	count, _ := s.taken.ComputeIfAbsent(line, func() (*atomic.Int32, bool) { return new(atomic.Int32), false })
	return count.Add(1) <= calls
}
