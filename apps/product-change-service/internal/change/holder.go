package change

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// recentlyAccepted is the age up to which the check of the line's customer at acceptance
// still counts.
const recentlyAccepted = 3 * time.Second

// checkHolder returns nil if the customer who ordered the change still holds the line, or
// the error of Lines.CheckHolder. The order itself does not name the customer: if KOS
// gives the line to another one after this check, the order applies to that customer.
func (p *Processor) checkHolder(ctx context.Context, c Change) error {
	if p.now().Sub(c.RequestedAt) <= recentlyAccepted {
		return nil
	}
	checking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := p.lines.CheckHolder(checking, c.Subscription())
	if errors.Is(err, product.ErrUnknownLine) {
		return nil // KOS refuses the order
	}
	return err
}

// lineMoved returns the outcome of a change whose line was given to another customer.
func lineMoved(at time.Time) Outcome {
	return Outcome{
		Status: Failed, At: at,
		ResultCode: product.ErrLineMoved.Code, ResultMessage: product.ErrLineMoved.Message,
	}
}
