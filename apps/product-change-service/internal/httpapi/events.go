package httpapi

import (
	"context"
	"fmt"
	"net/http"

	shared "github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// productChanged handles this service's own event of a new plan. It reaches replicas that
// the process which completed the change could not.
func (a *API) productChanged() http.Handler {
	return shared.Handle(a.consumer, events.ProductChanged, func(ctx context.Context, changed events.Changed) error {
		line, err := msisdn.Parse(changed.LineNumber)
		if err != nil {
			return fmt.Errorf("%w: no line", shared.ErrPoison)
		}
		return a.plans.Changed(ctx, product.Subscription{Customer: changed.CustomerID, Line: line})
	})
}
