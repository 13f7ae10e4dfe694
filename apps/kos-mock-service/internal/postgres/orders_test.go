package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

// basic is a line with LTE-BASIC-001.
const basic = msisdn.Number("01099998888")

func change(requestID, target string) billing.Change {
	return billing.Change{
		RequestID: requestID, Client: "product-change-service",
		Number: basic, Current: "LTE-BASIC-001", Target: target,
	}
}

// replicas returns two stores with separate pools on one database.
func replicas(t *testing.T) [2]*postgres.Store {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	var stores [2]*postgres.Store
	for i := range stores {
		pool, err := pgxpool.New(t.Context(), database.Pool.Config().ConnString())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		stores[i] = postgres.New(pool, func() time.Time { return noon })
	}
	return stores
}

func place(t *testing.T, store *postgres.Store, change billing.Change) billing.Placed {
	t.Helper()
	placed, err := billing.NewOrders(store).Place(t.Context(), change, 1000)
	if err != nil {
		t.Fatalf("%s: %v", change.RequestID, err)
	}
	return placed
}

// orderLog returns the whole log.
func orderLog(t *testing.T, store *postgres.Store) []billing.Placed {
	t.Helper()
	orders, err := store.Orders(t.Context(), billing.OrderFilter{Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

// linesOrders returns the plan changes of the line.
func linesOrders(t *testing.T, store *postgres.Store, number msisdn.Number) []billing.Order {
	t.Helper()
	record, err := store.Record(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return record.Orders
}

func TestOrdersAreStoredAsDecided(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	coming := change("r-1", "5G-PREMIUM-001")
	coming.On = time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	atOnce := change("r-2", "5G-PREMIUM-001")
	atOnce.Number, atOnce.Current = "01055554444", "LTE-PREMIUM-001"
	placed := []billing.Placed{
		place(t, store, coming),
		place(t, store, atOnce),
		place(t, store, change("r-3", "6G-001")),
	}
	if !placed[0].Scheduled() || placed[1].Scheduled() || placed[2].Refusal == nil {
		t.Fatalf("decided %+v", placed)
	}
	if diff := cmp.Diff(placed, orderLog(t, store)); diff != "" {
		t.Error(diff)
	}
	for _, want := range placed {
		got, ok, err := store.Placed(t.Context(), want.RequestID)
		if diff := cmp.Diff(want, got); !ok || err != nil || diff != "" {
			t.Errorf("%v, %v, %s", ok, err, diff)
		}
		if diff := cmp.Diff(want, place(t, store, want.Change)); diff != "" {
			t.Errorf("repeat: %s", diff)
		}
	}
	for number, want := range map[msisdn.Number]billing.Order{
		basic: {ProductCode: "5G-PREMIUM-001", EffectiveFrom: coming.On},
		"01055554444": {
			ProductCode: "5G-PREMIUM-001", EffectiveFrom: time.Date(2026, 1, 17, 0, 0, 0, 0, time.UTC),
		},
	} {
		if diff := cmp.Diff([]billing.Order{want}, linesOrders(t, store, number)); diff != "" {
			t.Error(diff)
		}
	}
	if _, ok, err := store.Placed(t.Context(), "r-4"); ok || err != nil {
		t.Errorf("unknown order: %v, %v", ok, err)
	}
}

func TestUndecidedOrderIsNotStored(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	undecided := errors.New("undecided")
	_, err := store.Place(t.Context(), change("r-1", "5G-PREMIUM-001"), func(time.Time, billing.Record) (billing.Decision, error) {
		return billing.Decision{}, undecided
	})
	if err != undecided { //nolint:errorlint // must be returned unchanged
		t.Errorf("got %v", err)
	}
	if orders := orderLog(t, store); len(orders) != 0 {
		t.Errorf("log holds %+v", orders)
	}
	if got := place(t, store, change("r-1", "5G-STANDARD-001")); got.Refusal != nil {
		t.Errorf("the next try got %+v", got.Decision)
	}
}

func TestOrderLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	pool := pgtestPool(t)
	store := postgres.New(pool, func() time.Time { return noon })
	place(t, store, change("r-1", "5G-PREMIUM-001"))
	for _, statement := range []string{
		`DELETE FROM kos_order`, `UPDATE kos_order SET result_code = '2006'`, `TRUNCATE kos_order CASCADE`,
		`INSERT INTO line_order (line_number, product_code, effective_from, ordered_at, request_id)
		 SELECT line_number, product_code, effective_from, ordered_at, request_id FROM line_order`, // applied twice
	} {
		if _, err := pool.Exec(t.Context(), statement); err == nil {
			t.Errorf("the database accepted: %s", statement)
		}
	}
	if orders := orderLog(t, store); len(orders) != 1 {
		t.Errorf("log holds %+v", orders)
	}
}

func TestOrderLogPagination(t *testing.T) {
	t.Parallel()
	at := noon
	store := postgres.New(pgtestPool(t), func() time.Time { return at })
	for n := range 7 { // in pairs with equal times
		at = noon.Add(time.Duration(n/2) * time.Second)
		order := change(fmt.Sprintf("r-%d", n), "6G-001")
		order.Number = billing.PopulationLine(n).Number
		if n == 3 {
			order.Client = "bill-inquiry-service"
		}
		place(t, store, order)
	}
	for name, tc := range map[string]struct {
		filter billing.OrderFilter
		want   []string
	}{
		"all":         {billing.OrderFilter{}, []string{"r-0", "r-1", "r-2", "r-3", "r-4", "r-5", "r-6"}},
		"since":       {billing.OrderFilter{Since: noon.Add(2 * time.Second)}, []string{"r-4", "r-5", "r-6"}},
		"client":      {billing.OrderFilter{Client: "bill-inquiry-service"}, []string{"r-3"}},
		"no client":   {billing.OrderFilter{Client: "auth-service"}, nil},
		"since later": {billing.OrderFilter{Since: noon.Add(time.Hour)}, nil},
	} {
		for size := 1; size <= 8; size++ {
			var got []string
			filter := tc.filter
			filter.Size = size
			for {
				page, err := store.Orders(t.Context(), filter)
				if err != nil || len(page) > size {
					t.Fatalf("%s: %d orders, %v", name, len(page), err)
				}
				if len(page) == 0 {
					break
				}
				for _, placed := range page {
					got = append(got, placed.RequestID)
				}
				filter.After = page[len(page)-1].Mark()
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s by %d: %s", name, size, diff)
			}
		}
	}
}
