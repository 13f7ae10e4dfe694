package change_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// TestHolderIsCheckedBeforeAnOrder makes an attempt for a change whose line may have moved.
func TestHolderIsCheckedBeforeAnOrder(t *testing.T) {
	t.Parallel()
	asked := func(ago time.Duration) change.Attempt {
		return change.Attempt{RequestID: id, InDoubt: true, LastAt: noon.Add(-ago)}
	}
	tests := map[string]struct {
		waited   time.Duration
		holder   error // result of the check
		attempt  change.Attempt
		statuses []answer

		want []string // calls of KOS
		step change.Step
		code string
	}{
		"just accepted":               {time.Second, product.ErrLineMoved, first, nil, []string{"order"}, change.StepFinished, change.OK},
		"still the customer's":        {time.Minute, nil, first, nil, []string{"order"}, change.StepFinished, change.OK},
		"another customer's":          {time.Minute, product.ErrLineMoved, first, nil, nil, change.StepFinished, "LINE_MOVED"},
		"unknown line":                {time.Minute, product.ErrUnknownLine, first, nil, []string{"order"}, change.StepFinished, change.OK},
		"not known":                   {time.Minute, product.ErrUnavailable, first, nil, nil, change.StepPostponed, ""},
		"carried out before it moved": {time.Minute, product.ErrLineMoved, asked(time.Minute), []answer{done}, []string{"status"}, change.StepFinished, change.OK},
		"may still be carried out":    {time.Minute, product.ErrLineMoved, asked(time.Minute), []answer{notFound, notFound}, []string{"status", "status"}, change.StepPostponed, ""},
		"will not be carried out":     {time.Hour, product.ErrLineMoved, asked(10 * time.Minute), []answer{notFound, notFound}, []string{"status", "status"}, change.StepFinished, "LINE_MOVED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.change().RequestedAt = noon.Add(-test.waited)
			w.caches.holderErr = test.holder
			w.carrier.orders, w.carrier.statuses = []answer{done}, test.statuses
			got := w.Process(t.Context(), test.attempt)
			if diff := cmp.Diff(test.want, w.carrier.asked); diff != "" {
				t.Errorf("calls of KOS: %s", diff)
			}
			if got.Step != test.step || got.Outcome.ResultCode != test.code {
				t.Errorf("got %+v", got)
			}
		})
	}
}
