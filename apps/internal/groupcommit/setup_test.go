package groupcommit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errUnavailable = errors.New("database unavailable")
	errBad         = errors.New("row rejected")
)

// bad is a row that the database rejects.
const bad = -1

// database is a fake whose faults can be set.
type database struct {
	mu     sync.Mutex
	groups [][]int // committed
	err    error
	slow   time.Duration
	hung   bool // until the context ends
}

func (d *database) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *database) flush(ctx context.Context, rows []int) error {
	var (
		err  error
		slow time.Duration
		hung bool
	)
	d.set(func() { err, slow, hung = d.err, d.slow, d.hung })
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err == nil && slices.Contains(rows, bad) {
		err = errBad
	}
	if err == nil {
		d.set(func() { d.groups = append(d.groups, slices.Clone(rows)) })
	}
	return err
}

func transient(err error) bool { return !errors.Is(err, errBad) }

// committed returns the committed groups.
func (d *database) committed() (groups [][]int) {
	d.set(func() { groups = slices.Clone(d.groups) })
	return groups
}

// fixture is a writer in a synctest bubble.
type fixture struct {
	t        *testing.T
	db       *database
	writer   *groupcommit.Writer[int]
	registry *prometheus.Registry
	log      *bytes.Buffer // to be read only after stop
	stopped  bool
}

func withWriter(t *testing.T, opts groupcommit.Options[int], test func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, db: &database{}, registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
		opts.Name, opts.Flush, opts.Transient = "row", f.db.flush, transient
		f.writer = groupcommit.New(opts, slog.New(slog.NewJSONHandler(f.log, nil)), groupcommit.NewMetrics(f.registry))
		f.writer.Start()
		test(f)
		if f.stopped {
			return
		}
		if err := f.stop(time.Minute); err != nil {
			t.Error(err)
		}
	})
}

// stop stops the writer and returns what Stop returned.
func (f *fixture) stop(limit time.Duration) error {
	f.t.Helper()
	f.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return f.writer.Stop(ctx)
}

// append calls Append for rows in order, each in its own goroutine. The function
// it returns waits for them and returns how many reported a commit.
func (f *fixture) append(rows ...int) (wait func() int) {
	var (
		group     sync.WaitGroup
		mu        sync.Mutex
		committed int
	)
	for _, row := range rows {
		group.Go(func() {
			if f.writer.Append(f.t.Context(), row) {
				mu.Lock()
				defer mu.Unlock()
				committed++
			}
		})
		synctest.Wait()
	}
	return func() int {
		group.Wait()
		return committed
	}
}

// outcomes returns the number of rows by outcome, without zeros.
func (f *fixture) outcomes() map[string]float64 {
	f.t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	outcomes := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "phonebill_history_rows_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if n := metric.GetCounter().GetValue(); label.GetName() == "outcome" && n > 0 {
					outcomes[label.GetValue()] = n
				}
			}
		}
	}
	return outcomes
}

// logged returns how often text was logged.
func (f *fixture) logged(text string) int { return strings.Count(f.log.String(), text) }
