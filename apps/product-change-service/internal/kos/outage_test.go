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

// While a breaker is open, admissions fail at once and take no calls from the budget. After
// the pause one call is admitted again.
func TestAnOpenBreakerSpendsNoBudget(t *testing.T) {
	t.Parallel()
	now := noon
	client, lines := &client{err: invoke(sidecar.BreakerOpen)}, &counting{}
	c := kos.New(caller(client, &exchanges{}), kos.Budgets{Inquiry: lines, Products: lines, Status: lines, Change: lines},
		func() time.Time { return now })
	ask := func(want error, taken int) {
		t.Helper()
		err := c.Admit(t.Context())
		if err == nil {
			_, err = c.Subscriber(t.Context(), "new-id", line)
		}
		if shown := problem.From(err); !errors.Is(err, want) || want != nil && (shown.Code != "KOS_UNAVAILABLE" || shown.RetryAfter == 0) {
			t.Errorf("got %v", err)
		}
		if lines.taken != taken {
			t.Errorf("%d calls taken, want %d", lines.taken, taken)
		}
	}
	ask(product.ErrNotCalled, 1)
	ask(product.ErrUnavailable, 1)
	client.err, client.answer = nil, said("0000", lineData)
	now = now.Add(3 * time.Second)
	ask(nil, 2)
	client.err = kosclient.ErrUnavailable // KOS was called: the fault may concern this call only
	ask(product.ErrUnavailable, 3)
	ask(product.ErrUnavailable, 4)
}
