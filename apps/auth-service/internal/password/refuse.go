package password

import (
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// refuseLocked returns ErrBusy with a Retry-After, and keeps the client's place until its turn and
// grace have passed. Clients without a name, and those whose turn is beyond the horizon, keep no
// place and get a random Retry-After.
func (q *queue) refuseLocked(client string, number uint64) *problem.Error {
	turn := q.turnLocked(number)
	if turn > horizon || client == "" {
		q.vacateLocked(number)
		turn = min(turn, horizon)
		return ErrBusy.After(seconds(turn/2 + time.Duration(q.roll()*float64(turn)/2)))
	}
	// A client that returns early waits for its turn, while one that returns late may leave a slot
	// idle. The random part spreads clients that are refused together; the queue has room for it.
	early := time.Duration(q.roll() * float64(min(q.maxWait, q.timeLocked(q.limit))) / 2)
	after := seconds(turn - early)
	q.keepLocked(client, place{number: number, expires: q.now().Add(max(turn, after) + grace)})
	return ErrBusy.After(after)
}

// turnLocked returns the time until a place and all places before it are served.
func (q *queue) turnLocked(number uint64) time.Duration {
	before, _ := slices.BinarySearch(q.places, number)
	return q.timeLocked(before + 1)
}

// keepLocked keeps a client's place. If concurrent calls have given the client two places, keepLocked
// releases the later one.
func (q *queue) keepLocked(client string, p place) {
	if other, twice := q.away[client]; twice {
		q.vacateLocked(max(other.number, p.number))
		p.number = min(other.number, p.number)
	}
	q.away[client] = p
}

// seconds returns the nearest whole seconds, at least one.
func seconds(d time.Duration) time.Duration { return max(d.Round(time.Second), time.Second) }
