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
	"golang.org/x/sync/singleflight"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

var (
	errAway = fmt.Errorf("kos: %w", product.ErrUnavailable)
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, product.Seoul)
)

// kos is a carrier that answers with its fields, after slow.
type kos struct {
	mu        sync.Mutex
	holder    product.Subscriber
	catalogue product.Catalogue
	err       error
	holderErr error // of lines only
	slow      time.Duration
	asked     int
}

func (k *kos) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *kos) Subscriber(ctx context.Context, _ msisdn.Number) (found product.Subscriber, err error) {
	var slow time.Duration
	k.set(func() { k.asked, found, err, slow = k.asked+1, k.holder, errors.Join(k.err, k.holderErr), k.slow })
	return found, errors.Join(err, pass(ctx, slow))
}

func (k *kos) Catalogue(ctx context.Context) (found product.Catalogue, err error) {
	var slow time.Duration
	k.set(func() { found, err, slow = k.catalogue, k.err, k.slow })
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

// passThrough is a cache that loads each time, in the background and once for concurrent
// reads, as the real one does.
type passThrough struct {
	lines, catalogues singleflight.Group

	ahead bool // refreshes instead of loading
	kept  *product.Subscriber
	err   error
	calls []string
}

func inBackground[V any](ctx context.Context, loads *singleflight.Group, load func(context.Context) (V, error)) (V, error) {
	done := loads.DoChan("", func() (any, error) { return load(context.WithoutCancel(ctx)) })
	select {
	case got := <-done:
		value, _ := got.Val.(V)
		return value, got.Err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (c *passThrough) Subscriber(ctx context.Context, _ product.Subscription, source product.Source[product.Subscriber]) (product.Subscriber, error) {
	if c.ahead {
		return source.Refresh(ctx)
	}
	if c.kept != nil {
		return *c.kept, nil
	}
	return inBackground(ctx, &c.lines, source.Load)
}

func (c *passThrough) Catalogue(ctx context.Context, source product.Source[product.Catalogue]) (product.Catalogue, error) {
	if c.ahead {
		return source.Refresh(ctx)
	}
	return inBackground(ctx, &c.catalogues, source.Load)
}

func (c *passThrough) Invalidate(_ context.Context, s product.Subscription) error {
	c.calls = append(c.calls, "all of "+s.Line.Masked())
	return c.err
}

func (c *passThrough) Evict(line msisdn.Number) {
	c.calls = append(c.calls, "here "+line.Masked())
}

func (c *passThrough) Listening(listening bool) {
	c.calls = append(c.calls, fmt.Sprint("listening ", listening))
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

type world struct {
	*product.Plans
	kos        *kos
	background *kos
	cache      *passThrough
	archive    *archive
	lineLimit  lineLimit
}

// lineLimit allows left more calls.
type lineLimit struct{ left atomic.Int64 }

func (s *lineLimit) Allow(msisdn.Number) bool { return s.left.Add(-1) >= 0 }

func newWorld() *world {
	w := &world{
		kos:        &kos{holder: holder(premium), catalogue: product.Catalogue{Products: catalogue.Products, AsOf: noon}},
		background: &kos{holder: holder(premium), catalogue: product.Catalogue{Products: catalogue.Products, AsOf: noon}},
		cache:      &passThrough{}, archive: &archive{},
	}
	w.lineLimit.left.Store(1000)
	w.Plans = product.NewPlans(product.PlansParams{
		Cache: w.cache, Archive: w.archive, Carrier: w.kos, Background: w.background, LineLimit: &w.lineLimit,
		Replicas: w.archive, Log: slog.New(slog.DiscardHandler),
	})
	return w
}

func TestAnUnknownLineIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	kept := holder(premium)
	w.archive.holder = &kept
	w.kos.err = product.ErrUnknownLine
	if _, err := w.Subscriber(t.Context(), own); !errors.Is(err, product.ErrUnknownLine) {
		t.Errorf("got %v", err)
	}
}

func TestFailedArchiveDoesNotFailReads(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.archive.err = errors.New("connection refused")
	if got, err := w.Subscriber(t.Context(), own); err != nil || got.Product.Code != premium.Code {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Catalogue(t.Context()); err != nil {
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
			elapse(500 * time.Millisecond)
			if err := w.Changed(t.Context(), own); err != nil {
				t.Error(err)
			}
		}()
		if _, err := w.Subscriber(t.Context(), own); err != nil {
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
		elapse(500 * time.Millisecond)
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

// A client that repeats pre-checks must not spend the rate limit that others need.
func TestFreshReadIsCachedBeyondTheLineLimit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lineLimit.left.Store(3)
	w.cache.kept = new(holder(basic))
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
			got, err := newWorld().Offers(t.Context(), own, test.current, test.operator)
			if diff := cmp.Diff(test.want, got.Products); diff != "" || !errors.Is(err, test.err) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
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

// elapse advances the clock of the bubble.
func elapse(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock of a bubble
