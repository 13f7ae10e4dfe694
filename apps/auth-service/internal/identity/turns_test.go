package identity

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	var (
		line  turns
		group sync.WaitGroup
		held  int // guarded by the turn alone: the race detector would tell
	)
	for range maxLine {
		group.Go(func() {
			done, err := line.take(t.Context(), "session")
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			if held++; held != 1 {
				t.Error("two at a time")
			}
			held--
		})
	}
	group.Wait()
	if len(line.lines) != 0 {
		t.Errorf("left behind: %v", line.lines)
	}
}

func TestTurnsOfOneSessionDoNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	var line turns
	first, err := line.take(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	defer first()
	second, err := line.take(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	second()
}

func TestTurnsAreRefusedWhereTheLineIsTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			line  turns
			group sync.WaitGroup
		)
		first, err := line.take(t.Context(), "session")
		if err != nil {
			t.Fatal(err)
		}
		for range maxLine - 1 {
			group.Go(func() {
				done, err := line.take(t.Context(), "session")
				if err != nil {
					t.Error(err)
					return
				}
				done()
			})
		}
		synctest.Wait()
		line.held = 100 * time.Millisecond
		_, err = line.take(t.Context(), "session")
		if after := problem.From(err).RetryAfter; !errors.Is(err, ErrCrowd) || after < 4*time.Second || after > 7*time.Second {
			t.Errorf("got %v, to come back after %v", err, after)
		}
		other, err := line.take(t.Context(), "another session")
		if err != nil {
			t.Fatal(err)
		}
		other()
		first()
		group.Wait()
		if len(line.lines) != 0 {
			t.Errorf("left behind: %v", line.lines)
		}
	})
}

func TestTurnsEndWithTheContext(t *testing.T) {
	t.Parallel()
	var line turns
	done, err := line.take(t.Context(), "session")
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := line.take(impatient, "session"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	done()
	if done, err = line.take(t.Context(), "session"); err != nil {
		t.Fatal(err)
	}
	done()
	if len(line.lines) != 0 {
		t.Errorf("left behind: %v", line.lines)
	}
}
