package product_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// prefetches records what is enqueued, and fails with err.
type prefetches struct {
	lines []msisdn.Number
	err   error
}

func (p *prefetches) Prefetch(_ context.Context, s product.Subscription, _ string) (bool, error) {
	if p.err != nil {
		return false, p.err
	}
	p.lines = append(p.lines, s.Line)
	return len(p.lines) == 1, nil // all others are queued already
}

// outcomes records the outcomes of prefetches.
type outcomes []string

func (o *outcomes) Prefetched(reason, outcome string) { *o = append(*o, reason+" "+outcome) }

func TestLoginPrefetchesWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	known := holder(premium)
	for name, c := range map[string]struct {
		customer string
		age      time.Duration // of the archived answer
		queue    prefetches
		lines    int
		want     outcomes
		err      error
	}{
		"known":                    {known.CustomerID, time.Hour, prefetches{}, 1, outcomes{"login known"}, nil},
		"too old":                  {known.CustomerID, 5 * time.Hour, prefetches{}, 1, outcomes{"login enqueued"}, nil},
		"of a former customer":     {"CUST900", time.Hour, prefetches{}, 1, outcomes{"login enqueued"}, nil},
		"at most five lines":       {"CUST900", time.Hour, prefetches{}, 9, outcomes{"login enqueued", "login waiting", "login waiting", "login waiting", "login waiting"}, nil},
		"a full queue is no error": {"CUST900", time.Hour, prefetches{err: readthrough.ErrFull}, 1, outcomes{"login full"}, nil},
		"a fault is":               {"CUST900", time.Hour, prefetches{err: broken}, 1, outcomes{"login failed"}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archived, got := known, outcomes{}
			archived.AsOf = time.Now().Add(-c.age)
			prefetcher := product.NewPrefetcher(&archive{holder: &archived}, &c.queue, &got, time.Now)
			lines := make([]msisdn.Number, c.lines)
			for i := range lines {
				lines[i] = line
			}
			if err := prefetcher.LoggedIn(t.Context(), c.customer, lines); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
