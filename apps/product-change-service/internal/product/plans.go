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

// Plans answers where a line's plan and the catalogue come from: the cache,
// KOS; and, when KOS is away or slow, or its limit is spent, whatever KOS said
// last.
type Plans struct {
	PlansParams
	fresh singleflight.Group
}

// PlansParams are what Plans need.
type PlansParams struct {
	Cache   Cache
	Archive Archive
	Carrier Carrier
	// Spare is the carrier for questions that nobody waits for.
	Spare    Carrier
	Shares   Shares
	Replicas Replicas
	Log      *slog.Logger
}

// NewPlans returns the source of plans.
func NewPlans(p PlansParams) *Plans { return &Plans{PlansParams: p} }

const (
	// patience is how long a customer waits for an answer. Product rule: 8 s; the
	// rest is for what is around it.
	patience = 7 * time.Second
	// glance is how long nobody waits longer for KOS than, if there is an older
	// answer. Product rule: 1 s; the rest is for finding that.
	glance = 800 * time.Millisecond
	// archiveWait bounds the search for an older answer, which takes milliseconds:
	// where the database is slow, one that is late is better than none.
	archiveWait = time.Second
	// loadTimeout bounds an answer of KOS that several wait for.
	loadTimeout = 15 * time.Second
)

// newest returns what load gets, or, if KOS cannot tell or takes its time, what
// last finds. Where that finds nothing, whoever has patience waits on for load.
func newest[V any](ctx context.Context, load, last func(context.Context) (V, error)) (V, error) {
	brief, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	got, err := load(brief)
	if err == nil || !errors.Is(late(err), ErrUnavailable) {
		return got, err
	}
	finding, found := context.WithTimeout(context.WithoutCancel(ctx), archiveWait)
	defer found()
	if old, missing := last(finding); missing == nil {
		return old, nil
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		got, err = load(ctx) // joins the load that goes on
	}
	return got, late(err)
}

// late makes a failure to reach KOS of an answer that took too long.
func late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnavailable) {
		return errTooSlow.WithCause(errors.Join(ErrUnavailable, err))
	}
	return err
}

// Subscriber returns who holds a line, with which plan. It returns
// ErrUnknownLine, or an error that wraps ErrUnavailable if KOS cannot be asked,
// or is too slow, and never told this line.
func (p *Plans) Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	source := Source[Subscriber]{
		Ask:   func(ctx context.Context) (Subscriber, error) { return p.ask(ctx, p.Carrier, line) },
		Ahead: func(ctx context.Context) (Subscriber, error) { return p.ask(ctx, p.Spare, line) },
	}
	load := func(ctx context.Context) (Subscriber, error) { return p.Cache.Subscriber(ctx, line, source) }
	return newest(ctx, load, func(ctx context.Context) (Subscriber, error) {
		old, _, err := p.Archive.Subscriber(ctx, line)
		old.Stale = true
		return old, err
	})
}

// Catalogue returns all plans. It returns an error that wraps ErrUnavailable if
// KOS cannot be asked, or is too slow, and never told them.
func (p *Plans) Catalogue(ctx context.Context) (Catalogue, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	source := Source[Catalogue]{
		Ask:   func(ctx context.Context) (Catalogue, error) { return p.askCatalogue(ctx, p.Carrier) },
		Ahead: func(ctx context.Context) (Catalogue, error) { return p.askCatalogue(ctx, p.Spare) },
	}
	load := func(ctx context.Context) (Catalogue, error) { return p.Cache.Catalogue(ctx, source) }
	return newest(ctx, load, func(ctx context.Context) (Catalogue, error) {
		old, err := p.Archive.Catalogue(ctx)
		old.Stale = true
		return old, err
	})
}

