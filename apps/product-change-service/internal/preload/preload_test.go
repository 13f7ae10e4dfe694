package preload_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/preload"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// queue takes one prefetch a minute.
type queue struct {
	taken []product.Subscription
	free  time.Time
	err   error
}

func (q *queue) Enqueue(_ context.Context, s product.Subscription, reason string) error {
	if q.err != nil || reason != product.ReasonPreload {
		return q.err
	}
	if time.Now().Before(q.free) {
		return readthrough.ErrFull
	}
	q.taken, q.free = append(q.taken, s), time.Now().Add(time.Minute)
	return nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	one, two := product.Subscription{Customer: "CUST001", Line: "01012345678"}, product.Subscription{Customer: "CUST002", Line: "01087654321"}
	for name, c := range map[string]struct {
		in    string
		queue queue
		taken []product.Subscription
		rows  int
		fault string
	}{
		"waits while the queue is full": {in: "CUST001,010-1234-5678\nCUST002,01087654321\n", taken: []product.Subscription{one, two}, rows: 2},
		"nothing":                       {},
		"invalid line":                  {in: "CUST001,01012345678\nCUST002,02-123-4567\n", taken: []product.Subscription{one}, rows: 1, fault: "row 2: invalid line number"},
		"invalid customer":              {in: "고객,01012345678\n", fault: "row 1: invalid customer id"},
		"another number of columns":     {in: "CUST001\n", fault: "row 1: not a customer and a line"},
		"fault of the queue":            {in: "CUST001,01012345678\n", queue: queue{err: broken}, fault: "row 1: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rows, err := preload.Run(t.Context(), strings.NewReader(c.in), &c.queue)
				if diff := cmp.Diff(c.taken, c.queue.taken); diff != "" || rows != c.rows {
					t.Errorf("%d rows (-want +got):\n%s", rows, diff)
				}
				if text := errorText(err); text != c.fault {
					t.Errorf("got %q, want %q", text, c.fault)
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		full := queue{free: time.Now().Add(time.Hour)}
		if _, err := preload.Run(ctx, strings.NewReader("CUST001,01012345678"), &full); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
