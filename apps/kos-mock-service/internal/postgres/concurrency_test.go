package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

// One hundred concurrent repeats of one order on two replicas.
func TestConcurrentRepeatsAreOneOrder(t *testing.T) {
	t.Parallel()
	stores := replicas(t)
	const copies = 100
	answers := make([]billing.Placed, copies)
	var group sync.WaitGroup
	for n := range copies {
		group.Go(func() {
			got, err := billing.NewOrders(stores[n%2]).Place(t.Context(), change("r-1", "5G-PREMIUM-001"), 0)
			if err != nil {
				t.Error(err)
			}
			answers[n] = got
		})
	}
	group.Wait()
	orders := orderLog(t, stores[0])
	if len(orders) != 1 || orders[0].Refusal != nil {
		t.Fatalf("log holds %+v", orders)
	}
	for _, got := range answers {
		if diff := cmp.Diff(orders[0], got); diff != "" {
			t.Fatal(diff)
		}
	}
	if applied := linesOrders(t, stores[1], basic); len(applied) != 1 {
		t.Errorf("applied %+v", applied)
	}
}

// Fifty concurrent orders for one line: each sees the result of the one before.
func TestOrdersOfALineAreSerialized(t *testing.T) {
	t.Parallel()
	stores := replicas(t)
	plans := []string{"LTE-BASIC-001", "LTE-PREMIUM-001", "5G-STANDARD-001", "5G-PREMIUM-001"}
	var group sync.WaitGroup
	for n := range 50 {
		group.Go(func() {
			order := change(fmt.Sprintf("r-%d", n), plans[rand.IntN(4)])
			order.Current = plans[rand.IntN(4)]
			if _, err := billing.NewOrders(stores[n%2]).Place(t.Context(), order, 0); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	orders := orderLog(t, stores[0])
	if len(orders) != 50 {
		t.Fatalf("log holds %d orders", len(orders))
	}
	plan, applied := "LTE-BASIC-001", []billing.Order{}
	for _, got := range orders {
		want := "0000"
		switch {
		case got.Current != plan:
			want = "2006"
		case got.Target == plan:
			want = "2099"
		}
		if got.ResultCode() != want {
			t.Errorf("%s, from %s to %s while %s was in force: %s, want %s",
				got.RequestID, got.Current, got.Target, plan, got.ResultCode(), want)
		}
		if got.Refusal == nil {
			plan = got.Target
			applied = append(applied, billing.Order{ProductCode: plan, EffectiveFrom: got.EffectiveFrom})
		}
	}
	if diff := cmp.Diff(applied, linesOrders(t, stores[1], basic)); diff != "" {
		t.Error(diff)
	}
}

// One request id for concurrent orders of many lines: the orders are not serialized, and still only
// one of them gets the id.
func TestRequestIDIsGivenOnce(t *testing.T) {
	t.Parallel()
	stores := replicas(t)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var group sync.WaitGroup
	for n := range 40 {
		group.Go(func() {
			order := change("r-1", "3G-OLD-001")
			order.Number = billing.PopulationLine(n).Number
			_, err := billing.NewOrders(stores[n%2]).Place(t.Context(), order, 1000)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				outcomes["placed"]++
			case errors.Is(err, billing.ErrRequestReused):
				outcomes["reused"]++
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff(map[string]int{"placed": 1, "reused": 39}, outcomes); diff != "" {
		t.Error(diff)
	}
	if orders := orderLog(t, stores[0]); len(orders) != 1 {
		t.Errorf("log holds %+v", orders)
	}
}

// A replica whose clock is a day behind does not place an order in the past.
func TestLineClockIsMonotonic(t *testing.T) {
	t.Parallel()
	pool := pgtestPool(t)
	ahead := postgres.New(pool, func() time.Time { return noon })
	behind := postgres.New(pool, func() time.Time { return noon.AddDate(0, 0, -1) })
	first := place(t, ahead, change("r-1", "5G-PREMIUM-001"))
	back := change("r-2", "LTE-BASIC-001")
	back.Current = "5G-PREMIUM-001"
	second := place(t, behind, back)
	if second.CreatedAt.Before(first.CreatedAt) || !second.EffectiveFrom.Equal(first.EffectiveFrom) {
		t.Errorf("the second was created at %v and is effective from %v", second.CreatedAt, second.EffectiveFrom)
	}
	orders := linesOrders(t, ahead, basic)
	if len(orders) != 2 || orders[1].ProductCode != "LTE-BASIC-001" {
		t.Errorf("the line has %+v", orders)
	}
}

// blocked places an order whose decision waits for release. It returns once the order holds the
// line's lock.
func blocked(t *testing.T, store *postgres.Store, order billing.Change) (release func(), result <-chan error) {
	t.Helper()
	decides, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := store.Place(t.Context(), order, func(time.Time, billing.Record) (billing.Decision, error) {
			close(decides)
			<-goOn
			return billing.Decision{Refusal: billing.ErrNotOnSale}, nil
		})
		done <- err
	}()
	<-decides
	return func() { close(goOn) }, done
}

func TestCancelledOrderReleasesTheQueue(t *testing.T) {
	t.Parallel()
	stores := replicas(t)
	release, result := blocked(t, stores[0], change("r-1", "3G-OLD-001"))
	ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer leave()
	if _, err := billing.NewOrders(stores[1]).Place(ctx, change("r-2", "5G-PREMIUM-001"), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	other := change("r-3", "5G-PREMIUM-001")
	other.Number = billing.PopulationLine(1).Number
	place(t, stores[1], other) // other lines are not blocked
	release()
	if err := <-result; err != nil {
		t.Error(err)
	}
	if _, ok, err := stores[0].Placed(t.Context(), "r-2"); ok || err != nil {
		t.Errorf("the cancelled order: %v, %v", ok, err)
	}
}

// A replica that is paused in the middle of an order loses the line's lock.
func TestPausedReplicaReleasesTheLine(t *testing.T) {
	t.Parallel()
	stores := replicas(t)
	resume, result := blocked(t, stores[0], change("r-1", "3G-OLD-001"))
	if got := place(t, stores[1], change("r-2", "5G-PREMIUM-001")); got.Refusal != nil {
		t.Errorf("the next order got %+v", got.Decision)
	}
	resume()
	if err := <-result; err == nil {
		t.Error("the paused order was stored")
	}
	if orders := orderLog(t, stores[1]); len(orders) != 1 || orders[0].RequestID != "r-2" {
		t.Errorf("log holds %+v", orders)
	}
}
