package bill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// menuPatience bounds the wait for the contract's start: a menu with all
// months is better than none.
const menuPatience = time.Second

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
	ctx, cancel := context.WithTimeout(ctx, menuPatience)
	defer cancel()
	line, now := asker.Lines[0], i.now()
	// Without an answer the customer, and so the contract's month, is empty.
	customer, stale, err := i.bills.Customer(ctx, i.newID(), Subscription{asker.CustomerID, line})
	if errors.Is(err, ErrLineMoved) {
		return Menu{}, fmt.Errorf("menu: %w", err)
	}
	return Menu{
		Line: line, Months: i.window.Available(now, customer.ContractMonth()), Current: MonthOf(now),
		Stale: stale, AsOf: customer.AsOf,
	}, nil
}
