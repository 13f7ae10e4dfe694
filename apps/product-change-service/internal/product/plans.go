package product

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Plans reads the plan of a line and the catalogue through the cache from KOS. If KOS is
// out, slow or its budget is spent, Plans serves the last answer of KOS, marked Stale.
type Plans struct {
	PlansParams
	freshReads singleflight.Group
}

// PlansParams are the dependencies of Plans.
type PlansParams struct {
	Cache   Cache
	Archive Archive
	Carrier Carrier
	// Background is the carrier for refreshes, which have no client waiting.
	Background Carrier
	LineLimit  LineLimit
	Replicas   Replicas
	Log        *slog.Logger
}

// NewPlans returns Plans with these dependencies.
func NewPlans(p PlansParams) *Plans { return &Plans{PlansParams: p} }

const (
	// readTimeout is the deadline of a read. Product rule: 8 s; the rest is for the
	// request around it.
	readTimeout = 7 * time.Second
	// softTimeout is how long a read waits for KOS before it serves a stale copy.
	// Product rule: 1 s; the rest is for reading the archive.
	softTimeout = 800 * time.Millisecond
	// archiveTimeout bounds a read of the archive, which takes milliseconds unless the
	// database is slow. It may exceed the soft timeout: a late stale copy is better
	// than an error.
	archiveTimeout = time.Second
	// loadTimeout bounds a call of KOS that several readers share.
	loadTimeout = 15 * time.Second
)

// freshOrStale returns what load returns. If load fails with ErrUnavailable or takes
// longer than softTimeout, it returns the copy of stale. Without a stale copy it waits
// for load until ctx ends.
func freshOrStale[V any](ctx context.Context, load, stale func(context.Context) (V, error)) (V, error) {
	soft, cancel := context.WithTimeout(ctx, softTimeout)
	defer cancel()
	got, err := load(soft)
	if err == nil || !errors.Is(unavailableAfterDeadline(err), ErrUnavailable) {
		return got, err
	}
	reading, cancelRead := context.WithTimeout(context.WithoutCancel(ctx), archiveTimeout)
	defer cancelRead()
	if old, missing := stale(reading); missing == nil {
		return old, nil
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		got, err = load(ctx) // joins the load that goes on
	}
	return got, unavailableAfterDeadline(err)
}

// unavailableAfterDeadline returns an exceeded deadline as an error that wraps
// ErrUnavailable, and any other error unchanged.
func unavailableAfterDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnavailable) {
		return errNoAnswer.WithCause(errors.Join(ErrUnavailable, err))
	}
	return err
}

// Subscriber returns the subscriber of a subscription, which may be stale. It returns
// ErrUnknownLine, ErrLineMoved, or an error that wraps ErrUnavailable if KOS does not
// answer in time and the archive has no copy.
func (p *Plans) Subscriber(ctx context.Context, s Subscription) (Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	load := func(ctx context.Context) (Subscriber, error) { return p.cached(ctx, s) }
	return freshOrStale(ctx, load, func(ctx context.Context) (Subscriber, error) {
		old, _, err := p.Archive.Subscriber(ctx, s.Line)
		if err == nil && old.CustomerID != s.Customer {
			return Subscriber{}, ErrNotArchived
		}
		old.Stale = true
		return old, err
	})
}

// Catalogue returns all plans, which may be stale. It returns an error that wraps
// ErrUnavailable if KOS does not answer in time and the archive has no copy.
func (p *Plans) Catalogue(ctx context.Context) (Catalogue, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	source := Source[Catalogue]{
		Load:    func(ctx context.Context) (Catalogue, error) { return p.loadCatalogue(ctx, p.Carrier) },
		Refresh: func(ctx context.Context) (Catalogue, error) { return p.loadCatalogue(ctx, p.Background) },
	}
	load := func(ctx context.Context) (Catalogue, error) { return p.Cache.Catalogue(ctx, source) }
	return freshOrStale(ctx, load, func(ctx context.Context) (Catalogue, error) {
		old, err := p.Archive.Catalogue(ctx)
		old.Stale = true
		return old, err
	})
}

