package product_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

var errAway = fmt.Errorf("kos: %w", product.ErrUnavailable)

// kos is a carrier that answers with its fields, after slow.
type kos struct {
	mu        sync.Mutex
	holder    product.Subscriber
	catalogue product.Catalogue
	err       error
	slow      time.Duration
	asked     int // about lines
}

func (k *kos) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *kos) Subscriber(ctx context.Context, _ string, _ msisdn.Number) (found product.Subscriber, err error) {
	var slow time.Duration
	k.set(func() { k.asked, found, err, slow = k.asked+1, k.holder, k.err, k.slow })
	found.AsOf = time.Now()
	return found, errors.Join(err, pass(ctx, slow))
}

func (k *kos) Catalogue(ctx context.Context, _ string) (found product.Catalogue, err error) {
	var slow time.Duration
	k.set(func() { found, err, slow = k.catalogue, k.err, k.slow })
	found.AsOf = time.Now()
	return found, errors.Join(err, pass(ctx, slow))
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// memory is a cache of one level, which keeps values until they are dropped.
type memory struct {
	mu        sync.Mutex
	lines     map[product.Subscription]product.Subscriber
	refusals  map[product.Subscription]error
	catalogue *product.Catalogue
	off       bool // keeps nothing
	err       error
	calls     []string
}

func (m *memory) Subscriber(ctx context.Context, s product.Subscription, load product.LoadSubscriber) (product.Subscriber, error) {
	m.mu.Lock()
	held, known := m.lines[s]
	refusal := m.refusals[s]
	m.mu.Unlock()
	if known || refusal != nil {
		return held, refusal
	}
	return m.RefreshSubscriber(ctx, s, load)
}

func (m *memory) RefreshSubscriber(ctx context.Context, s product.Subscription, load product.LoadSubscriber) (product.Subscriber, error) {
	got, err := load(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch refused := errors.Is(err, product.ErrUnknownLine) || errors.Is(err, product.ErrLineMoved); {
	case m.off, errors.Is(err, product.ErrUncacheable):
	case err == nil:
		m.lines[s] = got
	case refused:
		delete(m.lines, s)
		m.refusals[s] = err
	}
	return got, err
}

func (m *memory) Catalogue(ctx context.Context, load product.LoadCatalogue) (product.Catalogue, error) {
	m.mu.Lock()
	held := m.catalogue
	m.mu.Unlock()
	if held != nil {
		return *held, nil
	}
	return m.RefreshCatalogue(ctx, load)
}

func (m *memory) RefreshCatalogue(ctx context.Context, load product.LoadCatalogue) (product.Catalogue, error) {
	got, err := load(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && !m.off {
		m.catalogue = &got
	}
	return got, err
}

func (m *memory) Invalidate(_ context.Context, s product.Subscription) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lines, s)
	m.calls = append(m.calls, "all of "+s.Line.Masked())
	return m.err
}

func (m *memory) Evict(line msisdn.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "here "+line.Masked())
}

func (m *memory) Listening(listening bool) {
	m.calls = append(m.calls, fmt.Sprint("listening ", listening))
}

// expire drops all values.
func (m *memory) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines, m.refusals, m.catalogue = map[product.Subscription]product.Subscriber{}, map[product.Subscription]error{}, nil
}

// archive holds one line and one catalogue.
type archive struct {
	mu            sync.Mutex
	holder        *product.Subscriber
	catalogue     *product.Catalogue
	version       product.Version
	slow          time.Duration // to find the catalogue
	err           error
	invalidations int
}

func (a *archive) Subscriber(context.Context, msisdn.Number) (product.Subscriber, product.Version, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.holder == nil || a.err != nil {
		return product.Subscriber{}, a.version, errors.Join(a.err, product.ErrNotArchived)
	}
	return *a.holder, a.version, nil
}

func (a *archive) KeepSubscriber(_ context.Context, s product.Subscriber, version product.Version) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if version == a.version {
		a.holder = &s
	}
	return a.err
}

func (a *archive) Catalogue(ctx context.Context) (product.Catalogue, error) {
	if err := pass(ctx, a.slow); err != nil {
		return product.Catalogue{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.catalogue == nil {
		return product.Catalogue{}, product.ErrNotArchived
	}
	return *a.catalogue, nil
}

func (a *archive) KeepCatalogue(_ context.Context, c product.Catalogue) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.catalogue = &c
	return a.err
}

func (a *archive) Invalidate(context.Context, msisdn.Number) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holder, a.invalidations = nil, a.invalidations+1
	a.version.Line++
	return a.err
}

