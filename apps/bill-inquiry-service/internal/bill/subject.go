package bill

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Endpoint is an endpoint of KOS. Each has its own rate limit.
type Endpoint string

// The endpoints that inquiries need. Calls of BillInquiry are queued. ProductInquiry names
// the customer of a line whose bill KOS refuses.
const (
	BillInquiry    Endpoint = "bill-inquiry"
	ProductInquiry Endpoint = "product-inquiry"
)

// Burst returns the number of calls of an endpoint that the budget admits at once. It
// is small because the burst is taken from the steady rate: 1,000 inquiries that arrive
// together are served within 11 minutes only if nearly all of the rate limit is steady.
func Burst(perMinute int) int { return max(1, perMinute/32) }

// Subject is the subject of a queued call of KOS: the bill of a line and month.
type Subject struct {
	Line  msisdn.Number
	Month Month
}

// Subscription is a line of one customer. A recycled number is another subscription:
// nothing that is stored of one is shown for the other.
type Subscription struct {
	Customer string // the customer's id
	Line     msisdn.Number
}

// Subscription returns the customer and line of the bill.
func (b Bill) Subscription() Subscription { return Subscription{b.Customer.ID, b.Line} }

// openMonths returns the months whose bills may still change.
func openMonths(now time.Time) []Month {
	current := MonthOf(now)
	return []Month{current, current.minus(1)}
}
