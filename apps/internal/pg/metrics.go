package pg

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// The names of pools in metrics.
const (
	PoolRequests = "requests"
	PoolWorkers  = "workers"
	PoolDirect   = "direct"
)

// measurement is a number of a pool's statistics.
type measurement func(*pgxpool.Stat) float64

// Register registers the metrics of a pool with registerer, labelled with its name.
func Register(registerer prometheus.Registerer, name string, pool *pgxpool.Pool) {
	registerer = prometheus.WrapRegistererWith(prometheus.Labels{"pool": name}, registerer)
	registerGauges(registerer, pool)
	registerCounters(registerer, pool)
}

func registerGauges(registerer prometheus.Registerer, pool *pgxpool.Pool) {
	gauge := func(name, help string, labels prometheus.Labels, value measurement) {
		opts := prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}
		registerer.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 { return value(pool.Stat()) }))
	}
	for state, value := range map[string]measurement{
		"acquired":     func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) },
		"idle":         func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) },
		"constructing": func(s *pgxpool.Stat) float64 { return float64(s.ConstructingConns()) },
	} {
		gauge("phonebill_database_connections",
			"Connections of a pool, by state: acquired (in use), idle or constructing.", prometheus.Labels{"state": state}, value)
	}
	gauge("phonebill_database_max_connections", "Size of a pool.", nil,
		func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) })
}

func registerCounters(registerer prometheus.Registerer, pool *pgxpool.Pool) {
	counter := func(name, help string, value measurement) {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		registerer.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return value(pool.Stat()) }))
	}
	counter("phonebill_database_acquires_total", "Connections acquired from a pool.",
		func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) })
	counter("phonebill_database_acquires_waited_total", "Connections acquired from a pool that had no idle one.",
		func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) })
	counter("phonebill_database_acquires_canceled_total", "Acquires whose caller left before there was a connection.",
		func(s *pgxpool.Stat) float64 { return float64(s.CanceledAcquireCount()) })
	counter("phonebill_database_acquire_wait_seconds_total", "Time that callers waited for a connection of a pool that had no idle one.",
		func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() })
}
