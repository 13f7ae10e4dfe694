package product

import (
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Subscription is a phone line as held by one customer. When KOS gives the number to
// another customer, that is another subscription: copies of one are never shown for the
// other.
type Subscription struct {
	Customer string // customer id
	Line     msisdn.Number
}

// Check returns nil if found is held by the subscription's customer, ErrLineMoved if
// another customer holds it, and an error that wraps ErrUnavailable if KOS names none.
func (s Subscription) Check(found Subscriber) error {
	switch found.CustomerID {
	case "":
		return errNoHolder
	case s.Customer:
		return nil
	}
	return ErrLineMoved
}
