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
	// that of the older bill of AsOf, or not known.
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
	found, err := i.currentBill(ctx, Subscription{caller.CustomerID, line})
	if err != nil {
		return Menu{}, fmt.Errorf("menu: %w", err)
	}
	return Menu{
		Line: line, Months: i.window.Available(now, found.Customer.ContractMonth()), Current: MonthOf(now),
		Stale: found.Stale, AsOf: found.AsOf,
	}, nil
}

// currentBill returns the bill of this month, which has the start of the contract and which
// clients read next. A bill that KOS refuses has nothing but the customer. If KOS does not
// answer within the soft timeout, currentBill returns the newest older bill, or an empty
// one, as stale. It returns ErrLineMoved.
func (i *Inquiries) currentBill(ctx context.Context, s Subscription) (Bill, error) {
	soft, cancel := context.WithTimeout(ctx, readthrough.SoftTimeout)
	defer cancel()
	q := Query{s, MonthOf(i.now())}
	got, err := shown(i.bills.Get(ctx, q, time.Time{}))
	if errors.Is(err, readthrough.ErrMiss) {
		got, err = shown(i.bills.Fetch(soft, q, false))
	}
	switch {
	case errors.Is(err, ErrLineMoved):
		return Bill{}, err
	case err == nil, isRefusal(err):
		return got, nil
	}
	older, err := shown(i.bills.Find(ctx, Query{s, q.Month.minus(1)}, time.Time{}))
	if err != nil {
		older = Bill{}
	}
	older.Stale = true
	return older, nil
}
