package password

import (
	"math/rand/v2"
	"sync"
	"time"
)

// horizon limits how many seconds ahead retries are scheduled. Attackers ignore Retry-After; their
// reservations must not delay other callers for longer.
const horizon = 60

// lateShare is the share of refused callers that are scheduled one second later than necessary, as
// jitter.
const lateShare = 0.25

// schedule estimates the wait for a hash from the duration of past ones, and assigns each refused
// caller the first second with free capacity, after the present queue and earlier assignments.
// Every replica has its own schedule.
type schedule struct {
	slots int // concurrent hashes
	now   func() time.Time
	roll  func() float64 // random, in [0, 1)

	mu   sync.Mutex
	work time.Duration    // moving average of the duration of a hash
	due  [horizon + 2]int // callers assigned to each second, indexed by Unix time modulo its length
	seen int64            // the second up to which due has been cleared
}

func newSchedule(slots int) *schedule {
	return &schedule{slots: slots, now: time.Now, roll: rand.Float64, seen: time.Now().Unix()}
}

// minWork keeps estimates finite.
const minWork = time.Millisecond

// observe adds the duration of a hash to the average.
func (s *schedule) observe(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == 0 {
		s.work = took
	}
	s.work = max(s.work+(took-s.work)/10, minWork)
}

// wait returns the estimated wait of a new hash when wanted hashes are waiting or running.
func (s *schedule) wait(wanted int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waitLocked(wanted)
}

func (s *schedule) waitLocked(wanted int) time.Duration {
	return time.Duration(max(0, wanted-s.slots+1)) * s.work / time.Duration(s.slots)
}

// reserve assigns a retry time to a refused caller while wanted hashes are waiting or running. It
// returns whole seconds, at least 1: the first second with capacity for all, or one later at
// random.
func (s *schedule) reserve(wanted int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	second := s.forgetLocked()
	perSecond := float64(s.slots) / max(s.work, minWork).Seconds()
	waits, booked := s.waitLocked(wanted).Seconds(), 0
	for n := 1; n < horizon; n++ {
		booked += *s.at(second + int64(n))
		if float64(booked) < perSecond*(float64(n+1)-waits) {
			if s.roll() < lateShare {
				n++
			}
			*s.at(second + int64(n))++
			return time.Duration(n) * time.Second
		}
	}
	return (horizon/2 + time.Duration(s.roll()*horizon/2)) * time.Second
}

// at returns the counter of a second that is not over.
func (s *schedule) at(second int64) *int { return &s.due[second%int64(len(s.due))] }

// forgetLocked clears the seconds that are over, and returns the current one.
func (s *schedule) forgetLocked() int64 {
	second := s.now().Unix()
	for past := max(s.seen, second-int64(len(s.due))); past < second; past++ {
		*s.at(past) = 0
	}
	s.seen = max(s.seen, second)
	return second
}
