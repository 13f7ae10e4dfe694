package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// others is the line of own with its new customer.
var others = bill.Subscription{Customer: "CUST002", Line: line}

// store archives a bill, which is final if it is of October.
func store(t *testing.T, archive *postgres.Archive, s bill.Subscription, month bill.Month, asOf time.Time) {
	t.Helper()
	err := archive.Store(t.Context(), bill.Bill{
		Line: s.Line, Customer: bill.Customer{ID: s.Customer}, Month: month, Final: month == "2026-10", AsOf: asOf,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// found returns the customer of the archived bill, or "".
func found(t *testing.T, archive *postgres.Archive, s bill.Subscription, month bill.Month) string {
	t.Helper()
	got, err := archive.Find(t.Context(), s, month)
	if err != nil && !errors.Is(err, bill.ErrNotArchived) {
		t.Fatal(err)
	}
	return got.Customer.ID
}

func TestEachCustomerOfALineHasAnArchive(t *testing.T) {
	t.Parallel()
	archive := postgres.NewArchive(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t))
	at := time.Now().UTC().Truncate(time.Microsecond)
	store(t, archive, own, "2026-10", at)
	store(t, archive, own, "2026-11", at)
	if got := found(t, archive, others, "2026-10"); got != "" {
		t.Errorf("the new customer gets the bill of %s", got)
	}
	store(t, archive, others, "2026-10", at)
	store(t, archive, others, "2026-11", at)
	for _, month := range []bill.Month{"2026-10", "2026-11"} {
		if a, b := found(t, archive, own, month), found(t, archive, others, month); a != own.Customer || b != others.Customer {
			t.Errorf("%s: the customers get the bills of %q and %q", month, a, b)
		}
	}
	if got, err := archive.CustomersOf(t.Context(), line); err != nil || len(got) != 2 {
		t.Errorf("customers of the line: %v, %v", got, err)
	}
}

func TestMovedLineKeepsFinalBillsOnly(t *testing.T) {
	t.Parallel()
	archive := postgres.NewArchive(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t))
	at := time.Now().UTC().Truncate(time.Microsecond)
	store(t, archive, own, "2026-10", at)
	store(t, archive, own, "2026-11", at)
	store(t, archive, others, "2026-11", at)
	move := func(at time.Time, want bool) {
		t.Helper()
		if first, err := archive.RecordMove(t.Context(), own, at); err != nil || first != want {
			t.Errorf("new: %v, %v", first, err)
		}
	}
	move(at.Add(time.Second), true)
	move(at.Add(time.Minute), false)
	if got := found(t, archive, own, "2026-11"); got != "" {
		t.Error("the open bill of a moved line is found")
	}
	if found(t, archive, own, "2026-10") == "" || found(t, archive, others, "2026-11") == "" {
		t.Error("a final bill, or one of the new customer, is not found")
	}
	store(t, archive, own, "2026-11", at.Add(time.Hour)) // the line came back
	if found(t, archive, own, "2026-11") == "" {
		t.Error("a bill of after the line's return is not found")
	}
	move(at.Add(2*time.Hour), true)
}

// olderReplica writes rows as older releases do, without the customer.
type olderReplica struct {
	t       *testing.T
	pool    *pgxpool.Pool
	keyring *seal.Keyring
}

func (o olderReplica) store(b bill.Bill) {
	o.t.Helper()
	sealed, err := o.keyring.SealJSON(o.t.Context(), b, "bill_archive "+b.Line.Digits()+" "+string(b.Month))
	if err != nil {
		o.t.Fatal(err)
	}
	exec(o.t, o.pool, `
		INSERT INTO bill_archive (line_number, billing_month, final, as_of, sealed)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (line_number, billing_month) DO UPDATE
		SET final = excluded.final, as_of = excluded.as_of, sealed = excluded.sealed, document = NULL
		WHERE NOT bill_archive.final AND bill_archive.as_of < excluded.as_of`,
		b.Line.Digits(), string(b.Month), b.Final, b.AsOf, sealed)
}

func TestUnattributedBillsAreShownToTheirCustomerOnly(t *testing.T) {
	t.Parallel()
	pool, keyring := pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t)
	archive, older := postgres.NewArchive(pool, keyring), olderReplica{t, pool, keyring}
	at := time.Now().UTC().Truncate(time.Microsecond)
	final, open := privateBill("2026-10", at), privateBill("2026-11", at)
	open.Final = false
	older.store(final)
	older.store(open)
	for _, month := range []bill.Month{"2026-10", "2026-11"} {
		if got := found(t, archive, others, month); got != "" {
			t.Errorf("%s: the new customer gets the bill of %s", month, got)
		}
		got, err := archive.Find(t.Context(), own, month)
		if err != nil || got.Charges.Total != final.Charges.Total {
			t.Errorf("%s: its customer gets %+v, %v", month, got, err)
		}
	}
	if _, err := archive.RecordMove(t.Context(), own, at.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if found(t, archive, own, "2026-11") != "" || found(t, archive, own, "2026-10") == "" {
		t.Error("of a moved line the open bill is found, or the final one is not")
	}
	// An older replica stores the new customer's bill.
	newer := open
	newer.Customer.ID, newer.AsOf = others.Customer, at.Add(time.Minute)
	older.store(newer)
	if found(t, archive, own, "2026-11") != "" || found(t, archive, others, "2026-11") != others.Customer {
		t.Error("the new customer's bill is not the new customer's alone")
	}
	// Find has attributed the final bill.
	exec(t, pool, `DELETE FROM bill_archive`)
	if got := found(t, archive, own, "2026-10"); got != own.Customer {
		t.Error("a final bill was not attributed when it was read")
	}
}

func TestPlanChangeOfAnOlderReplicaHidesTheOpenBill(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	archive := postgres.NewArchive(pool, sealtest.Keyring(t))
	at := time.Now().UTC().Truncate(time.Microsecond)
	store(t, archive, own, "2026-11", at)
	exec(t, pool, `INSERT INTO bill_archive (line_number, billing_month, final, as_of) VALUES ($1, '2026-11', false, $2)`, line, at.Add(time.Second))
	if found(t, archive, own, "2026-11") != "" {
		t.Error("the old plan's bill is found")
	}
}

// evictions records the evicted subscriptions.
type evictions struct{ moved chan bill.Subscription }

func (evictions) EvictLine(msisdn.Number)                 {}
func (e evictions) EvictSubscription(s bill.Subscription) { e.moved <- s }
func (evictions) Listening(bool)                          {}

func TestReplicasAreNotifiedOfAMovedLineOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	archive, evicted := postgres.NewArchive(pool, sealtest.Keyring(t)), evictions{make(chan bill.Subscription, 2)}
	listener, started := postgres.Listener(evicted), make(chan struct{}, 1)
	listening := listener.Listening
	listener.Listening = func(on bool) {
		listening(on)
		if on {
			started <- struct{}{}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pg.Listen(ctx, pg.Direct{Pool: pool}, slog.New(slog.DiscardHandler), listener)
	}()
	t.Cleanup(func() { stop(); <-ended })
	<-started
	for _, s := range []bill.Subscription{own, own, others} {
		if _, err := archive.RecordMove(t.Context(), s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []bill.Subscription{own, others} {
		if got := <-evicted.moved; got != want {
			t.Errorf("evicted %+v, want %+v", got, want)
		}
	}
}
