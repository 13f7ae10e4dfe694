package queue_test

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// BenchmarkWaiting measures what a replica costs while items wait for KOS's limit, 97
// calls a minute as for bills: transactions and CPU time of this process in each
// second. Neither may grow with the length of the queue: both are also reported as
// ratios to those of the empty queue.
//
//	make bench ONLY="-bench=Waiting -benchtime=1x -count=6 ./apps/internal/kos/queue"
func BenchmarkWaiting(b *testing.B) {
	var idle struct{ transactions, cpu float64 }
	for _, waiting := range []int{0, 2000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			pool := pgtest.New(b, migrations).Pool
			q := newBenchQueue(pool)
			enqueueMany(b, pool, waiting)
			d := queue.NewDispatcher(q, map[string]queue.Handler{
				endpoint: func(context.Context, queue.Item) queue.Outcome { return queue.Answered(nil) },
			}, queue.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler), untraced)
			const period = 10 * time.Second
			var transactions, cpu float64
			for b.Loop() {
				ctx, stop := context.WithTimeout(b.Context(), period)
				transactionsBefore, cpuBefore := transactionsOf(b, pool), cpuTime(b)
				d.Run(ctx)
				stop()
				transactions = float64(transactionsOf(b, pool)-transactionsBefore) / period.Seconds()
				cpu = (cpuTime(b) - cpuBefore).Seconds() / period.Seconds()
			}
			b.ReportMetric(transactions, "transactions/s")
			b.ReportMetric(100*cpu, "%cpu")
			if waiting == 0 {
				idle.transactions, idle.cpu = transactions, cpu
				return
			}
			b.ReportMetric(transactions/idle.transactions, "transactions/idle")
			b.ReportMetric(cpu/idle.cpu, "cpu/idle")
			b.ReportMetric(1.1, "max:transactions/idle")
			b.ReportMetric(1.1, "max:cpu/idle")
		})
	}
}

// BenchmarkServed measures the time that an item takes through the queue without a wait.
func BenchmarkServed(b *testing.B) {
	for _, waiting := range []int{1, 2000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			pool := pgtest.New(b, migrations).Pool
			q := queue.New(pool, queue.Endpoint{
				Name: endpoint, Budget: budget.New(pool, "us", endpoint, budget.PerMinute(plenty)), Workers: 8, Timeout: 10 * time.Second, GiveUpAfter: time.Hour,
			})
			for b.Loop() {
				enqueueMany(b, pool, waiting)
				left := make(chan struct{}, waiting)
				d := queue.NewDispatcher(q, map[string]queue.Handler{
					endpoint: func(context.Context, queue.Item) queue.Outcome {
						return queue.Answered(nil).Then(func() { left <- struct{}{} })
					},
				}, queue.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler), untraced)
				ctx, stop := context.WithCancel(b.Context())
				done := make(chan struct{})
				go func() { defer close(done); d.Run(ctx) }()
				for range waiting {
					<-left
				}
				stop()
				<-done
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*waiting), "µs/item")
		})
	}
}

func newBenchQueue(pool *pgxpool.Pool) *queue.Queue {
	limit := budget.Limit{PerMinute: 97, Burst: 3}
	return queue.New(pool, queue.Endpoint{
		Name: endpoint, Budget: budget.New(pool, "us", endpoint, limit), Workers: 16, Timeout: 10 * time.Second, GiveUpAfter: time.Hour,
	})
}

func enqueueMany(b *testing.B, pool *pgxpool.Pool, n int) {
	b.Helper()
	_, err := pool.Exec(b.Context(), `
		INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, payload)
		SELECT $1, n::text, n::text, 0, 0, '{}' FROM generate_series(1, $2) AS n`, endpoint, n)
	if err != nil {
		b.Fatal(err)
	}
}

// transactionsOf returns how many transactions the database has seen.
func transactionsOf(b *testing.B, pool *pgxpool.Pool) (n int64) {
	b.Helper()
	const sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
	if err := pool.QueryRow(b.Context(), sql).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// cpuTime returns the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
