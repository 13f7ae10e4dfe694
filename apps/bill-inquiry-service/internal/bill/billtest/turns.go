package billtest

import (
	"context"
	"slices"
	"time"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

const (
	lease = 15 * time.Second
	idle  = time.Second
)

// Take implements bill.Turns.
func (l *Line) Take(_ context.Context, endpoint bill.Endpoint) (bill.Turn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var free []*fetch
	for _, f := range l.fetches {
		if f.Endpoint() == endpoint && f.free(time.Now()) {
			free = append(free, f)
		}
	}
	if len(free) == 0 || l.resting(endpoint) > 0 {
		return bill.Turn{Wait: idle, Nobody: true}, nil
	}
	first, part := slices.MinFunc(free, compare), 1.0
	if first.Class == bill.Background {
		part = 0.5
	}
	if wait := l.budgets[endpoint].reserve(part); wait > 0 {
		return bill.Turn{Wait: wait}, nil
	}
	first.taken = time.Now().Add(lease)
	turn := first.Turn
	turn.Granted = true
	return turn, nil
}

// Finish implements bill.Turns.
func (l *Line) Finish(_ context.Context, t bill.Turn, answered bool, settle func(bill.Record) bill.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.fetches[t.Subject]
	if held == nil || held.FetchID != t.FetchID {
		return nil
	}
	delete(l.fetches, t.Subject)
	if answered {
		delete(l.rests, t.Endpoint())
	}
	for _, record := range held.inquiries {
		delete(l.inquiry, record.RequestID)
		if ended := settle(record); l.opts.Appended != nil {
			l.opts.Appended(ended)
		}
	}
	if l.opts.Done != nil {
		l.opts.Done(t.Key())
	}
	return nil
}

// Return implements bill.Turns.
func (l *Line) Return(_ context.Context, t bill.Turn, pause time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.fetches[t.Subject]
	if held == nil || held.FetchID != t.FetchID {
		return nil
	}
	held.taken = time.Time{}
	if pause > 0 {
		held.due = time.Now().Add(pause)
		held.Tries++
		if held.FailingSince.IsZero() {
			held.FailingSince = time.Now()
		}
	}
	return nil
}
