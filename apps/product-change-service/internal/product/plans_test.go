package product_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
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
	return w.Plans.Subscriber(t.Context(), s, product.Wait{})
}

func TestAnUnknownLineIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	kept := holder(premium)
	w.archive.holder = &kept
	w.kos.err = product.ErrUnknownLine
	if _, err := w.subscriber(t, own); !errors.Is(err, product.ErrUnknownLine) {
		t.Errorf("got %v", err)
	}
}

func TestFailedArchiveDoesNotFailReads(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.archive.err = errors.New("connection refused")
	if got, err := w.subscriber(t, own); err != nil || got.Product.Code != premium.Code {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Catalogue(t.Context(), product.Wait{}); err != nil {
		t.Error(err)
	}
}

// An answer of KOS from before a change must not be archived after it.
func TestAnswerFromBeforeAChangeIsNotArchived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		go func() {
			bubble.Advance(500 * time.Millisecond)
			if err := w.Changed(t.Context(), own); err != nil {
				t.Error(err)
			}
		}()
		if _, err := w.subscriber(t, own); err != nil {
			t.Error(err)
		}
		if w.archive.holder != nil {
			t.Errorf("kept: %+v", w.archive.holder)
		}
	})
}

func TestFreshReadsShareOneCallUntilTheLineChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		ask := func(want string) func() {
			return func() {
				got, err := w.FreshSubscriber(context.Background(), own)
				if err != nil || got.Product.Code != want {
					t.Errorf("%+v, %v; want %s", got, err, want)
				}
			}
		}
		var group sync.WaitGroup
		for range 100 {
			group.Go(ask(premium.Code))
		}
		bubble.Advance(500 * time.Millisecond)
		w.kos.set(func() { w.kos.holder = holder(basic) })
		w.Evict(line)
		for range 100 {
			group.Go(ask(basic.Code))
		}
		group.Wait()
		if w.kos.asked != 2 {
			t.Errorf("KOS was called %d times", w.kos.asked)
		}
	})
}

// Beyond the line limit the answers of the calls before are used.
func TestFreshReadBeyondTheLineLimitUsesTheLastAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lineLimit.left.Store(1)
	for range 20 {
		if got, err := w.FreshSubscriber(t.Context(), own); err != nil || got.Stale || got.Product.Code != premium.Code {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if w.kos.asked != 1 || w.lines.enqueued != 0 {
		t.Errorf("KOS was called %d times, %d fetches", w.kos.asked, w.lines.enqueued)
	}
}

// A client that repeats pre-checks must not spend the rate limit that others need.
func TestFreshReadIsCachedBeyondTheLineLimit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lineLimit.left.Store(3)
	known := holder(basic)
	known.AsOf = time.Now()
	w.cache.lines[own] = known
	for n := range 50 {
		want := premium.Code // the answer of KOS
		if n >= 3 {
			want = basic.Code
		}
		if got, err := w.FreshSubscriber(t.Context(), own); err != nil || got.Product.Code != want {
			t.Errorf("read %d: %+v, %v; want %s", n+1, got, err, want)
		}
	}
	if w.kos.asked != 3 {
		t.Errorf("KOS was called %d times", w.kos.asked)
	}
}

// While KOS is out, fresh reads fail, also beyond the line limit.
func TestFreshReadIsNeverStale(t *testing.T) {
	t.Parallel()
	w := newWorld()
	kept := holder(premium)
	w.archive.holder, w.kos.err = &kept, errAway
	w.lineLimit.left.Store(1)
	for range 3 {
		if got, err := w.FreshSubscriber(t.Context(), own); !errors.Is(err, product.ErrUnavailable) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Beyond the line limit a stale copy does not end the wait for KOS: the caller cannot use
// one.
func TestFreshReadBeyondTheLineLimitWaitsForKOS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		kept := holder(basic)
		w.archive.holder, w.kos.slow = &kept, 5*time.Second
		w.lineLimit.left.Store(0)
		start := time.Now()
		got, err := w.FreshSubscriber(t.Context(), own)
		if err != nil || got.Stale || got.Product.Code != premium.Code || time.Since(start) != 5*time.Second {
			t.Errorf("after %s: %+v, %v", time.Since(start), got, err)
		}
	})
}

// A shared call goes on when its first caller leaves.
func TestFreshReadOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.kos.slow = time.Second
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := w.FreshSubscriber(ctx, own); !errors.Is(err, product.ErrUnavailable) {
				t.Errorf("the caller that left: %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if _, err := w.FreshSubscriber(context.Background(), own); err != nil {
				t.Errorf("the caller that stayed: %v", err)
			}
		})
		group.Wait()
	})
}

func TestChangedInvalidatesEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.cache.err = errors.New("state: store cannot be reached")
	if err := w.Changed(t.Context(), own); !errors.Is(err, w.cache.err) {
		t.Errorf("the error is not returned: %v", err)
	}
	if w.archive.invalidations != 1 {
		t.Error("the replicas are not notified when L2 fails")
	}
	w.Evict(line)
	w.Listening(true)
	want := []string{"all of 010-****-5678", "here 010-****-5678", "listening true"}
	if diff := cmp.Diff(want, w.cache.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOffersExcludeTheCurrentPlan(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		current, operator string
		want              []product.Product
		err               error
	}{
		"own plan":                   {"", "", []product.Product{basic}, nil},
		"the plan named":             {basic.Code, "", []product.Product{premium}, nil},
		"another operator's":         {"", "LGU", []product.Product{elsewhere}, nil},
		"a discontinued plan":        {old.Code, "", []product.Product{premium, basic}, nil},
		"a plan that does not exist": {"NONE", "", nil, product.ErrUnknownProduct},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newWorld().Offers(t.Context(), own, test.current, test.operator, product.Wait{})
			if diff := cmp.Diff(test.want, got.Products); diff != "" || !errors.Is(err, test.err) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A pre-check uses what is known of the line. Before it reports a failure, it calls KOS.
func TestPreCheckCallsKOSBeforeItFailsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	known := holder(premium)
	known.AsOf = time.Now()
	w.cache.lines[own], w.kos.holder = known, holder(basic)
	got, err := w.PreCheck(t.Context(), own, premium.Code, basic.Code)
	if err != nil || !got.Passed() || w.kos.asked != 0 {
		t.Errorf("known: %+v, %v, KOS was called %d times", got, err, w.kos.asked)
	}
	got, err = w.PreCheck(t.Context(), own, basic.Code, premium.Code)
	if err != nil || !got.Passed() || w.kos.asked != 1 {
		t.Errorf("changed at KOS: %+v, %v, KOS was called %d times", got, err, w.kos.asked)
	}
	w.kos.err = errAway
	got, err = w.PreCheck(t.Context(), own, basic.Code, premium.Code)
	if err != nil || got.Passed() {
		t.Errorf("while KOS is out: %+v, %v", got, err)
	}
}

func TestInspectCallsKOSEachTime(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for want := 1; want <= 2; want++ {
		got, err := w.Inspect(t.Context(), own, premium.Code, basic.Code)
		if err != nil || !got.Passed() || w.kos.asked != want {
			t.Errorf("%+v, %v, asked %d times", got, err, w.kos.asked)
		}
	}
}
