package change_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

const line = msisdn.Number("01012345678")

var (
	asker = change.Asker{UserID: "testuser01", CustomerID: "CUST001", Lines: []msisdn.Number{line}}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)
	wish  = change.Order{Line: line, Current: "A", Target: "B"}

	errDatabase = errors.New("connection refused")
	errNoAnswer = fmt.Errorf("kos: %w", change.ErrNoAnswer)
	breakerOpen = &change.NotAskedError{Reason: change.KOSUnavailable, Cause: errors.New("circuit breaker is open")}
)

// ledger is a Book, a History and a Queue in memory, with one change a line.
type ledger struct {
	mu      sync.Mutex
	changes map[string]*change.Place
	keys    map[string]string // request ids by user and key
	bodies  map[string][]byte
	accepts int
	fault   error // fails the next call
	ahead   int   // how many wait before whoever asks
	reason  change.Reason
	resting bool // those ahead
	passes  int  // how many of them go while somebody looks
	limited time.Duration
	rests   []change.Rest
	ended   []change.Outcome
}

func newLedger() *ledger {
	return &ledger{changes: map[string]*change.Place{}, keys: map[string]string{}, bodies: map[string][]byte{}}
}

func (l *ledger) failed() (err error) {
	err, l.fault = l.fault, nil
	return err
}

func (l *ledger) Accept(_ context.Context, c change.Change, key change.Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return err
	}
	if _, taken := l.keys[c.UserID+" "+key.Text]; key.Text != "" && taken {
		return change.ErrKeyTaken
	}
	for _, other := range l.changes {
		if other.Line == c.Line && !other.Status.Final() {
			return change.ErrInProgress
		}
	}
	l.changes[c.RequestID] = &change.Place{Change: c}
	if key.Text != "" {
		l.keys[c.UserID+" "+key.Text], l.bodies[c.UserID+" "+key.Text] = c.RequestID, key.Body
	}
	l.accepts++
	return nil
}

func (l *ledger) Recall(_ context.Context, userID, key string) (string, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, ok := l.keys[userID+" "+key]
	if !ok {
		return "", nil, change.ErrNoChange
	}
	return id, l.bodies[userID+" "+key], nil
}

func (l *ledger) Busy(_ context.Context, s product.Subscription) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.changes {
		if c.Subscription() == s && !c.Status.Final() {
			return true, nil
		}
	}
	return false, l.failed()
}

func (l *ledger) Find(_ context.Context, userID, requestID string) (change.Change, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.changes[requestID]
	if !ok || c.UserID != userID {
		return change.Change{}, change.ErrNoChange
	}
	return c.Change, l.failed()
}

func (l *ledger) List(_ context.Context, f change.Filter) (change.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var page change.Page
	for _, c := range l.changes {
		if c.UserID == f.UserID {
			page.Changes = append(page.Changes, c.Change)
		}
	}
	page.Total = len(f.Lines) // tells the test what was asked for
	return page, nil
}

func (l *ledger) Load(_ context.Context, requestID string) (change.Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return change.Place{}, err
	}
	c, ok := l.changes[requestID]
	if !ok {
		return change.Place{}, change.ErrNoChange
	}
	place := *c
	place.Ahead, place.AheadWaits, place.AheadRests = l.ahead, l.reason, l.resting
	if l.ahead > 0 && l.passes > 0 {
		l.ahead, l.passes = l.ahead-1, l.passes-1
	}
	return place, nil
}

func (l *ledger) TakeTurn(_ context.Context, p change.Place) (change.Turn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.changes[p.RequestID]
	if l.limited > 0 || c.Status.Final() {
		return change.Turn{Limited: l.limited}, l.failed()
	}
	c.Asked, c.AskedAt, c.Status = true, noon, change.Processing
	c.Attempts++
	return change.Turn{Granted: true}, l.failed()
}

