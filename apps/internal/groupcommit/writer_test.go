package groupcommit_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
)

type options = groupcommit.Options[int]

func (f *fixture) wantCommitted(want ...[]int) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.db.committed()); diff != "" {
		f.t.Errorf("committed (-want +got):\n%s", diff)
	}
}

func (f *fixture) wantOutcomes(want map[string]float64) {
	f.t.Helper()
	if diff := cmp.Diff(want, f.outcomes()); diff != "" {
		f.t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestAppendWaitsForTheCommit(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.slow = 20 * time.Millisecond
		start := time.Now()
		if !f.writer.Append(f.t.Context(), 1) {
			t.Error("not committed")
		}
		if took := time.Since(start); took != f.db.slow {
			t.Errorf("waited %s", took)
		}
		f.wantCommitted([]int{1})
		f.wantOutcomes(map[string]float64{"committed": 1})
	})
}

func TestRowsArrivingDuringCommitFormNextGroup(t *testing.T) {
	t.Parallel()
	withWriter(t, options{MaxGroup: 4}, func(f *fixture) {
		f.db.slow = 5 * time.Millisecond
		wait := f.append(1, 2, 3, 4, 5, 6)
		if n := wait(); n != 6 {
			t.Errorf("%d of 6 reported as committed", n)
		}
		f.wantCommitted([]int{1}, []int{2, 3, 4, 5}, []int{6})
	})
}

func TestAppendReturnsAfterMaxWait(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.slow = time.Second
		start := time.Now()
		if f.writer.Append(f.t.Context(), 1) {
			t.Error("reported as committed")
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Millisecond)
		defer cancel()
		start = time.Now()
		if f.writer.Append(ctx, 2) || time.Since(start) != time.Millisecond {
			t.Errorf("waited %s although the context had ended", time.Since(start))
		}
		bubble.Advance(3 * time.Second)
		f.wantCommitted([]int{1}, []int{2})
		f.wantOutcomes(map[string]float64{"late": 2})
	})
}

func TestOfferDoesNotWait(t *testing.T) {
	t.Parallel()
	withWriter(t, options{Buffer: 1, MaxGroup: 1}, func(f *fixture) {
		f.db.slow = time.Second
		start := time.Now()
		for i, want := range []bool{true, true, false} { // one in flight, one in the buffer
			if got := f.writer.Offer(f.t.Context(), i); got != want {
				t.Errorf("row %d: got %t", i, got)
			}
			synctest.Wait()
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("waited %s", took)
		}
		bubble.Advance(3 * time.Second)
		f.wantCommitted([]int{0}, []int{1})
		f.wantOutcomes(map[string]float64{"committed": 2, "dropped": 1})
	})
}

func TestRowsAreKeptInOrderDuringOutage(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.set(func() { f.db.err = errUnavailable })
		f.append(1, 2, 3)()
		bubble.Advance(10 * time.Minute)
		f.append(4, 5)()
		f.wantCommitted()
		f.db.set(func() { f.db.err = nil })
		bubble.Advance(time.Second)
		f.wantCommitted([]int{1}, []int{2, 3, 4, 5})
		f.wantOutcomes(map[string]float64{"late": 5})
		if err := f.stop(time.Second); err != nil {
			t.Error(err)
		}
		if n := f.logged("history write failed"); n != 1 {
			t.Errorf("outage logged %d times", n)
		}
	})
}

func TestHungCommitIsRetried(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.set(func() { f.db.hung = true })
		f.append(1)()
		bubble.Advance(time.Second)
		f.db.set(func() { f.db.hung = false })
		bubble.Advance(10 * time.Second)
		f.wantCommitted([]int{1})
	})
}

func TestOnlyBadRowsAreDropped(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.slow = 5 * time.Millisecond
		wait := f.append(1, 2, bad, 3)
		if n := wait(); n != 3 {
			t.Errorf("%d of 3 reported as committed", n)
		}
		f.wantCommitted([]int{1}, []int{2}, []int{3})
		f.wantOutcomes(map[string]float64{"committed": 3, "dropped": 1})
		if err := f.stop(time.Second); err != nil {
			t.Error(err)
		}
		if n := f.logged("history row dropped"); n != 1 {
			t.Errorf("logged %d times: %s", n, f.log)
		}
	})
}

