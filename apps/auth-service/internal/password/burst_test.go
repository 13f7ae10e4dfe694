package password

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// burst are clients that all need a hash at once and retry after Retry-After. They run in a
// synctest bubble in which a hash takes the time hash.
type burst struct {
	hasher *Hasher
	hash   time.Duration

	mu      sync.Mutex
	tries   map[int]int   // number of clients by tries needed
	returns map[int64]int // number of retries by second of the burst
	longest time.Duration // longest duration of an answer
	start   time.Time
}

// run returns the time until the last client has succeeded.
func (b *burst) run(t *testing.T, clients int) time.Duration {
	t.Helper()
	b.tries, b.returns, b.start = make(map[int]int), make(map[int64]int), time.Now()
	// Each schedule has a random source of its own, because it draws under its lock while clients
	// are started.
	b.hasher.schedule.roll = rand.New(rand.NewPCG(1, uint64(clients))).Float64
	travels := rand.New(rand.NewPCG(2, uint64(clients)))
	var group sync.WaitGroup
	for range clients {
		travel := time.Duration(travels.IntN(100)) * time.Millisecond
		group.Go(func() { b.client(t, travel) })
	}
	group.Wait()
	return time.Since(b.start)
}

// client tries until it succeeds.
func (b *burst) client(t *testing.T, travel time.Duration) {
	t.Helper()
	for try := 1; ; try++ {
		asked := time.Now()
		err := b.hasher.inTurn(t.Context(), func() error {
			bubble.Advance(b.hash)
			return nil
		})
		b.note(try, time.Since(asked), err == nil)
		if err == nil {
			return
		}
		after := problem.From(err).RetryAfter
		if after < time.Second || after%time.Second != 0 {
			t.Errorf("Retry-After is %v", after)
			return
		}
		bubble.Advance(after + travel)
		b.mu.Lock()
		b.returns[int64(time.Since(b.start)/time.Second)]++
		b.mu.Unlock()
	}
}

func (b *burst) note(try int, took time.Duration, in bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.longest = max(b.longest, took)
	if in {
		b.tries[try]++
	}
}

// TestBurstIsServedAtHashingSpeed: refused clients return neither too early, to be refused again,
// nor later than necessary.
func TestBurstIsServedAtHashingSpeed(t *testing.T) {
	t.Parallel()
	const hash = 30 * time.Millisecond
	for name, c := range map[string]struct {
		clients, slots, queue int
		wait                  time.Duration
	}{
		"150":                    {150, 1, 256, 4 * time.Second},
		"1,000":                  {1_000, 1, 256, 4 * time.Second},
		"1,000 on four CPUs":     {1_000, 2, 256, 4 * time.Second},
		"150 at a short queue":   {150, 1, 64, 3 * time.Second},
		"1,000 at a short queue": {1_000, 1, 64, 3 * time.Second},
		"1,000 at a short wait":  {1_000, 2, 64, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := cheap
				cfg.Concurrency, cfg.Queue, cfg.MaxWait = c.slots, c.queue, c.wait
				h, _ := setup(t, cfg)
				defer h.releaseTimer.Stop()
				h.schedule.work = hash // as measured before
				b := &burst{hasher: h, hash: hash}
				took := b.run(t, c.clients)
				capacity := time.Duration(c.clients) * hash / time.Duration(c.slots)
				if limit := capacity * 12 / 10; took > limit {
					t.Errorf("the last client succeeded after %v, want at most %v", took, limit)
				}
				for tries, clients := range b.tries {
					if tries > 3 {
						t.Errorf("%d clients needed %d tries", clients, tries)
					}
				}
				perSecond := int(time.Second / hash * time.Duration(c.slots))
				for second, clients := range b.returns {
					if clients > perSecond*3/2 {
						t.Errorf("%d retries in second %d, which has capacity for %d", clients, second, perSecond)
					}
				}
				if b.longest > c.wait+2*hash {
					t.Errorf("an answer took %v", b.longest)
				}
				t.Logf("served after %v of %v, tries %v, returns %v", took, capacity, b.tries, b.returns)
			})
		})
	}
}

func TestRetryAfterIsAnEstimate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	early := func() float64 { return 1 - 1e-9 } // no jitter
	s := newSchedule(2)
	s.now, s.roll, s.seen = func() time.Time { return now }, early, now.Unix()
	s.observe(200 * time.Millisecond) // 10 a second
	if got := s.wait(1); got != 0 {
		t.Errorf("estimated wait for a free slot is %v", got)
	}
	if got := s.wait(21); got != 2*time.Second {
		t.Errorf("21 take %v", got)
	}
	retries := func(n, wanted int) (seconds []int) {
		for range n {
			seconds = append(seconds, int(s.reserve(wanted)/time.Second))
		}
		return seconds
	}
	for i, got := range retries(25, 21) { // 21 are waiting or running: 2 s
		if want := 2 + i/10; got != want {
			t.Errorf("retry time %d is %d s, want %d", i, got, want)
		}
	}
	now = now.Add(4 * time.Second) // those have been served
	if got := retries(1, 2)[0]; got != 1 {
		t.Errorf("retry time is %d s", got)
	}
	now = now.Add(time.Hour)
	s.roll = func() float64 { return 0 }
	if got := retries(1, 21)[0]; got != 3 {
		t.Errorf("retry time with jitter is %d s", got)
	}
	s.roll = rand.Float64
	for _, got := range retries(10_000, 21) {
		if got < 1 || got > horizon {
			t.Fatalf("retry time is %d s", got)
		}
	}
}

func TestNewMeasuresTheDurationOfAHash(t *testing.T) {
	t.Parallel()
	dear := cheap
	dear.MemoryKiB = 16 << 10
	h, _ := setup(t, dear)
	before := h.schedule.work
	if before <= minWork {
		t.Errorf("initial estimate is %v", before)
	}
	h.schedule.observe(before * 10)
	h.schedule.observe(before * 10)
	if after := h.schedule.work; after <= before || after >= before*10 {
		t.Errorf("the average went from %v to %v", before, after)
	}
}
