package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Menu is the list of months that a customer may inquire about.
type Menu struct {
	Line    msisdn.Number
	Months  []Month // newest first
	Current Month
	// Stale is true if KOS did not answer in time. The start of the contract is then
	// that of the archived bill of AsOf, or not known.
	Stale bool
	AsOf  time.Time
}

// Menu returns the months of the caller's first line. If the start of the contract is
// not known, it returns all months of the window. It returns ErrLineNotAllowed if the
// caller has no line, and ErrLineMoved.
func (i *Inquiries) Menu(ctx context.Context, caller Caller) (Menu, error) {
	if len(caller.Lines) == 0 {
		return Menu{}, ErrLineNotAllowed
	}
	line, now := caller.Lines[0], i.now()
	// If the customer is not known, it is empty, and so is the contract's month.
	customer, stale, err := i.customer(ctx, Subscription{caller.CustomerID, line})
	if err != nil {
		return Menu{}, fmt.Errorf("menu: %w", err)
	}
	return Menu{
		Line: line, Months: i.window.Available(now, customer.ContractMonth()), Current: MonthOf(now),
		Stale: stale, AsOf: customer.AsOf,
	}, nil
}

// customer returns the customer of a subscription. If KOS does not answer within the soft
// timeout, it returns the customer of the newest archived bill, or an empty one, as stale.
// It returns ErrLineMoved.
func (i *Inquiries) customer(ctx context.Context, s Subscription) (holder Customer, stale bool, err error) {
	soft, cancel := context.WithTimeout(ctx, readthrough.SoftTimeout)
	defer cancel()
	found, err := i.customers.Get(ctx, s, time.Time{})
	if errors.Is(err, readthrough.ErrMiss) {
		found, err = i.customers.Fetch(soft, s, false)
	}
	switch {
	case errors.Is(err, ErrLineMoved):
		return Customer{}, false, err
	case isRefusal(err):
		return Customer{}, false, nil // a line without a customer has all months
	case err != nil:
		return Customer{}, true, nil // the menu then has all months
	}
	return found.Value, found.Stale, nil
}
