package password

import (
	"math/rand/v2"
	"sync"
	"time"
)

// horizon is for how many seconds callers who are sent away are scheduled. Those
// who flood do not come back when they are told; they must not put off others for
// longer.
const horizon = 60

// lateShare is how many of those sent away come back a second later than there is
// room for them.
const lateShare = 0.25

// schedule estimates how long hashes wait, by how long they take, and gives each
// caller for whom there is no room the first second in which there will be: after
// those that wait and those that were sent away before. It is that of one replica;
// those of others have as much room for as many callers.
type schedule struct {
	slots int // how many hashes run at once
	now   func() time.Time
	roll  func() float64 // random, in [0, 1)

	mu   sync.Mutex
	work time.Duration    // that one hash takes: a moving average
	due  [horizon + 2]int // how many come back in a second, by Unix time modulo its length
	seen int64            // the second up to which due is forgotten
}

func newSchedule(slots int) *schedule {
	return &schedule{slots: slots, now: time.Now, roll: rand.Float64, seen: time.Now().Unix()}
}

// minWork keeps estimates finite.
const minWork = time.Millisecond

// observe takes note of how long a hash took.
func (s *schedule) observe(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.work == 0 {
		s.work = took
	}
	s.work = max(s.work+(took-s.work)/10, minWork)
}

// wait returns how long it is until the turn of a hash that is wanted when there
// are so many.
func (s *schedule) wait(wanted int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waitLocked(wanted)
}

func (s *schedule) waitLocked(wanted int) time.Duration {
	return time.Duration(max(0, wanted-s.slots+1)) * s.work / time.Duration(s.slots)
}

// book returns when a caller is to come back who is sent away while so many hashes
// are wanted: whole seconds, 1 at least. It is the first second at the end of which
// there will have been room for all, or one second later, at random.
func (s *schedule) book(wanted int) time.Duration {
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

// at returns how many come back in a second that is not over.
func (s *schedule) at(second int64) *int { return &s.due[second%int64(len(s.due))] }

// forgetLocked forgets the seconds that are over, and returns the current one.
func (s *schedule) forgetLocked() int64 {
	second := s.now().Unix()
	for past := max(s.seen, second-int64(len(s.due))); past < second; past++ {
		*s.at(past) = 0
	}
	s.seen = max(s.seen, second)
	return second
}
