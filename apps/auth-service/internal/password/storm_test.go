package password

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// storm are clients that log in within a short time.
type storm struct {
	clients   int
	absent    int // of the clients, those that never return
	hammering int // of the clients, those that ignore Retry-After
	within    time.Duration
	hash      time.Duration // the duration of a hash
	measured  time.Duration // its duration before the storm
	slots     int
	replicas  int // a client reaches any of them
	queue     int
	wait      time.Duration
}

// usual returns the storm that the other ones vary, on two cores.
func usual(change func(*storm)) storm {
	s := storm{
		clients: 1_000, within: 10 * time.Second, hash: 55 * time.Millisecond, measured: 55 * time.Millisecond,
		slots: 1, replicas: 1, queue: 256, wait: 4 * time.Second,
	}
	change(&s)
	return s
}

// perHash returns the mean time between two hashes.
func (s *storm) perHash() time.Duration { return s.hash / time.Duration(s.slots*s.replicas) }

// ideal returns the time in which all clients can be in: that of their hashes, but at least that in
// which they arrive.
func (s *storm) ideal() time.Duration {
	return max(s.within, time.Duration(s.clients)*s.perHash())
}

// stormTest runs a storm in a synctest bubble.
type stormTest struct {
	*testing.T
	storm

	hashers []*Hasher
	start   time.Time
	mu      sync.Mutex
	logins  []login
}

// login is a client's way in.
type login struct {
	obedient    bool
	arrived, in time.Duration
	tries       int
	longest     time.Duration // of an answer
}

// run returns when all clients are in or gone, with logins in order of arrival.
func (s *stormTest) run(seed uint64) {
	s.Helper()
	cfg := cheap
	cfg.Concurrency, cfg.Queue, cfg.MaxWait = s.slots, s.queue, s.wait
	for replica := range s.replicas {
		h, _ := setup(s.T, cfg)
		defer h.releaseTimer.Stop()
		h.queue.work = s.measured
		h.queue.roll = rand.New(rand.NewPCG(seed, uint64(replica))).Float64
		s.hashers = append(s.hashers, h)
	}
	s.start = time.Now()
	var group sync.WaitGroup
	for client := range s.clients {
		group.Go(func() { s.client(client, rand.New(rand.NewPCG(seed, uint64(1_000+client)))) })
	}
	group.Wait()
	slices.SortFunc(s.logins, func(a, b login) int { return cmp.Compare(a.arrived, b.arrived) })
}

// client tries until it is in.
func (s *stormTest) client(client int, random *rand.Rand) {
	absent, hammering := client < s.absent, s.absent <= client && client < s.absent+s.hammering
	bubble.Advance(time.Duration(random.Int64N(int64(s.within) + 1)))
	l := login{obedient: !absent && !hammering, arrived: time.Since(s.start)}
	defer func() { s.note(l) }()
	for {
		asked := time.Now()
		err := s.try(s.hashers[random.IntN(s.replicas)], strconv.Itoa(client))
		l.tries, l.in, l.longest = l.tries+1, time.Since(s.start), max(l.longest, time.Since(asked))
		if err == nil || absent {
			return
		}
		after := problem.From(err).RetryAfter
		if after < time.Second || after%time.Second != 0 || after > horizon {
			s.Errorf("Retry-After is %v", after)
		}
		if hammering {
			after = 100 * time.Millisecond
		}
		bubble.Advance(after + time.Duration(random.IntN(200))*time.Millisecond) // with the way here
	}
}

func (s *stormTest) note(l login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins = append(s.logins, l)
}

func (s *stormTest) try(h *Hasher, client string) error {
	if err := h.Admit(client); err != nil {
		return err
	}
	return h.inTurn(s.Context(), client, func() error {
		bubble.Advance(s.hash)
		return nil
	})
}

