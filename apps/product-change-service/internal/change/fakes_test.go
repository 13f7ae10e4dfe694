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
	caller     = change.Caller{UserID: "testuser01", CustomerID: "CUST001", Lines: []msisdn.Number{line}}
	noon       = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)
	validOrder = change.Order{Line: line, Current: "A", Target: "B"}

	errDatabase = errors.New("connection refused")
	errNoAnswer = fmt.Errorf("kos: %w", change.ErrNoAnswer)
	breakerOpen = &change.NotCalledError{Reason: change.KOSUnavailable, Cause: errors.New("circuit breaker is open")}
)

// ledger keeps changes in memory, one in progress for each line.
type ledger struct {
	mu      sync.Mutex
	changes map[string]*change.Change
	keys    map[string]string // request ids by user and key
	bodies  map[string][]byte
	accepts int
	fault   error // fails the next call
	waiters map[msisdn.Number][]chan<- struct{}
}

func newLedger() *ledger {
	return &ledger{
		changes: map[string]*change.Change{}, keys: map[string]string{}, bodies: map[string][]byte{},
		waiters: map[msisdn.Number][]chan<- struct{}{},
	}
}

func (l *ledger) failed() (err error) {
	err, l.fault = l.fault, nil
	return err
}

func (l *ledger) Accept(_ context.Context, c change.Change, key change.Key, _ product.Version) error {
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
	l.changes[c.RequestID] = &c
	if key.Text != "" {
		l.keys[c.UserID+" "+key.Text], l.bodies[c.UserID+" "+key.Text] = c.RequestID, key.Body
	}
	l.accepts++
	return nil
}

func (l *ledger) FindKey(_ context.Context, userID, key string) (string, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, ok := l.keys[userID+" "+key]
	if !ok {
		return "", nil, change.ErrNoChange
	}
	return id, l.bodies[userID+" "+key], nil
}

func (l *ledger) InProgress(_ context.Context, s product.Subscription) (bool, error) {
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
	return *c, l.failed()
}

func (l *ledger) List(_ context.Context, f change.Filter) (change.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var page change.Page
	for _, c := range l.changes {
		if c.UserID == f.UserID {
			page.Changes = append(page.Changes, *c)
		}
	}
	page.Total = len(f.Lines) // the number of requested lines
	return page, nil
}

func (l *ledger) Await(line msisdn.Number) (ended <-chan struct{}, stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := make(chan struct{}, 1)
	l.waiters[line] = append(l.waiters[line], own)
	return own, func() {}
}

// complete makes a change final and wakes its waiters.
func (l *ledger) complete(requestID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.changes[requestID]
	c.Status = change.Completed
	for _, own := range l.waiters[c.Line] {
		select {
		case own <- struct{}{}:
		default:
		}
	}
}

func (l *ledger) Begin(_ context.Context, requestID string) (change.Change, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed(); err != nil {
		return change.Change{}, err
	}
	c, ok := l.changes[requestID]
	if !ok {
		return change.Change{}, change.ErrNoChange
	}
	if !c.Status.Final() {
		c.Status = change.Processing
	}
	return *c, nil
}

// plans returns the same inspection for every order.
type plans struct {
	mu         sync.Mutex
	inspection product.Inspection
	err        error
	asked      int
	before     func() // called during the inspection
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

// carrier answers calls from scripts, in order.
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

// caches records invalidations, and answers checks of the holder.
type caches struct {
	forgotten []msisdn.Number
	err       error
	holderErr error // result of CheckHolder
	asked     int
}

func (c *caches) CheckHolder(context.Context, product.Subscription) error {
	c.asked++
	return c.holderErr
}

func (c *caches) Invalidate(_ context.Context, s product.Subscription) error {
	c.forgotten = append(c.forgotten, s.Line)
	return c.err
}

// world is a processor with fakes and one change.
type world struct {
	*change.Processor
	ledger  *ledger
	carrier *carrier
	caches  *caches
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ledger: newLedger(), carrier: &carrier{}, caches: &caches{}}
	w.Processor = change.NewProcessor(change.ProcessorParams{
		Attempts: w.ledger, Carrier: w.carrier, Lines: w.caches, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return noon },
	})
	w.ledger.changes[id] = &change.Change{
		RequestID: id, UserID: caller.UserID, CustomerID: caller.CustomerID, Line: line, Status: change.Pending, RequestedAt: noon.Add(-time.Second),
	}
	return w
}

const id = "01a20449-e559-7cd8-b8cf-7bc8548319f9"

func (w *world) change() *change.Change { return w.ledger.changes[id] }
