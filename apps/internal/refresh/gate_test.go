package refresh_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/refresh"
)

func TestGateSharesRefreshesAndKeepsThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pause, takes = 2 * time.Second, 100 * time.Millisecond
		gate := refresh.NewGate(pause, time.Now)
		calls, fault := 0, error(nil)
		load := func(context.Context) error {
			calls++
			bubble.Advance(takes)
			return fault
		}
		flood := func() {
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					if err := gate.Do(t.Context(), load); !errors.Is(err, fault) {
						t.Errorf("got %v, want %v", err, fault)
					}
				})
			}
			group.Wait()
		}
		flood()
		flood() // within the pause
		if calls != 1 {
			t.Fatalf("%d calls, want 1", calls)
		}
		bubble.Advance(pause)
		fault = errors.New("unavailable")
		flood()
		flood() // returns the last error
		if calls != 2 {
			t.Fatalf("%d calls, want 2", calls)
		}
	})
}

func TestRefreshContinuesWhenCallerIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := refresh.NewGate(time.Second, time.Now)
		done := false
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := gate.Do(ctx, func(ctx context.Context) error {
			bubble.Advance(3 * time.Second)
			done = ctx.Err() == nil
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		bubble.Advance(3 * time.Second)
		synctest.Wait()
		if !done {
			t.Error("the refresh was cancelled with its caller")
		}
	})
}
