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

// Subscriber returns the plan of a subscription. It returns ErrUnknownLine,
// ErrLineMoved, or an error that wraps ErrUnavailable if KOS cannot be asked,
// or is too slow, and never told this line.
func (p *Plans) Subscriber(ctx context.Context, s Subscription) (Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	load := func(ctx context.Context) (Subscriber, error) { return p.cached(ctx, s) }
	return newest(ctx, load, func(ctx context.Context) (Subscriber, error) {
		old, _, err := p.Archive.Subscriber(ctx, s.Line)
		if err == nil && old.CustomerID != s.Customer {
			return Subscriber{}, ErrNotKept
		}
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
func (p *Plans) Fresh(ctx context.Context, s Subscription) (Subscriber, error) {
	if !p.Shares.Take(s.Line) {
		got, err := p.cached(ctx, s)
		return got, late(err)
	}
	done := p.fresh.DoChan(s.Line.Digits(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return p.question(ctx, p.Carrier, s.Line)
	})
	select {
	case <-ctx.Done():
		return Subscriber{}, late(ctx.Err())
	case result := <-done:
		if result.Err != nil {
			return Subscriber{}, late(result.Err)
		}
		said, _ := result.Val.(reply)
		got, err := p.accept(ctx, s, said)
		return got, p.dropMoved(ctx, s, err)
	}
}

// cached returns what the cache has, or else what KOS says now.
func (p *Plans) cached(ctx context.Context, s Subscription) (Subscriber, error) {
	return p.Cache.Subscriber(ctx, s, Source[Subscriber]{
		Ask:   func(ctx context.Context) (Subscriber, error) { return p.ask(ctx, p.Carrier, s) },
		Ahead: func(ctx context.Context) (Subscriber, error) { return p.ahead(ctx, s) },
	})
}

// Holds returns nil if KOS says now that the line is the subscription's, or what
// Fresh returns.
func (p *Plans) Holds(ctx context.Context, s Subscription) error {
	_, err := p.Fresh(ctx, s)
	return err
}

// ask asks KOS and keeps the answer, if it is about the subscription, for worse
// times.
func (p *Plans) ask(ctx context.Context, kos Carrier, s Subscription) (Subscriber, error) {
	said, err := p.question(ctx, kos, s.Line)
	if err != nil {
		return Subscriber{}, err
	}
	return p.accept(ctx, s, said)
}

// reply is what KOS says of a line, whoever its customer is.
type reply struct {
	said Subscriber
	// What the archive had of the line before KOS was asked.
	before Subscriber
	mark   Mark
	kept   error
}

func (p *Plans) question(ctx context.Context, kos Carrier, line msisdn.Number) (r reply, err error) {
	r.before, r.mark, r.kept = p.Archive.Subscriber(ctx, line)
	r.said, err = kos.Subscriber(ctx, line)
	return r, err
}

// accept returns a reply to the customer of a subscription, and keeps it if it is
// that customer's.
func (p *Plans) accept(ctx context.Context, s Subscription, r reply) (Subscriber, error) {
	if err := s.Check(r.said); err != nil {
		if errors.Is(err, ErrLineMoved) {
			p.moved(ctx, s, r.before)
		}
		return Subscriber{}, err
	}
	failed := r.kept
	if failed == nil || errors.Is(failed, ErrNotKept) {
		failed = p.Archive.KeepSubscriber(ctx, r.said, r.mark)
	}
	if failed != nil {
		p.Log.WarnContext(ctx, "line not archived", "error", failed)
	}
	r.said.Mark = r.mark
	return r.said, nil
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
func (p *Plans) Offers(ctx context.Context, s Subscription, current, operator string) (Catalogue, error) {
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
			holder, err = p.Subscriber(asking, s)
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
func (p *Plans) Inspect(ctx context.Context, s Subscription, current, target string) (Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	catalogue, err := p.Catalogue(ctx)
	if err != nil {
		return Inspection{}, err
	}
	subscriber, err := p.Fresh(ctx, s)
	if err != nil {
		return Inspection{}, err
	}
	return Inspect(subscriber, catalogue, current, target), nil
}

// Invalidate forgets a subscription whose plan KOS has changed, here and in what
// replicas share. It returns an error if that could not be told; it is then
// forgotten here only.
func (p *Plans) Invalidate(ctx context.Context, s Subscription) error {
	err := p.Cache.Invalidate(ctx, s)
	p.fresh.Forget(s.Line.Digits())
	return err
}

// Changed is Invalidate for every replica and the archive. It may be repeated,
// and should be after an error. The replicas are told also when what they share
// cannot be: then they cannot read the old plan from it either.
func (p *Plans) Changed(ctx context.Context, s Subscription) error {
	err := p.Invalidate(ctx, s)
	return errors.Join(err, p.Replicas.Tell(ctx, s.Line))
}

// Heard forgets a line here that another replica has invalidated.
func (p *Plans) Heard(line msisdn.Number) {
	p.Cache.Forget(line)
	p.fresh.Forget(line.Digits())
}

// Listening says whether this replica hears of what others invalidate.
func (p *Plans) Listening(told bool) { p.Cache.Listening(told) }