// check checks the logins of obedient clients. late is how long after its turn, by order of arrival,
// a client may be in.
func (s *stormTest) check(late time.Duration) {
	s.Helper()
	tries, last, latest := map[int]int{}, time.Duration(0), time.Duration(0)
	for i, l := range s.logins {
		if !l.obedient {
			continue
		}
		tries[l.tries]++
		last = max(last, l.in)
		latest = max(latest, l.in-max(l.arrived, time.Duration(i+1)*s.perHash()))
		if l.tries > 3 {
			s.Errorf("a client needed %d tries", l.tries)
		}
		if l.longest > s.wait+2*s.hash {
			s.Errorf("an answer took %v", l.longest)
		}
	}
	if limit := s.ideal() * 12 / 10; last > limit {
		s.Errorf("the last client is in after %v, want at most %v", last, limit)
	}
	if latest > late {
		s.Errorf("a client is in %v after its turn", latest)
	}
	s.Logf("in after %v of %v, at most %v after the turn, number of clients by tries %v", last, s.ideal(), latest, tries)
}

// checkLeft checks that nothing is kept of clients that do not return.
func (s *stormTest) checkLeft() {
	s.Helper()
	bubble.Advance(horizon + 2*grace)
	for _, h := range s.hashers {
		q := h.queue
		q.sweepLocked()
		if q.working+len(q.waiting)+len(q.away)+len(q.places) != 0 {
			s.Errorf("%d work, %d wait, %d are away, %d places are left", q.working, len(q.waiting), len(q.away), len(q.places))
		}
	}
}

// TestLoginStorm checks that clients which obey Retry-After are in within the time of the hashes
// plus a fifth, with at most three tries and in order of arrival, whatever other clients do.
func TestLoginStorm(t *testing.T) {
	t.Parallel()
	const inOrder, noOrder = 2 * time.Second, time.Hour
	for name, c := range map[string]struct {
		storm storm
		late  time.Duration
	}{
		"two cores":            {usual(func(*storm) {}), inOrder},
		"eight cores":          {usual(func(s *storm) { s.slots = 4 }), inOrder},
		"32 cores":             {usual(func(s *storm) { s.slots, s.clients = 16, 5_000 }), inOrder},
		"fast hashes":          {usual(func(s *storm) { s.hash, s.measured = 30*time.Millisecond, 30*time.Millisecond }), inOrder},
		"slow hashes":          {usual(func(s *storm) { s.hash, s.measured = 100*time.Millisecond, 100*time.Millisecond }), inOrder},
		"slower than measured": {usual(func(s *storm) { s.measured = s.hash / 2 }), inOrder},
		"faster than measured": {usual(func(s *storm) { s.measured = s.hash * 2 }), 2 * inOrder},
		"at once":              {usual(func(s *storm) { s.within = 0 }), inOrder},
		"at once, slower":      {usual(func(s *storm) { s.within, s.measured = 0, s.hash/2 }), inOrder},
		"short queue":          {usual(func(s *storm) { s.queue = 32 }), inOrder},
		"short wait":           {usual(func(s *storm) { s.wait = time.Second }), inOrder},
		"few wait": {usual(func(s *storm) {
			s.clients, s.measured, s.hash, s.wait = 150, 100*time.Millisecond, 200*time.Millisecond, 2*time.Second
		}), inOrder},
		"half never return": {usual(func(s *storm) { s.absent = 500 }), inOrder},
		"200 hammer":        {usual(func(s *storm) { s.hammering = 200 }), inOrder},
		"all kinds":         {usual(func(s *storm) { s.absent, s.hammering = 300, 300 }), inOrder},
		"three replicas":    {usual(func(s *storm) { s.clients, s.replicas = 3_000, 3 }), noOrder},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				synctest.Test(t, func(t *testing.T) {
					s := &stormTest{T: t, storm: c.storm}
					s.run(seed)
					s.check(c.late)
					s.checkLeft()
				})
			}
		})
	}
}
