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
	return shared.Handle(a.Consumer, events.ProductChanged, func(ctx context.Context, changed events.Changed) error {
		line, err := msisdn.Parse(changed.LineNumber)
		if err != nil {
			return fmt.Errorf("%w: no line", shared.ErrPoison)
		}
		return a.Plans.Changed(ctx, product.Subscription{Customer: changed.CustomerID, Line: line})
	})
}

// userLoggedInType is the type and topic of an event of auth-service.
const userLoggedInType = "user.logged-in.v1"

// userLoggedInData is the part of the event that the service reads.
type userLoggedInData struct {
	CustomerID string   `json:"customerId"` // "" from older releases
	Lines      []string `json:"lines"`
}

func (a *API) userLoggedIn() http.Handler {
	return shared.Handle(a.Consumer, userLoggedInType, func(ctx context.Context, data userLoggedInData) error {
		lines := make([]msisdn.Number, len(data.Lines))
		for i, text := range data.Lines {
			line, err := msisdn.Parse(text)
			if err != nil {
				return fmt.Errorf("%w: no line", shared.ErrPoison)
			}
			lines[i] = line
		}
		if a.Logins == nil || data.CustomerID == "" {
			return nil
		}
		return a.Logins.LoggedIn(ctx, data.CustomerID, lines)
	})
}
