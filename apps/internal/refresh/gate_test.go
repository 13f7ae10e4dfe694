package refresh_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

func TestGateSharesOneReadingAndKeepsAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pause, takes = 2 * time.Second, 100 * time.Millisecond
		gate := refresh.NewGate(pause, time.Now)
		readings, fault := 0, error(nil)
		read := func(context.Context) error {
			readings++
			pass(takes)
			return fault
		}
		flood := func() {
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					if err := gate.Again(t.Context(), read); !errors.Is(err, fault) {
						t.Errorf("got %v, want %v", err, fault)
					}
				})
			}
			group.Wait()
		}
		flood()
		flood() // within the pause
		if readings != 1 {
			t.Fatalf("%d readings", readings)
		}
		pass(pause)
		fault = errors.New("away")
		flood()
		flood() // is told what the last reading came to
		if readings != 2 {
			t.Fatalf("%d readings", readings)
		}
	})
}

func TestGateReadingOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := refresh.NewGate(time.Second, time.Now)
		done := false
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		err := gate.Again(ctx, func(ctx context.Context) error {
			pass(3 * time.Second)
			done = ctx.Err() == nil
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		pass(3 * time.Second)
		synctest.Wait()
		if !done {
			t.Error("the reading ended with its caller")
		}
	})
}
