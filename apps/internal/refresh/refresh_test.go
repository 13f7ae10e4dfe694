package refresh_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	age   = time.Minute
	pause = 10 * time.Second
)

// source counts its loads, which fail while it is down.
type source struct {
	loads int
	down  bool
}

func (s *source) load(context.Context, string) (int, error) {
	s.loads++
	if s.down {
		return 0, errors.New("unavailable")
	}
	return s.loads, nil
}

// within runs test with a cache over a source, in a synctest bubble.
func within(t *testing.T, test func(s *source, get func() int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		cache := otter.Must(&otter.Options[string, int]{
			RefreshCalculator: refresh.After[string, int](age, pause), Logger: &otter.NoopLogger{},
		})
		test(s, func() int {
			value, err := cache.Get(t.Context(), "key", otter.LoaderFunc[string, int](s.load))
			if err != nil {
				t.Errorf("get: %v", err)
			}
			synctest.Wait() // for a background refresh
			return value
		})
	})
}

func TestValueIsRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	within(t, func(s *source, get func() int) {
		get()
		bubble.Advance(age - time.Second)
		if get(); s.loads != 1 {
			t.Errorf("%d loads before age, want 1", s.loads)
		}
		bubble.Advance(time.Second)
		if got := get(); got != 1 || s.loads != 2 {
			t.Errorf("got %d, %d loads; want the old value and a refresh", got, s.loads)
		}
		if got := get(); got != 2 || s.loads != 2 {
			t.Errorf("got %d, %d loads; want the new value", got, s.loads)
		}
	})
}

func TestFailedRefreshIsRetriedAfterThePause(t *testing.T) {
	t.Parallel()
	within(t, func(s *source, get func() int) {
		get()
		s.down = true
		bubble.Advance(age)
		for range 100 {
			get()
		}
		if s.loads != 2 {
			t.Errorf("%d refreshes within the pause, want 1", s.loads-1)
		}
		s.down = false
		bubble.Advance(pause)
		get()
		if got := get(); got != 3 || s.loads != 3 {
			t.Errorf("got %d, %d loads; want the new value", got, s.loads)
		}
	})
}
