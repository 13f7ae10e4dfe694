package product

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Carrier is KOS. Its methods return ErrUnknownLine as KOS decides, and errors
// that wrap ErrUnavailable when KOS did not answer.
type Carrier interface {
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, error)
	Catalogue(ctx context.Context) (Catalogue, error)
}

// Cache keeps what KOS said for a while. Callers that miss the same thing at
// the same time share one load, which goes on when they leave; they then get
// their context's error.
type Cache interface {
	Subscriber(ctx context.Context, line msisdn.Number, load func(context.Context) (Subscriber, error)) (Subscriber, error)
	Catalogue(ctx context.Context, load func(context.Context) (Catalogue, error)) (Catalogue, error)
	Forgetful
}

// Forgetful is what can be made to forget lines.
type Forgetful interface {
	// Invalidate forgets a line on this replica and in what replicas share: no
	// load that began before brings it back. Other replicas must be told to
	// Forget it afterwards.
	Invalidate(ctx context.Context, line msisdn.Number) error
	// Forget forgets a line on this replica.
	Forget(line msisdn.Number)
	// Listening says whether this replica is told what others invalidate. While
	// it is not, it must keep nothing to itself.
	Listening(told bool)
}

// Mark is the state of a line in an Archive. It changes when the line is
// forgotten.
type Mark int64

// Archive keeps the newest that KOS said, for when KOS is away.
type Archive interface {
	// Subscriber returns a line, if it is kept, and its mark in any case. The
	// error for one that is not is ErrNotKept.
	Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, Mark, error)
	// KeepSubscriber stores a line unless it was forgotten after mark was read.
	KeepSubscriber(ctx context.Context, s Subscriber, mark Mark) error
	// Catalogue returns the catalogue or ErrNotKept.
	Catalogue(ctx context.Context) (Catalogue, error)
	KeepCatalogue(ctx context.Context, c Catalogue) error
}

// Replicas are all processes of this service.
type Replicas interface {
	// Tell makes the archive forget a line and every replica hear of it.
	Tell(ctx context.Context, line msisdn.Number) error
}

// Plans answers where a line's plan and the catalogue come from: the cache,
// KOS; and, when KOS is away, whatever KOS said last.
type Plans struct {
	cache   Cache
	archive Archive
	carrier Carrier
	others  Replicas
	log     *slog.Logger
	fresh   singleflight.Group
}

// NewPlans returns the source of plans.
func NewPlans(cache Cache, archive Archive, carrier Carrier, others Replicas, log *slog.Logger) *Plans {
	return &Plans{cache: cache, archive: archive, carrier: carrier, others: others, log: log}
}

const (
	// patience is how long a customer waits for an answer. Product rule: 8 s; the
	// rest is for what is around it.
	patience = 7 * time.Second
	// loadTimeout bounds an answer of KOS that several wait for.
	loadTimeout = 15 * time.Second
)

// Subscriber returns who holds a line, with which plan. It returns
// ErrUnknownLine, or an error that wraps ErrUnavailable if KOS is away, or too
// slow, and never told this line.
func (p *Plans) Subscriber(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := p.cache.Subscriber(ctx, line, func(ctx context.Context) (Subscriber, error) {
		return p.ask(ctx, line)
	})
	if err = late(err); !errors.Is(err, ErrUnavailable) {
		return got, err
	}
	ctx, cancel = lastResort(ctx)
	defer cancel()
	old, _, missing := p.archive.Subscriber(ctx, line)
	if missing != nil {
		return Subscriber{}, err
	}
	old.Stale = true
	return old, nil
}

// Fresh is Subscriber without anything kept: what KOS says of the line now.
// Callers at the same time share one question.
func (p *Plans) Fresh(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	done := p.fresh.DoChan(line.Digits(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return p.ask(ctx, line)
	})
	select {
	case <-ctx.Done():
		return Subscriber{}, late(ctx.Err())
	case result := <-done:
		got, _ := result.Val.(Subscriber)
		return got, late(result.Err)
	}
}

// ask asks KOS and keeps the answer for worse times.
func (p *Plans) ask(ctx context.Context, line msisdn.Number) (Subscriber, error) {
	_, mark, kept := p.archive.Subscriber(ctx, line)
	got, err := p.carrier.Subscriber(ctx, line)
	if err != nil {
		return Subscriber{}, err
	}
	if kept == nil || errors.Is(kept, ErrNotKept) {
		kept = p.archive.KeepSubscriber(ctx, got, mark)
	}
	if kept != nil {
		p.log.WarnContext(ctx, "line not archived", "error", kept)
	}
	return got, nil
}

// Catalogue returns all plans. It returns an error that wraps ErrUnavailable if
// KOS is away, or too slow, and never told them.
func (p *Plans) Catalogue(ctx context.Context) (Catalogue, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := p.cache.Catalogue(ctx, func(ctx context.Context) (Catalogue, error) {
		fresh, err := p.carrier.Catalogue(ctx)
		if err != nil {
			return Catalogue{}, err
		}
		if err := p.archive.KeepCatalogue(ctx, fresh); err != nil {
			p.log.WarnContext(ctx, "catalogue not archived", "error", err)
		}
		return fresh, nil
	})
	if err = late(err); !errors.Is(err, ErrUnavailable) {
		return got, err
	}
	ctx, cancel = lastResort(ctx)
	defer cancel()
	old, missing := p.archive.Catalogue(ctx)
	if missing != nil {
		return Catalogue{}, err
	}
	old.Stale = true
	return old, nil
}

// Offers returns the plans that a customer may take: those of operator without
// the one called current. What is empty of the two is that of the plan named,
// or else of the line's own. It returns ErrUnknownProduct, or what Catalogue and
// Subscriber return.
func (p *Plans) Offers(ctx context.Context, line msisdn.Number, current, operator string) (Catalogue, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	catalogue, err := p.Catalogue(ctx)
	if err != nil {
		return Catalogue{}, err
	}
	own, known := catalogue.Find(current)
	switch {
	case current == "":
		subscriber, err := p.Subscriber(ctx, line)
		if err != nil {
			return Catalogue{}, err
		}
		own = subscriber.Product
	case !known:
		return Catalogue{}, ErrUnknownProduct
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

// late makes a failure to reach KOS of an answer that took too long.
func late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnavailable) {
		return errTooSlow.WithCause(errors.Join(ErrUnavailable, err))
	}
	return err
}

// archiveWait bounds the search for an older answer: its caller has waited for
// KOS already.
const archiveWait = 300 * time.Millisecond

func lastResort(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), archiveWait)
}

// Invalidate forgets a line whose plan KOS has changed, here and in what
// replicas share. It returns an error if that could not be told; the line is
// then forgotten here only.
func (p *Plans) Invalidate(ctx context.Context, line msisdn.Number) error {
	err := p.cache.Invalidate(ctx, line)
	p.fresh.Forget(line.Digits())
	return err
}

// Changed is Invalidate for every replica and the archive. It may be repeated,
// and should be after an error. The replicas are told also when what they share
// cannot be: then they cannot read the old plan from it either.
func (p *Plans) Changed(ctx context.Context, line msisdn.Number) error {
	err := p.Invalidate(ctx, line)
	return errors.Join(err, p.others.Tell(ctx, line))
}

// Heard forgets a line here that another replica has invalidated.
func (p *Plans) Heard(line msisdn.Number) {
	p.cache.Forget(line)
	p.fresh.Forget(line.Digits())
}

// Listening says whether this replica hears of what others invalidate.
func (p *Plans) Listening(told bool) { p.cache.Listening(told) }
