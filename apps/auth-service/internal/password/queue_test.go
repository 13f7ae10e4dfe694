package password

import (
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// crowd is a queue of which all slots are taken. Two slots of 200 ms serve ten callers a second, and
// ten may wait. Nothing is random: a retry time is that of the turn.
type crowd struct {
	*queue
	t      *testing.T
	passed time.Duration
}

// crowded returns a crowd of which n wait.
func crowded(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{queue: newQueue(2, 10, time.Minute), t: t}
	start := time.Now()
	c.now = func() time.Time { return start.Add(c.passed) }
	c.work, c.roll = 200*time.Millisecond, func() float64 { return 0 }
	for range c.slots {
		expect.NoError(t, c.enter(t.Context(), ""))
	}
	for i := range n {
		c.wait("waiting" + strconv.Itoa(i))
	}
	return c
}

// wait makes a client wait for a slot.
func (c *crowd) wait(client string) *waiter {
	c.t.Helper()
	w, err := c.join(client)
	if w == nil {
		c.t.Fatalf("%s does not wait: %v", client, err)
	}
	return w
}

// refused checks that n clients are refused, and returns their retry times in seconds.
func (c *crowd) refused(n int) (after []int) {
	c.t.Helper()
	for i := range n {
		err := c.admits("away" + strconv.Itoa(i))
		if err == nil {
			c.t.Fatalf("client %d is admitted", i)
		}
		after = append(after, int(problem.From(err).RetryAfter/time.Second))
	}
	return after
}

func TestRetryAfterIsTheTurn(t *testing.T) {
	t.Parallel()
	c := crowded(t, 10)
	for i, got := range c.refused(30) {
		if want := (11 + i + 5) / 10; got != want {
			t.Errorf("retry time %d is %d s, want %d", i, got, want)
		}
	}
	if again := c.refused(30); again[29] != 4 || len(c.places) != 40 {
		t.Errorf("at once again: retry times %v, %d places", again, len(c.places))
	}
	c.observeLocked(time.Minute)
	if again := c.refused(30); again[29] != 4 {
		t.Errorf("one hash takes a minute: %v", again)
	}
	for range 30 {
		c.observeLocked(400 * time.Millisecond)
	}
	if again := c.refused(30); again[29] != 8 {
		t.Errorf("hashes take twice as long: %v", again)
	}
	c.roll = func() float64 { return 0.999 }
	if early := c.refused(30); early[29] != 7 {
		t.Errorf("earlier by half the time of a full queue: %v", early)
	}
}

// TestPlaceIsKept: a refused client that returns goes before those that came later, and the last of
// too many waiters is refused instead.
func TestPlaceIsKept(t *testing.T) {
	t.Parallel()
	c := crowded(t, 10)
	c.refused(1)
	c.leave(0)
	newcomer := c.wait("newcomer")
	expect.NoError(t, c.admits("away0"))
	returned := c.wait("away0")
	if err := <-newcomer.turn; problem.From(err).RetryAfter != time.Second {
		t.Errorf("the newcomer gets %v", err)
	}
	for range 10 {
		c.leave(0)
	}
	expect.NoError(t, <-returned.turn)
	if len(c.places) != 1 || len(c.away) != 1 {
		t.Errorf("places %v, away %v", c.places, c.away)
	}
}

// TestAbsentClientsHoldNoSlot: a newcomer is served at once if no caller waits, however many places
// are kept, and places expire after their turn.
func TestAbsentClientsHoldNoSlot(t *testing.T) {
	t.Parallel()
	c := crowded(t, 10)
	c.refused(500)
	for range 11 {
		c.leave(0)
	}
	expect.NoError(t, c.admits("newcomer"))
	expect.NoError(t, c.enter(t.Context(), "newcomer"))
	c.passed += 30 * time.Second
	if late, err := c.join("away0"); err != nil || late.number <= 511 {
		t.Errorf("a client that returns after its place has expired gets place %+v, %v", late, err)
	}
	if left := len(c.away); left < 200 || left > 300 {
		t.Errorf("%d places are kept after 30 s of 50", left)
	}
	c.passed += 30 * time.Second
	c.sweepLocked()
	if len(c.away) != 0 || len(c.places) != 1 || c.lapsed != 500 {
		t.Errorf("%d away, %d places, %d lapsed", len(c.away), len(c.places), c.lapsed)
	}
}

// TestPlacesAreBounded: retry times and places of any number of clients stay within the horizon.
func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	c := crowded(t, 10)
	random := 0
	c.roll = func() float64 { random++; return float64(random%100) / 100 }
	for i, after := range c.refused(10_000) {
		if after < 1 || after > int(horizon/time.Second) {
			t.Fatalf("retry time %d is %d s", i, after)
		}
	}
	if most := int(horizon / (100 * time.Millisecond)); len(c.places) != most {
		t.Errorf("%d places, want %d", len(c.places), most)
	}
}

func TestClientHasOnePlace(t *testing.T) {
	t.Parallel()
	c := crowded(t, 9)
	twin := c.wait("twin")
	if err := c.admits("twin"); err == nil {
		t.Fatal("the second call is admitted")
	}
	expect.Equal(t, len(c.places), 11)
	_ = c.quit(twin, t.Context().Err())
	expect.Equal(t, len(c.places), 10)
	expect.Equal(t, c.away["twin"].number, twin.number)
}

// TestHashLongerThanMaxWait: no caller can wait, but a client that finds a free slot is served.
func TestHashLongerThanMaxWait(t *testing.T) {
	t.Parallel()
	c := crowded(t, 0)
	c.maxWait = time.Millisecond
	c.refused(1)
	c.refused(1)
	c.leave(0)
	expect.NoError(t, c.admits("away0"))
	expect.NoError(t, c.enter(t.Context(), "away0"))
	expect.Equal(t, len(c.places), 0)
}

func TestUnnamedClientsGetNoPlace(t *testing.T) {
	t.Parallel()
	c := crowded(t, 10)
	if err := c.admits(""); problem.From(err).RetryAfter != time.Second || len(c.places) != 10 || len(c.away) != 0 {
		t.Errorf("got %v, %d places", err, len(c.places))
	}
}

func TestNewMeasuresTheDurationOfAHash(t *testing.T) {
	t.Parallel()
	dear := cheap
	dear.MemoryKiB = 16 << 10
	h, registry := setup(t, dear)
	if h.queue.work <= minWork {
		t.Errorf("initial estimate is %v", h.queue.work)
	}
	if faults, err := testutil.GatherAndLint(registry); err != nil || len(faults) > 0 {
		t.Errorf("names: %v, %v", faults, err)
	}
}
