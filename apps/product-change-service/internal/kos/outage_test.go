package kos_test

import (
	"context"
	"errors"
	"testing"
	"time"

	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// counting is a budget that counts admissions.
type counting struct {
	budget
	taken int
}

func (b *counting) Await(context.Context, time.Duration) (time.Duration, error) {
	b.taken++
	return 0, nil
}

// While a breaker is open, reads fail at once and take no calls from the budget. After the
// pause one read calls again. Other endpoints and orders are not affected.
func TestAnOpenBreakerSpendsNoBudget(t *testing.T) {
	t.Parallel()
	now := noon
	client, lines, plans := &client{err: invoke(sidecar.BreakerOpen)}, &counting{}, &counting{}
	c := kos.New(caller(client, &exchanges{}), kos.Budgets{Inquiry: lines, Products: plans, Status: lines, Change: lines},
		func() time.Time { return now }, func() string { return "new-id" })
	ask := func(want error, taken int) {
		t.Helper()
		_, err := c.Subscriber(t.Context(), line)
		if shown := problem.From(err); !errors.Is(err, want) || want != nil && (shown.Code != "KOS_UNAVAILABLE" || shown.RetryAfter == 0) {
			t.Errorf("got %v", err)
		}
		if lines.taken != taken {
			t.Errorf("%d calls taken, want %d", lines.taken, taken)
		}
	}
	ask(product.ErrUnavailable, 1)
	ask(product.ErrUnavailable, 1)
	if _, err := c.Within(kos.Budgets{Inquiry: lines}).Subscriber(t.Context(), line); !errors.Is(err, product.ErrUnavailable) || lines.taken != 1 {
		t.Errorf("in the background: %v, %d taken", err, lines.taken)
	}
	client.err, client.answer = nil, said("0000", plansData)
	if _, err := c.Catalogue(t.Context()); err != nil || plans.taken != 1 {
		t.Errorf("another endpoint: %v, %d taken", err, plans.taken)
	}
	client.answer = said("0000", lineData)
	now = now.Add(3 * time.Second)
	ask(nil, 2)
	client.err = kosclient.ErrUnavailable // KOS was called: the fault may concern this call only
	ask(product.ErrUnavailable, 3)
	ask(product.ErrUnavailable, 4)
}
