package billtest

import (
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// budget is an in-memory budget of the queue.
type budget struct {
	interval, burst time.Duration
	full            time.Time
}

func newBudget(perMinute int) *budget {
	burst := bill.Burst(perMinute)
	interval := time.Minute / time.Duration(max(1, perMinute-burst))
	return &budget{interval: interval, burst: time.Duration(burst) * interval}
}

// taken returns the time that the admitted calls have used up in advance.
func (b *budget) taken() time.Duration { return max(0, time.Until(b.full)) }

func (b *budget) reserve(part float64) time.Duration {
	bound := max(b.interval, time.Duration(float64(b.burst)*part))
	if wait := b.taken() + b.interval - bound; wait > 0 {
		return max(wait, time.Millisecond)
	}
	b.full = time.Now().Add(b.taken() + b.interval)
	return 0
}

func (b *budget) state() (left int, wait time.Duration) {
	spare := b.burst - b.taken()
	return max(0, int(spare/b.interval)), max(0, b.interval-spare)
}
