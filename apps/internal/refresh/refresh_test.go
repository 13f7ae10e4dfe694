package refresh_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

const (
	age   = time.Minute
	pause = 10 * time.Second
)

// source counts how often it is asked and may be away.
type source struct {
	asked int
	away  bool
}

func (s *source) load(context.Context, string) (int, error) {
	s.asked++
	if s.away {
		return 0, errors.New("away")
	}
	return s.asked, nil
}

// within runs test with a cache over a source, on a clock of its own.
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
			synctest.Wait() // for a reload in the background
			return value
		})
	})
}

func TestAValueIsReadAgainInTheBackground(t *testing.T) {
	t.Parallel()
	within(t, func(s *source, get func() int) {
		get()
		pass(age - time.Second)
		if get(); s.asked != 1 {
			t.Errorf("asked %d times before its time", s.asked)
		}
		pass(time.Second)
		if got := get(); got != 1 || s.asked != 2 {
			t.Errorf("got %d, asked %d times: want the old value and one reload", got, s.asked)
		}
		if got := get(); got != 2 || s.asked != 2 {
			t.Errorf("got %d, asked %d times: want the new value", got, s.asked)
		}
	})
}

func TestASourceThatIsAwayIsLeftAlone(t *testing.T) {
	t.Parallel()
	within(t, func(s *source, get func() int) {
		get()
		s.away = true
		pass(age)
		for range 100 {
			get()
		}
		if s.asked != 2 {
			t.Errorf("asked %d times at once", s.asked-1)
		}
		s.away = false
		pass(pause)
		get()
		if got := get(); got != 3 || s.asked != 3 {
			t.Errorf("got %d, asked %d times: want the value it has after its return", got, s.asked)
		}
	})
}

// pass lets time go by, on the clock of the test's bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // nobody waits for it
