package bill_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// stranger is the new customer of the line.
var stranger = bill.Customer{ID: "CUST900", Name: "나새로", ContractSince: "2026-11-20"}

// give moves the line to the stranger at KOS.
func (b *bench) give() {
	b.carrier.mu.Lock()
	defer b.carrier.mu.Unlock()
	b.carrier.bill.Customer, b.carrier.customer = stranger, stranger
}

func TestMovedLineIsRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	tests := map[string]error{ // KOS's answer to the bill inquiry
		"the new customer's bill": nil,
		"no bill":                 bill.ErrNoBill,
		"suspended":               bill.ErrSuspended,
	}
	for name, refusal := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				t := b.t
				b.give()
				b.carrier.billErr = refusal
				if _, err := b.inquire("2026-11"); !errors.Is(err, bill.ErrLineMoved) {
					t.Fatalf("got %v", err)
				}
				if len(b.archive.archived) != 0 || !slices.Equal(b.archive.moved, []bill.Subscription{{Customer: holder.ID, Line: line}}) {
					t.Errorf("archived %+v, noted %+v", b.archive.archived, b.archive.moved)
				}
				last := b.history.records[len(b.history.records)-1]
				if last.ResultCode != "LINE_MOVED" || strings.Contains(last.Summary, "원") {
					t.Errorf("on record: %+v", b.history.records)
				}
				if _, err := b.use.Menu(t.Context(), caller); !errors.Is(err, bill.ErrLineMoved) {
					t.Errorf("menu: %v", err)
				}
			})
		})
	}
}

func TestRefusalsAreShownToTheLinesCustomerOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		customer    bill.Customer
		bill, other error // of bill inquiry and product inquiry
		want        error
	}{
		"its customer":           {holder, bill.ErrNoBill, nil, bill.ErrNoBill},
		"suspended":              {holder, bill.ErrSuspended, nil, bill.ErrSuspended},
		"unknown line":           {bill.Customer{}, bill.ErrNoBill, bill.ErrUnknownLine, bill.ErrUnknownLine},
		"no customer named":      {bill.Customer{}, bill.ErrNoBill, nil, bill.ErrUnavailable},
		"customer not available": {bill.Customer{}, bill.ErrSuspended, bill.ErrSuspended, bill.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				b.carrier.customer, b.carrier.billErr, b.carrier.customerErr = tc.customer, tc.bill, tc.other
				if _, err := b.inquire(""); !errors.Is(err, tc.want) {
					b.t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		})
	}
	onClock(t, plenty, func(b *bench) {
		b.carrier.bill.Customer = bill.Customer{}
		if _, err := b.inquire(""); !errors.Is(err, bill.ErrUnavailable) || len(b.archive.archived) > 0 {
			b.t.Errorf("a bill without a customer: %v", err)
		}
	})
	onClock(t, plenty, func(b *bench) {
		b.carrier.billErr = bill.ErrNoBill
		b.closed.Store(true)
		if _, err := b.inquire(""); !errors.Is(err, bill.ErrUnavailable) {
			b.t.Errorf("while the customer cannot be fetched: %v", err)
		}
	})
}

func TestTheFormerCustomerKeepsTheFinalBills(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		old := current
		old.AsOf = noon.Add(-time.Hour)
		b.store(old, past)
		b.give()
		inquire := func(of bill.Caller, month bill.Month) error {
			_, err := b.use.Inquire(t.Context(), of, bill.Subject{Line: line, Month: month}, false)
			return err
		}
		if err := inquire(caller, "2026-11"); !errors.Is(err, bill.ErrLineMoved) {
			t.Errorf("this month: %v", err)
		}
		if err := inquire(caller, "2026-10"); err != nil {
			t.Errorf("last month: %v", err)
		}
		b.carrier.set(errOutage)
		b.cache.clear()
		bubble.Advance(3 * time.Second) // the reader has its own copy of the refusal until then
		if err := inquire(caller, "2026-11"); !errors.Is(err, bill.ErrUnavailable) {
			t.Errorf("this month, while KOS is out: %v", err)
		}
		successor := bill.Caller{UserID: "newuser", CustomerID: stranger.ID, Lines: []msisdn.Number{line}}
		if err := inquire(successor, "2026-10"); !errors.Is(err, bill.ErrUnavailable) {
			t.Errorf("the new customer's last month: %v", err)
		}
	})
}

