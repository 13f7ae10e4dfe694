package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Menu is what an asker may ask for.
type Menu struct {
	Line    msisdn.Number
	Months  []Month // newest first
	Current Month
	// Stale says that KOS could not tell when the contract began: it is what KOS
	// said last, at AsOf, or not known.
	Stale bool
	AsOf  time.Time
}

// Menu returns what may be asked for the asker's first line. While KOS cannot
// tell when the contract began, the months are all of the window. It returns
// ErrNotYourLine for an asker without a line, and ErrLineMoved.
func (i *Inquiries) Menu(ctx context.Context, asker Asker) (Menu, error) {
	if len(asker.Lines) == 0 {
		return Menu{}, ErrNotYourLine
	}
	line, now := asker.Lines[0], i.now()
	// Without an answer the customer, and so the contract's month, is empty.
	customer, stale, err := i.customer(ctx, Subscription{asker.CustomerID, line})
	if err != nil {
		return Menu{}, fmt.Errorf("menu: %w", err)
	}
	return Menu{
		Line: line, Months: i.window.Available(now, customer.ContractMonth()), Current: MonthOf(now),
		Stale: stale, AsOf: customer.AsOf,
	}, nil
}

// customer returns the customer of a subscription. If KOS does not name the customer
// within softTimeout, it is as KOS named it last, or empty, and stale. It returns
// ErrLineMoved.
func (i *Inquiries) customer(ctx context.Context, s Subscription) (holder Customer, stale bool, err error) {
	soft, cancel := context.WithTimeout(ctx, softTimeout)
	defer cancel()
	holder, err = i.reader.Customer(ctx, s)
	if errors.Is(err, ErrNotKnown) {
		i.fetch(ctx, soft, Fetch{Subject: Subject{Line: s.Line}, Customers: []string{s.Customer}, RequestID: i.newID()})
		holder, err = i.reader.Customer(ctx, s)
	}
	switch {
	case errors.Is(err, ErrLineMoved):
		return Customer{}, false, err
	case err == nil, isAnswer(err):
		return holder, false, nil //nolint:nilerr // a line without a customer has all months
	}
	holder, err = i.reader.LastCustomer(ctx, s)
	if err != nil {
		return Customer{}, true, nil //nolint:nilerr // the menu has all months then
	}
	return holder, true, nil
}
