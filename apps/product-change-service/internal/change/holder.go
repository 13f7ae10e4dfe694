package change

import (
	"context"
	"errors"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// justAccepted is how long after its acceptance, for which KOS was asked, a
// change is still taken to be one of the line's customer.
const justAccepted = 3 * time.Second

// holds returns nil if the line is still the customer's who asked for the
// change, or what Lines.Holds returns. An order does not tell KOS the customer:
// what KOS decides on after it was asked here, it decides on for whoever the line
// is given to in between.
func (p *Processor) holds(ctx context.Context, place Place) error {
	if p.now().Sub(place.RequestedAt) <= justAccepted {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := p.lines.Holds(asking, place.Subscription())
	if errors.Is(err, product.ErrUnknownLine) {
		return nil // KOS refuses the order
	}
	return err
}

// movedAway is how a change ends whose line was given to another customer.
func movedAway(at time.Time) Outcome {
	return Outcome{
		Status: Failed, At: at,
		ResultCode: product.ErrLineMoved.Code, ResultMessage: product.ErrLineMoved.Message,
	}
}

// unknownHolder puts a change back because KOS does not say whose the line is.
// Others stay behind it: they would meet the same.
func (p *Processor) unknownHolder(ctx context.Context, place Place, cause error) (time.Duration, error) {
	p.meter.Attempted(StepUnknown)
	p.log.WarnContext(ctx, "holder of line not known", "request_id", place.RequestID, "error", cause)
	return p.rest(ctx, place, Rest{Reason: KOSUnavailable, Unanswered: place.Unanswered}, p.pace.Retry)
}
