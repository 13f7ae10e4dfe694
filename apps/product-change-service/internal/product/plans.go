package product

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Plans are the use cases of customers. They answer from the caches and the archive, and
// else by the queue of fetches. If KOS is out, slow or its budget is spent, they serve the
// last answer of KOS, marked Stale.
type Plans struct {
	PlansParams
	subscribers *readthrough.ReadThrough[Subscription, Subscriber]
	catalogues  *readthrough.ReadThrough[TheCatalogue, Catalogue]
	freshReads  singleflight.Group
}

// PlansParams are the dependencies of Plans.
type PlansParams struct {
	Cache       Cache
	Reader      *Reader
	Fetcher     *Fetcher
	Subscribers readthrough.Queue[Subscription]
	Catalogues  readthrough.Queue[TheCatalogue]
	Admission   Admission
	LineLimit   LineLimit
	Replicas    Replicas
	Now         func() time.Time
	NewID       func() string
}

// Product rules: lifetimes in L2. A value is refreshed ahead in the last quarter of its
// lifetime.
const (
	SubscriberTTL = 4 * time.Hour
	CatalogueTTL  = 24 * time.Hour
)

// NewPlans returns Plans with these dependencies.
func NewPlans(p PlansParams) *Plans {
	return &Plans{
		PlansParams: p,
		subscribers: readthrough.New(p.Reader.Subscribers, p.Subscribers, SubscriberTTL*3/4, p.Now),
		catalogues:  readthrough.New(p.Reader.Catalogues, p.Catalogues, CatalogueTTL*3/4, p.Now),
	}
}

const (
	// readTimeout is the deadline of a read. Product rule: 8 s, which leaves 1 s for the
	// request around it.
	readTimeout = 7 * time.Second
	// callTimeout bounds a call of KOS that several readers share.
	callTimeout = 15 * time.Second
)

// read returns a fresh or stale value. If nothing is known, it waits for KOS.
func read[K comparable, V readthrough.Value](ctx context.Context, r *readthrough.ReadThrough[K, V], key K, wait Wait) (V, bool, error) {
	start := time.Now()
	found, err := r.Get(ctx, key, time.Time{})
	if errors.Is(err, readthrough.ErrMiss) {
		waiting, cancel := context.WithDeadline(ctx, start.Add(wait.limit()))
		defer cancel()
		found, err = r.Fetch(waiting, key, wait.Async)
	}
	return found.Value, found.Stale, shown(err)
}

// shown returns an error of a read as clients see it.
func shown(err error) error {
	queued, isQueued := errors.AsType[*readthrough.QueuedError](err)
	switch {
	case isQueued:
		return ErrInProgress.After(max(queued.Estimate, time.Second)).WithCause(errors.Join(ErrUnavailable, err))
	case errors.Is(err, readthrough.ErrOutage), errors.Is(err, readthrough.ErrUnseen), errors.Is(err, context.DeadlineExceeded):
		return errNoAnswer.WithCause(errors.Join(ErrUnavailable, err))
	case errors.Is(err, readthrough.ErrFull):
		return errQueueFull.WithCause(errors.Join(ErrUnavailable, err))
	}
	return err
}

// Subscriber returns the subscriber of a subscription, which may be stale. It returns
// ErrUnknownLine, ErrLineMoved, or an error that wraps ErrUnavailable if nothing is known
// and KOS does not answer in time. That wraps a *readthrough.QueuedError if the fetch is
// still queued.
func (p *Plans) Subscriber(ctx context.Context, s Subscription, wait Wait) (Subscriber, error) {
	got, stale, err := read(ctx, p.subscribers, s, wait)
	if errors.Is(err, readthrough.ErrUnseen) { // such as a refusal, while L2 has a tombstone
		return p.FreshSubscriber(ctx, s)
	}
	got.Stale = stale
	return got, err
}

// Catalogue returns all plans, which may be stale. The errors are those of Subscriber
// without the refusals.
func (p *Plans) Catalogue(ctx context.Context, wait Wait) (Catalogue, error) {
	got, stale, err := read(ctx, p.catalogues, TheCatalogue{}, wait)
	got.Stale = stale
	return got, err
}

// FreshSubscriber returns KOS's present answer for a subscription, past the caches, the
// queue and the archive. Concurrent calls for a line share one call of KOS. A line that has
// used up its LineLimit gets the cached subscriber. The errors are those of Subscriber.
func (p *Plans) FreshSubscriber(ctx context.Context, s Subscription) (Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !p.LineLimit.Allow(s.Line) {
		return p.cachedSubscriber(ctx, s)
	}
	done := p.freshReads.DoChan(s.Line.Digits(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		if err := p.Admission.Admit(ctx); err != nil {
			return nil, err
		}
		answer := p.Fetcher.call(ctx, p.NewID(), s.Line)
		return answer, answer.err
	})
	select {
	case <-ctx.Done():
		return Subscriber{}, shown(ctx.Err())
	case result := <-done:
		if result.Err != nil {
			return Subscriber{}, shown(result.Err)
		}
		answer, _ := result.Val.(lineAnswer)
		got, err := p.Fetcher.keep(ctx, s, answer)
		if errors.Is(err, ErrLineMoved) {
			p.Fetcher.invalidate(ctx, s)
		}
		return got, err
	}
}