// Fresh is Subscriber without anything kept: what KOS says of the line now.
// Callers at the same time share one question. For a line that has used up its
// share of KOS's rate limit, it is what is cached.
func (p *Plans) Fresh(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	if !p.Shares.Take(line) {
		return p.cached(ctx, line)
	}
	done := p.fresh.DoChan(line.Digits(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return p.ask(ctx, p.Carrier, line)
	})
	select {
	case <-ctx.Done():
		return Subscriber{}, late(ctx.Err())
	case result := <-done:
		got, _ := result.Val.(Subscriber)
		return got, late(result.Err)
	}
}

// cached is Subscriber without the older answer that stands in while KOS is away.
func (p *Plans) cached(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	got, err := p.Subscriber(ctx, line)
	if err == nil && got.Stale {
		return Subscriber{}, errTooSlow.WithCause(ErrUnavailable)
	}
	return got, err
}

// ask asks KOS and keeps the answer for worse times.
func (p *Plans) ask(ctx context.Context, kos Carrier, line msisdn.Number) (Subscriber, error) {
	_, mark, kept := p.Archive.Subscriber(ctx, line)
	got, err := kos.Subscriber(ctx, line)
	if err != nil {
		return Subscriber{}, err
	}
	if kept == nil || errors.Is(kept, ErrNotKept) {
		kept = p.Archive.KeepSubscriber(ctx, got, mark)
	}
	if kept != nil {
		p.Log.WarnContext(ctx, "line not archived", "error", kept)
	}
	return got, nil
}

// askCatalogue is ask for the catalogue.
func (p *Plans) askCatalogue(ctx context.Context, kos Carrier) (Catalogue, error) {
	got, err := kos.Catalogue(ctx)
	if err != nil {
		return Catalogue{}, err
	}
	if err := p.Archive.KeepCatalogue(ctx, got); err != nil {
		p.Log.WarnContext(ctx, "catalogue not archived", "error", err)
	}
	return got, nil
}

// Offers returns the plans that a customer may take: those of operator without
// the one called current. What is empty of the two is that of the plan named,
// or else of the line's own; if that is an older answer, so is this. It returns
// ErrUnknownProduct, or what Catalogue and Subscriber return.
func (p *Plans) Offers(ctx context.Context, line msisdn.Number, current, operator string) (Catalogue, error) {
	var (
		catalogue Catalogue
		holder    Subscriber
	)
	both, asking := errgroup.WithContext(ctx) // at once: who waits, waits for the slower one
	both.Go(func() (err error) {
		catalogue, err = p.Catalogue(asking)
		return err
	})
	if current == "" {
		both.Go(func() (err error) {
			holder, err = p.Subscriber(asking, line)
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

// Inspect checks a change against what KOS says of the line now. The plans
// themselves may be those of yesterday. It returns what Fresh and Catalogue
// return.
func (p *Plans) Inspect(ctx context.Context, line msisdn.Number, current, target string) (Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	catalogue, err := p.Catalogue(ctx)
	if err != nil {
		return Inspection{}, err
	}
	subscriber, err := p.Fresh(ctx, line)
	if err != nil {
		return Inspection{}, err
	}
	return Inspect(subscriber, catalogue, current, target), nil
}

// Invalidate forgets a line whose plan KOS has changed, here and in what
// replicas share. It returns an error if that could not be told; the line is
// then forgotten here only.
func (p *Plans) Invalidate(ctx context.Context, line msisdn.Number) error {
	err := p.Cache.Invalidate(ctx, line)
	p.fresh.Forget(line.Digits())
	return err
}

// Changed is Invalidate for every replica and the archive. It may be repeated,
// and should be after an error. The replicas are told also when what they share
// cannot be: then they cannot read the old plan from it either.
func (p *Plans) Changed(ctx context.Context, line msisdn.Number) error {
	err := p.Invalidate(ctx, line)
	return errors.Join(err, p.Replicas.Tell(ctx, line))
}

// Heard forgets a line here that another replica has invalidated.
func (p *Plans) Heard(line msisdn.Number) {
	p.Cache.Forget(line)
	p.fresh.Forget(line.Digits())
}

// Listening says whether this replica hears of what others invalidate.
func (p *Plans) Listening(told bool) { p.Cache.Listening(told) }