func TestOutageDuringBadGroupLosesNoGoodRow(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.slow = 5 * time.Millisecond
		wait := f.append(1, 2, bad, 3)
		bubble.Advance(6 * time.Millisecond) // the group is being written row by row
		f.db.set(func() { f.db.err = errUnavailable })
		wait()
		f.db.set(func() { f.db.err = nil })
		bubble.Advance(time.Second)
		if got := slices.Sorted(slices.Values(slices.Concat(f.db.committed()...))); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("committed %v", got)
		}
	})
}

func TestRowIsDroppedWhenBufferIsFull(t *testing.T) {
	t.Parallel()
	withWriter(t, options{Buffer: 3}, func(f *fixture) {
		f.db.set(func() { f.db.err = errUnavailable })
		f.append(1, 2, 3, 4)() // one in flight, three in the buffer
		start := time.Now()
		if f.writer.Append(f.t.Context(), 5) || time.Since(start) != 0 {
			t.Errorf("waited %s although the buffer is full", time.Since(start))
		}
		f.db.set(func() { f.db.err = nil })
		bubble.Advance(time.Second)
		f.wantCommitted([]int{1}, []int{2, 3, 4})
		f.wantOutcomes(map[string]float64{"late": 4, "dropped": 1})
	})
}

func TestStopWritesBufferedRows(t *testing.T) {
	t.Parallel()
	withWriter(t, options{MaxGroup: 2}, func(f *fixture) {
		f.db.slow = time.Second
		f.append(1, 2, 3, 4)()
		if err := f.stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		f.wantCommitted([]int{1}, []int{2, 3}, []int{4})
		if err := f.stop(time.Second); err != nil {
			t.Errorf("second stop: %v", err)
		}
	})
}

func TestStopWaitsForDatabase(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		f.db.set(func() { f.db.err = errUnavailable })
		f.append(1, 2)()
		time.AfterFunc(2*time.Second, func() { f.db.set(func() { f.db.err = nil }) })
		if err := f.stop(5 * time.Second); err != nil {
			t.Error(err)
		}
		f.wantCommitted([]int{1}, []int{2})
	})
}

func TestStopReturnsAtItsDeadline(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(d *database){
		"down": func(d *database) { d.err = errUnavailable },
		"hung": func(d *database) { d.hung = true },
		"slow": func(d *database) { d.slow = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withWriter(t, options{MaxGroup: 10}, func(f *fixture) {
				f.db.set(func() { fail(f.db) })
				rows := make([]int, 101)
				for i := range rows {
					rows[i] = i
				}
				f.append(rows...)()
				start := time.Now()
				if err := f.stop(3 * time.Second); err == nil {
					t.Error("no error although rows are lost")
				}
				if took := time.Since(start); took != 3*time.Second {
					t.Errorf("took %s, want 3s", took)
				}
				f.wantCommitted()
				f.wantOutcomes(map[string]float64{"dropped": 101})
				if n := f.logged("history rows lost"); n != 1 {
					t.Errorf("logged %d times: %.2000s", n, f.log)
				}
			})
		})
	}
}

func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	withWriter(t, options{}, func(f *fixture) {
		const writers, each = 50, 20
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					if row := w*each + i; !f.writer.Append(f.t.Context(), row) {
						t.Errorf("row %d is not committed", row)
					}
				}
			})
		}
		group.Wait()
		synctest.Wait()
		rows := slices.Sorted(slices.Values(slices.Concat(f.db.committed()...)))
		if len(rows) != writers*each || len(slices.Compact(rows)) != writers*each {
			t.Errorf("%d rows written", len(rows))
		}
		f.wantOutcomes(map[string]float64{"committed": writers * each})
	})
}