// recentAnswer is the age up to which an archived answer of KOS counts as cached.
const recentAnswer = time.Minute

// cachedSubscriber returns the cached or recently archived subscriber, or else KOS's answer
// to a queued fetch. It is never stale.
func (p *Plans) cachedSubscriber(ctx context.Context, s Subscription) (Subscriber, error) {
	found, err := p.subscribers.Find(ctx, s, p.Now().Add(-recentAnswer))
	if errors.Is(err, readthrough.ErrMiss) || err == nil && found.Stale {
		found, err = p.subscribers.Fetch(ctx, s, false)
	}
	return found.Value, shown(err)
}

// CheckHolder returns nil if KOS says now that the subscription's customer holds the
// line. It returns the errors of FreshSubscriber.
func (p *Plans) CheckHolder(ctx context.Context, s Subscription) error {
	_, err := p.FreshSubscriber(ctx, s)
	return err
}

// Offers returns the plans on sale of an operator, without the current one. If operator
// is empty, it is the one of the current plan. If current is empty, it is the line's own
// plan; the result is then as old as the older of both answers. It returns
// ErrUnknownProduct, or the errors of Catalogue and Subscriber.
func (p *Plans) Offers(ctx context.Context, s Subscription, current, operator string, wait Wait) (Catalogue, error) {
	var (
		catalogue Catalogue
		holder    Subscriber
	)
	both, loading := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		catalogue, err = p.Catalogue(loading, wait)
		return err
	})
	if current == "" {
		both.Go(func() (err error) {
			holder, err = p.Subscriber(loading, s, wait)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return Catalogue{}, err
	}
	own := holder.Product
	if current != "" {
		named, known := catalogue.Find(current)
		if !known {
			return Catalogue{}, ErrUnknownProduct
		}
		own = named
	}
	if holder.Stale {
		catalogue.Stale = true
		if holder.AsOf.Before(catalogue.AsOf) {
			catalogue.AsOf = holder.AsOf
		}
	}
	catalogue.Products = catalogue.Offers(own.Code, cmp.Or(operator, own.Operator))
	return catalogue, nil
}

// PreCheck checks a change against what is known of the line, which may be stale. Before it
// reports a failure, it checks against KOS's present answer, if KOS gives one. It returns
// the errors of Subscriber and Catalogue.
func (p *Plans) PreCheck(ctx context.Context, s Subscription, current, target string) (Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	catalogue, err := p.Catalogue(ctx, Wait{})
	if err != nil {
		return Inspection{}, err
	}
	known, err := p.Subscriber(ctx, s, Wait{})
	if err != nil {
		return Inspection{}, err
	}
	inspection := Inspect(known, catalogue, current, target)
	if inspection.Passed() {
		return inspection, nil
	}
	fresh, err := p.FreshSubscriber(ctx, s)
	switch {
	case errors.Is(err, ErrUnavailable):
		return inspection, nil
	case err != nil:
		return Inspection{}, err
	}
	return Inspect(fresh, catalogue, current, target), nil
}

// Inspect checks a change against KOS's present answer for the line. The catalogue may
// be cached or stale. It returns the errors of FreshSubscriber and Catalogue.
func (p *Plans) Inspect(ctx context.Context, s Subscription, current, target string) (Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	catalogue, err := p.Catalogue(ctx, Wait{})
	if err != nil {
		return Inspection{}, err
	}
	subscriber, err := p.FreshSubscriber(ctx, s)
	if err != nil {
		return Inspection{}, err
	}
	return Inspect(subscriber, catalogue, current, target), nil
}

// Invalidate invalidates the cached copies of a subscription in L2 and in this process.
// If L2 cannot be reached, it returns an error and only this process is done.
func (p *Plans) Invalidate(ctx context.Context, s Subscription) error {
	p.Reader.evict(s.Line)
	err := p.Cache.Invalidate(ctx, s)
	p.freshReads.Forget(s.Line.Digits())
	return err
}

// Changed invalidates the copies of a subscription everywhere: in L2, in the archive and
// in all replicas. It is idempotent; repeat it after an error. Replicas are notified even
// if L2 cannot be reached: for a while they then read nothing of the line from L2.
func (p *Plans) Changed(ctx context.Context, s Subscription) error {
	err := p.Invalidate(ctx, s)
	return errors.Join(err, p.Replicas.Invalidate(ctx, s.Line))
}

// Evict drops a line that another replica has invalidated from this process.
func (p *Plans) Evict(line msisdn.Number) {
	p.Reader.evict(line)
	p.Cache.Evict(line)
	p.freshReads.Forget(line.Digits())
}

// Listening notes whether this process receives the invalidations of other replicas.
func (p *Plans) Listening(listening bool) { p.Cache.Listening(listening) }