// FreshSubscriber returns KOS's present answer for a subscription, past the cache and
// never stale. Concurrent calls for a line share one call of KOS. A line that has used
// up its LineLimit gets the cached subscriber. The errors are those of Subscriber.
func (p *Plans) FreshSubscriber(ctx context.Context, s Subscription) (Subscriber, error) {
	if !p.LineLimit.Allow(s.Line) {
		got, err := p.cached(ctx, s)
		return got, unavailableAfterDeadline(err)
	}
	done := p.freshReads.DoChan(s.Line.Digits(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return p.call(ctx, p.Carrier, s.Line)
	})
	select {
	case <-ctx.Done():
		return Subscriber{}, unavailableAfterDeadline(ctx.Err())
	case result := <-done:
		if result.Err != nil {
			return Subscriber{}, unavailableAfterDeadline(result.Err)
		}
		answer, _ := result.Val.(lineAnswer)
		got, err := p.keep(ctx, s, answer)
		return got, p.invalidateIfMoved(ctx, s, err)
	}
}

// cached returns the cached subscriber, or loads it from KOS.
func (p *Plans) cached(ctx context.Context, s Subscription) (Subscriber, error) {
	return p.Cache.Subscriber(ctx, s, Source[Subscriber]{
		Load:    func(ctx context.Context) (Subscriber, error) { return p.load(ctx, p.Carrier, s) },
		Refresh: func(ctx context.Context) (Subscriber, error) { return p.refresh(ctx, s) },
	})
}

// CheckHolder returns nil if KOS says now that the subscription's customer holds the
// line. It returns the errors of FreshSubscriber.
func (p *Plans) CheckHolder(ctx context.Context, s Subscription) error {
	_, err := p.FreshSubscriber(ctx, s)
	return err
}

// load calls KOS and archives the answer if it is about the subscription.
func (p *Plans) load(ctx context.Context, kos Carrier, s Subscription) (Subscriber, error) {
	answer, err := p.call(ctx, kos, s.Line)
	if err != nil {
		return Subscriber{}, err
	}
	return p.keep(ctx, s, answer)
}

// lineAnswer is KOS's answer for a line, whichever customer holds it.
type lineAnswer struct {
	subscriber Subscriber
	// The copy that the archive had before KOS was called.
	archived   Subscriber
	version    Version
	archiveErr error
}

func (p *Plans) call(ctx context.Context, kos Carrier, line msisdn.Number) (a lineAnswer, err error) {
	a.archived, a.version, a.archiveErr = p.Archive.Subscriber(ctx, line)
	a.subscriber, err = kos.Subscriber(ctx, line)
	return a, err
}

// keep returns the subscriber of an answer and archives it, if it is the subscription's.
// Otherwise it returns the error of Subscription.Check.
func (p *Plans) keep(ctx context.Context, s Subscription, a lineAnswer) (Subscriber, error) {
	if err := s.Check(a.subscriber); err != nil {
		if errors.Is(err, ErrLineMoved) {
			p.invalidateArchive(ctx, s, a.archived)
		}
		return Subscriber{}, err
	}
	failed := a.archiveErr
	if failed == nil || errors.Is(failed, ErrNotArchived) {
		failed = p.Archive.KeepSubscriber(ctx, a.subscriber, a.version)
	}
	if failed != nil {
		p.Log.WarnContext(ctx, "line not archived", "error", failed)
	}
	a.subscriber.Version = a.version
	return a.subscriber, nil
}

// loadCatalogue calls KOS and archives the answer.
func (p *Plans) loadCatalogue(ctx context.Context, kos Carrier) (Catalogue, error) {
	got, err := kos.Catalogue(ctx)
	if err != nil {
		return Catalogue{}, err
	}
	if err := p.Archive.KeepCatalogue(ctx, got); err != nil {
		p.Log.WarnContext(ctx, "catalogue not archived", "error", err)
	}
	return got, nil
}

// Offers returns the plans on sale of an operator, without the current one. If operator
// is empty, it is the one of the current plan. If current is empty, it is the line's own
// plan; the result is then as old as the older of both answers. It returns
// ErrUnknownProduct, or the errors of Catalogue and Subscriber.
func (p *Plans) Offers(ctx context.Context, s Subscription, current, operator string) (Catalogue, error) {
	var (
		catalogue Catalogue
		holder    Subscriber
	)
	both, loading := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		catalogue, err = p.Catalogue(loading)
		return err
	})
	if current == "" {
		both.Go(func() (err error) {
			holder, err = p.Subscriber(loading, s)
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

// Inspect checks a change against KOS's present answer for the line. The catalogue may
// be cached or stale. It returns the errors of FreshSubscriber and Catalogue.
func (p *Plans) Inspect(ctx context.Context, s Subscription, current, target string) (Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	catalogue, err := p.Catalogue(ctx)
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
	p.Cache.Evict(line)
	p.freshReads.Forget(line.Digits())
}

// Listening notes whether this process receives the invalidations of other replicas.
func (p *Plans) Listening(listening bool) { p.Cache.Listening(listening) }
