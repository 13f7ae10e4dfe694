package change

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// recentlyAccepted is how long after its acceptance, for which KOS was asked, a change
// is taken to be one of the line's customer.
const recentlyAccepted = 3 * time.Second

// checkHolder returns nil if the line is still held by the customer who asked for the
// change, or what Lines.Holds returns. An order does not name the customer to KOS:
// should the line be given to another one after this check, the order is carried out
// for that customer.
func (p *Processor) checkHolder(ctx context.Context, c Change) error {
	if p.now().Sub(c.RequestedAt) <= recentlyAccepted {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := p.lines.Holds(asking, c.Subscription())
	if errors.Is(err, product.ErrUnknownLine) {
		return nil // KOS refuses the order
	}
	return err
}

// lineMoved is how a change ends whose line was given to another customer.
func lineMoved(at time.Time) Outcome {
	return Outcome{
		Status: Failed, At: at,
		ResultCode: product.ErrLineMoved.Code, ResultMessage: product.ErrLineMoved.Message,
	}
}
