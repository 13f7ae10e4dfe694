package bill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Fetcher asks KOS what waits in line. Each question has a job somewhere that
// sees to it that it is asked; a job that is awake takes whatever is first in
// line, so that the order does not depend on which job wakes when.
type Fetcher struct {
	turns  Turns
	gate   Gate
	source Source
	meter  Meter
	pumps  map[Endpoint]pump
	limit  time.Duration
	log    *slog.Logger
	now    func() time.Time
}

// Source gets from KOS what is wanted. See Bills.
type Source interface {
	// Fetch asks KOS, the right to which has been taken, and keeps the answer for
	// those customers whose line it is.
	Fetch(ctx context.Context, w Wish) Reply
}

// FetcherParams are what a Fetcher needs.
type FetcherParams struct {
	Turns  Turns
	Gate   Gate
	Source Source
	Meter  Meter
	// Limit is how long KOS may leave a question without an answer, or all of
	// them, until it is given up.
	Limit time.Duration
	Log   *slog.Logger
	Now   func() time.Time
}

// NewFetcher returns a fetcher.
func NewFetcher(p FetcherParams) *Fetcher {
	return &Fetcher{
		turns: p.Turns, gate: p.Gate, source: p.Source, meter: p.Meter, limit: p.Limit, log: p.Log, now: p.Now,
		pumps: map[Endpoint]pump{BillInquiry: newPump(), ProductInquiry: newPump()},
	}
}

const (
	// near is how soon a question's turn must come for its job to stay awake,
	// and awake for how long it does.
	near  = 8 * time.Second
	awake = 5 * time.Second
	// look is how often the line is looked at by who waits for it to move.
	look = time.Second
	// longestSleep bounds how long a job far back in the line sleeps, and
	// shortestSleep what is not worth it.
	longestSleep  = time.Minute
	shortestSleep = 200 * time.Millisecond
	// fetchTimeout bounds a call of KOS with all that resiliency/ makes of it and
	// what keeps the answer.
	fetchTimeout = 10 * time.Second
	// outageRest is how long nobody asks after KOS could not be asked.
	outageRest = 3 * time.Second
	// longestPause bounds how long a question stands aside that KOS does not
	// answer, while it answers others.
	longestPause = time.Minute
	// handOver bounds what is written once a question was asked, also after a
	// stop has cut it short.
	handOver = 3 * time.Second
)

// Serve moves the line until the question has left it, or for as long as its
// turn is near. In each process one job leads: it stays while there is anybody
// in line, so that the line also moves when it does so faster than the others
// expected when they went to sleep.
//
// It returns how long the job may sleep; 0 is for good. An error is a fault of
// ours: serve the question again soon.
func (f *Fetcher) Serve(ctx context.Context, endpoint Endpoint, fetchID int64) (sleep time.Duration, err error) {
	pump, until := f.pumps[endpoint], f.now().Add(awake)
	pump.nudge()
	leads := false
	defer func() {
		if leads {
			pump.abdicate()
		}
	}()
	for {
		leads = leads || pump.lead()
		place, err := f.turns.Standing(ctx, fetchID)
		gone := errors.Is(err, ErrNotWaiting)
		switch {
		case gone && !leads:
			return 0, nil
		case err != nil && !gone:
			return 0, fmt.Errorf("serve: %w", err)
		case f.now().After(until) && leads:
			return shortestSleep, nil
		case f.now().After(until), place.Estimate > near && !leads:
			return min(max(place.Estimate/2, shortestSleep), longestSleep), nil
		}
		turn, err := f.next(ctx, endpoint)
		if err != nil {
			return 0, fmt.Errorf("serve: %w", err)
		}
		if turn.Granted {
			f.ask(ctx, turn)
		}
		if gone && turn.Nobody {
			return 0, nil
		}
	}
}

// next takes the first in line or waits for the line to move. Within a process
// one at a time does.
func (f *Fetcher) next(ctx context.Context, endpoint Endpoint) (Turn, error) {
	pump := f.pumps[endpoint]
	if err := pump.enter(ctx); err != nil {
		return Turn{}, err
	}
	defer pump.leave()
	turn, err := f.turns.Take(ctx, endpoint)
	if err != nil || turn.Granted {
		return turn, err
	}
	return turn, pump.rest(ctx, min(turn.Wait, look))
}

// ask brings a question to KOS, and back to its place if that takes none.
func (f *Fetcher) ask(ctx context.Context, turn Turn) {
	asking, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	reply := f.source.Fetch(asking, turn.Wish)
	writing, done := context.WithTimeout(context.WithoutCancel(ctx), handOver)
	defer done()
	var err error
	if stopped := ctx.Err() != nil; reply.Err != nil && stopped {
		err = f.turns.Return(writing, turn, 0) // others go on with it at once
	} else {
		err = f.conclude(writing, turn, reply)
	}
	if err != nil { // its lease will end
		f.log.WarnContext(ctx, "question not concluded", "error", err)
	}
}

// conclude writes down what became of a question.
func (f *Fetcher) conclude(ctx context.Context, turn Turn, reply Reply) error {
	settle := func(r Record) Record { return settledBy(reply, r, f.now()) }
	switch err := reply.Err; {
	case err == nil, isAnswer(err):
		if turn.Reason != "" {
			f.meter.Prefetched(turn.Reason, "fetched")
		}
		f.meter.Fetched(turn.Class, "answered", f.now().Sub(turn.Since))
		return f.turns.Finish(ctx, turn, true, settle)
	case errors.Is(err, ErrMustWait): // the budget knows how long
		f.meter.Fetched(turn.Class, "limited", 0)
		return f.turns.Return(ctx, turn, 0)
	case errors.Is(err, ErrNotAsked):
		f.meter.Fetched(turn.Class, "not_asked", 0)
		return errors.Join(f.gate.Rest(ctx, turn.Endpoint(), outageRest), f.turns.Return(ctx, turn, 0))
	case !turn.FailingSince.IsZero() && f.now().Sub(turn.FailingSince) > f.limit:
		f.meter.Fetched(turn.Class, "given_up", 0)
		return f.turns.Finish(ctx, turn, false, settle)
	}
	// It may be this question alone that KOS does not answer.
	f.meter.Fetched(turn.Class, "unanswered", 0)
	return f.turns.Return(ctx, turn, min(outageRest<<min(turn.Tries, 10), longestPause))
}

// GiveUp ends a question that KOS could not be asked for too long.
func (f *Fetcher) GiveUp(ctx context.Context, turn Turn) error {
	f.meter.Fetched(turn.Class, "given_up", 0)
	return f.turns.Finish(ctx, turn, false, func(r Record) Record {
		return settled(r, Bill{}, ErrGivenUp, f.now())
	})
}

// pump lets one at a time look after a line.
type pump struct {
	turn   chan struct{} // holds one while nobody does
	newly  chan struct{} // somebody has come
	leader chan struct{} // holds one while somebody leads
}

func newPump() pump {
	p := pump{turn: make(chan struct{}, 1), newly: make(chan struct{}, 1), leader: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

func (p pump) enter(ctx context.Context) error {
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lead makes the caller lead, unless somebody else does.
func (p pump) lead() bool {
	select {
	case p.leader <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p pump) abdicate() { <-p.leader }

func (p pump) leave() { p.turn <- struct{}{} }

// nudge tells who looks after the line that it has changed.
func (p pump) nudge() { poke(p.newly) }

// rest lets time pass until somebody comes.
func (p pump) rest(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-p.newly:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
