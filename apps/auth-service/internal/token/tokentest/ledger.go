package tokentest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
)

// Ledger is a token.Ledger in memory. With a nil clock, its time does not advance.
type Ledger struct {
	now func() time.Time

	mu    sync.Mutex
	err   error
	asked int
	since map[string]time.Time
}

var _ token.Ledger = (*Ledger)(nil)

// NewLedger returns an empty ledger.
func NewLedger(now func() time.Time) *Ledger {
	return &Ledger{now: now, since: make(map[string]time.Time)}
}

// Fail makes the ledger return err from now on; nil ends that.
func (l *Ledger) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Asked returns the number of calls.
func (l *Ledger) Asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// PublishedSince implements token.Ledger.
func (l *Ledger) PublishedSince(_ context.Context, keyIDs []string) (map[string]time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.err != nil {
		return nil, l.err
	}
	since := make(map[string]time.Time, len(keyIDs))
	for _, id := range keyIDs {
		if _, ok := l.since[id]; !ok {
			l.since[id] = l.now()
		}
		since[id] = l.since[id]
	}
	return since, nil
}

// LedgerContract checks that an empty ledger fulfils the contract of token.Ledger. advance moves
// the ledger's clock.
func LedgerContract(t *testing.T, ledger token.Ledger, now func() time.Time, advance func(time.Duration)) {
	t.Helper()
	want := make(map[string]time.Time)
	note := func(ids ...string) {
		t.Helper()
		expected := make(map[string]time.Time, len(ids))
		for _, id := range ids {
			if _, ok := want[id]; !ok {
				want[id] = now()
			}
			expected[id] = want[id]
		}
		got, err := ledger.PublishedSince(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("published since (-want +got):\n%s", diff)
		}
	}
	note("old")
	advance(time.Minute)
	note("new", "old")
	advance(time.Minute)
	note("new")

	var group sync.WaitGroup // replicas that see two keys at once, in either order
	for n := range 20 {
		ids := []string{"a", "b"}
		if n%2 == 1 {
			ids = []string{"b", "a"}
		}
		group.Go(func() {
			if _, err := ledger.PublishedSince(t.Context(), ids); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	note("a", "b", "old")
}