func (l *ledger) Rest(_ context.Context, p change.Place, r change.Rest) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rests = append(l.rests, r)
	c := l.changes[p.RequestID]
	c.Asked, c.Unanswered, c.Waiting, c.Status = r.Asked, r.Unanswered, r.Reason, change.Processing
	return l.failed()
}

func (l *ledger) Finish(_ context.Context, p change.Place, o change.Outcome) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return false, err
	}
	c := l.changes[p.RequestID]
	if c.Status.Final() {
		return false, nil
	}
	c.Status, c.ResultCode, c.ResultMessage, c.ProcessedAt = o.Status, o.ResultCode, o.ResultMessage, o.At
	l.ended = append(l.ended, o)
	return true, nil
}

// plans answer every inspection alike.
type plans struct {
	mu         sync.Mutex
	inspection product.Inspection
	err        error
	asked      int
	before     func() // called while KOS is asked
}

func goodPlans() *plans {
	subscriber := product.Subscriber{Line: line, LineStatus: product.Active, Product: product.Product{Code: "A", Name: "가", Operator: "KT"}}
	catalogue := product.Catalogue{Products: []product.Product{{Code: "B", Name: "나", Operator: "KT", OnSale: true}}}
	return &plans{inspection: product.Inspect(subscriber, catalogue, "A", "B")}
}

func (p *plans) Inspect(context.Context, product.Subscription, string, string) (product.Inspection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.before != nil {
		p.before()
	}
	return p.inspection, p.err
}

// carrier is KOS: it answers as its script says, in order.
type carrier struct {
	mu       sync.Mutex
	orders   []answer
	statuses []answer
	asked    []string // what was called
}

type answer struct {
	result change.Result
	found  bool
	err    error
}

func (c *carrier) next(what string, script *[]answer) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, what)
	if len(*script) == 0 {
		return answer{err: errors.New("the test's script is at its end")}
	}
	got := (*script)[0]
	*script = (*script)[1:]
	return got
}

func (c *carrier) Order(context.Context, change.Change) (change.Result, error) {
	a := c.next("order", &c.orders)
	return a.result, a.err
}

func (c *carrier) Inquire(context.Context, change.Change) (change.Result, bool, error) {
	a := c.next("status", &c.statuses)
	return a.result, a.found, a.err
}

// caches count what is forgotten, and tell whose a line is.
type caches struct {
	forgotten []msisdn.Number
	err       error
	holds     error // that KOS says of the line's customer
	asked     int
}

func (c *caches) Holds(context.Context, product.Subscription) error {
	c.asked++
	return c.holds
}

func (c *caches) Invalidate(_ context.Context, s product.Subscription) error {
	c.forgotten = append(c.forgotten, s.Line)
	return c.err
}

// meter counts.
type meter struct {
	steps    []change.Step
	finished []change.Status
}

func (m *meter) Attempted(step change.Step) { m.steps = append(m.steps, step) }

func (m *meter) Finished(status change.Status, _ string, _ time.Duration) {
	m.finished = append(m.finished, status)
}

// world is a processor with everything around it.
type world struct {
	*change.Processor
	ledger   *ledger
	carrier  *carrier
	caches   *caches
	meter    *meter
	outcomes *change.Outcomes
	now      time.Time
}

const retry = 3 * time.Second

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ledger: newLedger(), carrier: &carrier{}, caches: &caches{}, meter: &meter{}, outcomes: change.NewOutcomes(), now: noon}
	w.Processor = change.NewProcessor(change.ProcessorParams{
		Queue: w.ledger, Carrier: w.carrier, Lines: w.caches, Outcomes: w.outcomes, Meter: w.meter,
		Pace: change.Pace{Call: 2 * time.Second, Retry: retry}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return w.now },
	})
	w.ledger.changes[id] = &change.Place{Change: change.Change{
		RequestID: id, UserID: asker.UserID, Line: line, Status: change.Pending, RequestedAt: noon.Add(-time.Second),
	}}
	return w
}

const id = "01a20449-e559-7cd8-b8cf-7bc8548319f9"

func (w *world) place() *change.Place { return w.ledger.changes[id] }
