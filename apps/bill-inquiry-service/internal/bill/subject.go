package bill

import (
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Endpoint is one of KOS's. Each has a limit and a queue of its own.
type Endpoint string

// The endpoints that inquiries need.
const (
	BillInquiry    Endpoint = "bill-inquiry"
	ProductInquiry Endpoint = "product-inquiry"
)

// Burst returns how many of a minute's calls of an endpoint may be made at once. It is
// small because the burst is taken from the steady rate: a thousand customers who come
// together are served in 11 minutes only if nearly all of KOS's limit flows steadily.
func Burst(perMinute int) int { return max(1, perMinute/32) }

// Subject is what KOS is asked about: a line's bill of a month or, without a month,
// the customer of the line.
type Subject struct {
	Line  msisdn.Number
	Month Month
}

// Endpoint returns the one that answers.
func (s Subject) Endpoint() Endpoint {
	if s.Month == TheCustomer {
		return ProductInquiry
	}
	return BillInquiry
}

// TheCustomer stands for the customer of a line where months of bills are named.
const TheCustomer Month = ""

// Subscription is a phone line as one customer holds it. A number that the
// carrier gives to another customer is another subscription from then on:
// nothing that is kept of one is shown of the other.
type Subscription struct {
	Customer string // the customer's id
	Line     msisdn.Number
}

// Subscription returns whose bill of which line b is.
func (b Bill) Subscription() Subscription { return Subscription{b.Customer.ID, b.Line} }

// open returns the months of which the bill may still change, and TheCustomer.
func open(now time.Time) []Month {
	current := MonthOf(now)
	return []Month{TheCustomer, current, current.minus(1)}
}