// TestConcurrentInquiriesOfTwoCustomers moves the line while the inquiries of both
// customers are queued.
func TestConcurrentInquiriesOfTwoCustomers(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend()
		b.give()
		successor := bill.Caller{UserID: "newuser", CustomerID: stranger.ID, Lines: []msisdn.Number{line}}
		var clients sync.WaitGroup
		for one, want := range map[*bill.Caller]error{&caller: bill.ErrLineMoved, &successor: nil} {
			clients.Go(func() {
				got, err := b.use.Inquire(t.Context(), *one, bill.Subject{Line: line}, false)
				if !errors.Is(err, want) || err == nil && got.Bill.Customer.ID != one.CustomerID {
					t.Errorf("%s: %+v, %v", one.UserID, got, err)
				}
			})
		}
		clients.Wait()
		if calls := b.carrier.calls.Load(); calls > 2 {
			t.Errorf("KOS was called %d times", calls)
		}
	})
}

func TestResultOfAMovedLineIsRefused(t *testing.T) {
	t.Parallel()
	onClock(t, 60, func(b *bench) {
		t := b.t
		b.spend()
		b.give()
		accepted, err := b.use.Inquire(t.Context(), caller, bill.Subject{Line: line}, true)
		if err != nil || accepted.Record.Status != bill.Processing {
			t.Fatalf("%+v, %v", accepted, err)
		}
		bubble.Advance(time.Minute)
		if _, err := b.use.Result(t.Context(), caller, accepted.Record.RequestID); !errors.Is(err, bill.ErrLineMoved) {
			t.Errorf("got %v", err)
		}
	})
}

// TestPrefetchOfAMovedLineStoresNothing prefetches a bill of a line that was moved
// meanwhile.
func TestPrefetchOfAMovedLineStoresNothing(t *testing.T) {
	t.Parallel()
	onClock(t, plenty, func(b *bench) {
		t := b.t
		b.give()
		reply := b.fetcher.Fetch(t.Context(), bill.Fetch{
			Subject: bill.Subject{Line: line, Month: "2026-11"}, Customers: []string{holder.ID}, RequestID: "r",
			Background: true, Reason: bill.ReasonHot,
		})
		if _, err := reply.For(holder.ID); reply.Err != nil || !errors.Is(err, bill.ErrLineMoved) || !errors.Is(err, bill.ErrUncacheable) {
			t.Errorf("got %v, %v", reply.Err, err)
		}
		if len(b.archive.archived) != 0 || len(b.archive.moved) != 1 {
			t.Errorf("archived %+v, noted %+v", b.archive.archived, b.archive.moved)
		}
	})
}

func TestEventWithoutACustomerInvalidatesForAllCustomers(t *testing.T) {
	t.Parallel()
	for customer, want := range map[string]string{"": holder.ID, "CUST002": "CUST002"} {
		t.Run(customer, func(t *testing.T) {
			t.Parallel()
			onClock(t, plenty, func(b *bench) {
				if err := b.lines.Changed(b.t.Context(), customer, line); err != nil {
					b.t.Fatal(err)
				}
				if diff := cmp.Diff([]bill.Subscription{{Customer: want, Line: line}}, b.cache.invalidated); diff != "" {
					b.t.Error(diff)
				}
			})
		})
	}
	onClock(t, plenty, func(b *bench) {
		if err := b.prefetcher.LoggedIn(b.t.Context(), "", []msisdn.Number{line}); err != nil || b.queue.Len() != 0 {
			b.t.Errorf("a login without a customer has %d fetched, %v", b.queue.Len(), err)
		}
	})
}