// queue runs each fetch at once, and once for all that enqueue it meanwhile. A fetch that
// fails is given up, unless KOS was not called: that is an outage of a minute.
type queue[K comparable] struct {
	fetch func(ctx context.Context, key K, background bool) error

	mu       sync.Mutex
	running  map[K]bool
	waiters  []chan struct{}
	outage   time.Time
	full     bool
	enqueued int
	ahead    int // in the background
}

func (q *queue[K]) Enqueue(_ context.Context, key K) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.enqueued++
	return 0, q.start(key, false)
}

func (q *queue[K]) start(key K, background bool) error {
	if q.full {
		return readthrough.ErrFull
	}
	if q.running[key] {
		return nil
	}
	q.running[key] = true
	go func() {
		err := q.fetch(context.Background(), key, background)
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.running, key)
		if errors.Is(err, product.ErrNotCalled) {
			q.outage = time.Now().Add(time.Minute)
		}
		for _, waiter := range q.waiters {
			select {
			case waiter <- struct{}{}:
			default:
			}
		}
	}()
	return nil
}

func (q *queue[K]) EnqueueAhead(ctx context.Context, key K) error {
	_, err := q.Prefetch(ctx, key, "")
	return err
}

func (q *queue[K]) Prefetch(_ context.Context, key K, _ string) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ahead++
	return true, q.start(key, true)
}

func (q *queue[K]) Callable(context.Context, K) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !time.Now().Before(q.outage), nil
}

func (q *queue[K]) Busy(context.Context, K) (bool, error) { return false, nil }

func (q *queue[K]) Standing(_ context.Context, key K) (readthrough.Standing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.running[key] {
		return readthrough.Standing{}, readthrough.ErrNotQueued
	}
	return readthrough.Standing{Claimed: true, Estimate: time.Second}, nil
}

func (q *queue[K]) Await(K) (changed <-chan struct{}, stop func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := make(chan struct{}, 1)
	q.waiters = append(q.waiters, own)
	return own, func() {}
}

type world struct {
	*product.Plans
	kos       *kos
	cache     *memory
	archive   *archive
	lines     *queue[product.Subscription]
	lineLimit lineLimit
	admitErr  error
}

func (w *world) Admit(context.Context) error { return w.admitErr }

// lineLimit allows left more calls.
type lineLimit struct{ left atomic.Int64 }

func (s *lineLimit) Allow(msisdn.Number) bool { return s.left.Add(-1) >= 0 }

func newWorld() *world {
	w := &world{
		kos:   &kos{holder: holder(premium), catalogue: product.Catalogue{Products: catalogue.Products}},
		cache: &memory{}, archive: &archive{},
	}
	w.cache.expire()
	w.lineLimit.left.Store(1000)
	log := slog.New(slog.DiscardHandler)
	reader := product.NewReader(w.cache, w.archive, time.Now, log)
	fetcher := product.NewFetcher(product.FetcherParams{
		Reader: reader, Cache: w.cache, Archive: w.archive, Carrier: w.kos, Replicas: w.archive, Log: log,
	})
	w.lines = &queue[product.Subscription]{running: map[product.Subscription]bool{}, fetch: func(ctx context.Context, s product.Subscription, background bool) error {
		return fetcher.Subscriber(ctx, product.Fetch{Line: s.Line, Customers: []string{s.Customer}, Background: background})
	}}
	w.Plans = product.NewPlans(product.PlansParams{
		Cache: w.cache, Reader: reader, Fetcher: fetcher, Subscribers: w.lines,
		Catalogues: &queue[product.TheCatalogue]{running: map[product.TheCatalogue]bool{}, fetch: func(ctx context.Context, _ product.TheCatalogue, background bool) error {
			return fetcher.Catalogue(ctx, "request", background)
		}},
		Admission: w, LineLimit: &w.lineLimit, Replicas: w.archive, Now: time.Now, NewID: func() string { return "request" },
	})
	return w
}

// subscriber reads the subscriber of a subscription.
func (w *world) subscriber(t *testing.T, s product.Subscription) (product.Subscriber, error) {
	t.Helper()
	return w.Subscriber(t.Context(), s, product.Wait{})
}
