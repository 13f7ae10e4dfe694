package product

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Fetcher calls KOS for queued fetches and stores the answers.
type Fetcher struct {
	reader  *Reader
	cache   Cache
	archive Archive
	carrier Carrier
	// replicas invalidate a line that KOS has given to another customer.
	replicas Replicas
	log      *slog.Logger
}

// FetcherParams are the dependencies of a Fetcher.
type FetcherParams struct {
	Reader   *Reader
	Cache    Cache
	Archive  Archive
	Carrier  Carrier
	Replicas Replicas
	Log      *slog.Logger
}

// NewFetcher returns a fetcher.
func NewFetcher(p FetcherParams) *Fetcher {
	return &Fetcher{reader: p.Reader, cache: p.Cache, archive: p.Archive, carrier: p.Carrier, replicas: p.Replicas, log: p.Log}
}

// Fetch is a queued call of KOS for a line.
type Fetch struct {
	Line msisdn.Number
	// Customers are the ids of the customers for whom the answer is stored. KOS decides
	// which of them has the line.
	Customers  []string
	RequestID  string // sent to KOS
	Background bool   // no client waits for it
}

// Subscriber calls KOS once for a line and stores the answer for each customer of the
// fetch. The call must have been admitted. It returns nil if KOS has answered, be it by a
// refusal, and else the error of the call.
func (f *Fetcher) Subscriber(ctx context.Context, q Fetch) error {
	if f.answered(ctx, q) {
		return nil
	}
	mark := f.reader.Subscribers.Mark()
	call := sync.OnceValue(func() lineAnswer { return f.call(ctx, q.RequestID, q.Line) })
	for _, customer := range q.Customers {
		a := f.refresh(ctx, Subscription{customer, q.Line}, q.Background, call)
		if a.Err == nil || !q.Background {
			f.reader.Subscribers.NoteAnswer(Subscription{customer, q.Line}, mark, a)
		}
	}
	if err := call().err; !isRefusal(err) {
		return err
	}
	return nil
}

// answered reports whether KOS has given all customers of an interactive fetch an answer
// that is still fresh.
func (f *Fetcher) answered(ctx context.Context, q Fetch) bool {
	if q.Background {
		return false
	}
	for _, customer := range q.Customers {
		if _, found := f.reader.Subscribers.Recent(ctx, Subscription{customer, q.Line}); !found {
			return false
		}
	}
	return len(q.Customers) > 0
}

// refresh replaces the cached copy of a subscription with the answer that call returns, and
// returns it as the answer for its customer.
func (f *Fetcher) refresh(ctx context.Context, s Subscription, background bool, call func() lineAnswer) readthrough.Answer[Subscriber] {
	got, err := f.cache.RefreshSubscriber(ctx, s, func(ctx context.Context) (Subscriber, error) {
		got, err := f.keep(ctx, s, call())
		if background && isRefusal(err) {
			err = fmt.Errorf("%w: %w", ErrUncacheable, err)
		}
		return got, err
	})
	if errors.Is(err, ErrLineMoved) && errors.Is(err, ErrUncacheable) { // the refusal has not replaced the cached copy
		f.invalidate(ctx, s)
	}
	return readthrough.Answer[Subscriber]{Value: got, Err: err}
}

// lineAnswer is KOS's answer for a line, whichever customer has it.
type lineAnswer struct {
	subscriber Subscriber
	err        error
	// The copy that the archive had before KOS was called.
	archived   Subscriber
	version    Version
	archiveErr error
}

// call calls KOS for a line.
func (f *Fetcher) call(ctx context.Context, requestID string, line msisdn.Number) (a lineAnswer) {
	a.archived, a.version, a.archiveErr = f.archive.Subscriber(ctx, line)
	a.subscriber, a.err = f.carrier.Subscriber(ctx, requestID, line)
	return a
}

// keep returns the subscriber of an answer and archives it, if it is the subscription's.
// Otherwise it returns the error of the call or of Subscription.Check.
func (f *Fetcher) keep(ctx context.Context, s Subscription, a lineAnswer) (Subscriber, error) {
	if a.err != nil {
		return Subscriber{}, a.err
	}
	if err := s.Check(a.subscriber); err != nil {
		if errors.Is(err, ErrLineMoved) {
			f.invalidateArchive(ctx, s, a.archived)
		}
		return Subscriber{}, err
	}
	failed := a.archiveErr
	if failed == nil || errors.Is(failed, ErrNotArchived) {
		failed = f.archive.KeepSubscriber(ctx, a.subscriber, a.version)
	}
	if failed != nil {
		f.log.WarnContext(ctx, "line not archived", "error", failed)
	}
	a.subscriber.Version = a.version
	return a.subscriber, nil
}

// invalidateArchive invalidates the archived copy of a subscription that has ended. If the
// copy is the new customer's, it stays.
func (f *Fetcher) invalidateArchive(ctx context.Context, s Subscription, archived Subscriber) {
	if archived.CustomerID != s.Customer {
		return
	}
	if err := f.replicas.Invalidate(ctx, s.Line); err != nil {
		f.log.WarnContext(ctx, "archived copy of a moved line not invalidated", "error", err)
	}
}

// invalidate invalidates the cached copies of a subscription that has ended.
func (f *Fetcher) invalidate(ctx context.Context, s Subscription) {
	if err := f.cache.Invalidate(ctx, s); err != nil {
		f.log.WarnContext(ctx, "cached copy of a moved line not invalidated", "error", err)
	}
}

// Catalogue calls KOS for the catalogue and stores the answer. The call must have been
// admitted. It returns the error of the call.
func (f *Fetcher) Catalogue(ctx context.Context, requestID string, background bool) error {
	if _, found := f.reader.Catalogues.Recent(ctx, TheCatalogue{}); found && !background {
		return nil
	}
	mark := f.reader.Catalogues.Mark()
	got, err := f.cache.RefreshCatalogue(ctx, func(ctx context.Context) (Catalogue, error) {
		got, err := f.carrier.Catalogue(ctx, requestID)
		if err != nil {
			return got, err
		}
		if err := f.archive.KeepCatalogue(ctx, got); err != nil {
			f.log.WarnContext(ctx, "catalogue not archived", "error", err)
		}
		return got, nil
	})
	f.reader.Catalogues.NoteAnswer(TheCatalogue{}, mark, readthrough.Answer[Catalogue]{Value: got, Err: err})
	return err
}
