// Package queue is a durable queue of work that waits for admission to KOS. All replicas
// of a service share it.
//
// A service supplies a Handler for each endpoint, and a deduplication key, an ordering key
// and a class for each item. The package provides claims and leases, order and fairness,
// backoff, outages, give-up, wake-up, position and estimate, and metrics. One dispatcher
// goroutine in each replica claims the next item together with one call of the budget, in
// one transaction, and hands it to a bounded pool of workers.
//
// Order: interactive items come before background items. Within a class ordering keys take
// turns: the second item of a key comes after the first items of all others. An item that
// has waited for a minute is not overtaken by newer ones. An item that KOS did not answer
// is set aside for a backoff, and others pass.
//
// Times are those of the database's clock, which all replicas share.
package queue

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/kos/budget"
)

// Schema creates the tables of the queues. The migrations of a service must contain it and
// budget.Table.
const Schema = `
CREATE SEQUENCE kos_queue_position;

CREATE TABLE kos_queue (
    item_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint      text        NOT NULL,
    dedup_key     text        NOT NULL,
    ordering_key  text        NOT NULL,
    class         smallint    NOT NULL CHECK (class IN (0, 1)), -- interactive, background
    round         bigint      NOT NULL, -- in which it is the turn of the ordering key
    position      bigint      NOT NULL DEFAULT nextval('kos_queue_position'),
    payload       jsonb       NOT NULL,
    enqueued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(), -- set aside until then
    claims        bigint      NOT NULL DEFAULT 0, -- how often it was claimed
    lease_until   timestamptz,                    -- claimed until then
    in_doubt      boolean     NOT NULL DEFAULT false, -- KOS may have acted on an attempt
    attempted_at  timestamptz,                    -- when that attempt began
    unanswered    integer     NOT NULL DEFAULT 0, -- attempts that KOS left without an answer
    failing_since timestamptz,                    -- since the first of them
    traceparent   text        NOT NULL DEFAULT '', -- trace that enqueued it
    links         text[]      NOT NULL DEFAULT '{}', -- traces that joined it
    UNIQUE (endpoint, dedup_key)
);

CREATE INDEX kos_queue_in_order ON kos_queue (endpoint, class, round, position);
CREATE INDEX kos_queue_of_key ON kos_queue (endpoint, ordering_key, class, round);

CREATE TABLE kos_outage (
    endpoint text        PRIMARY KEY,
    until    timestamptz NOT NULL, -- KOS is not called before then
    since    timestamptz           -- when the outage began; null when it is over
);`

// Class is the priority of an item.
type Class int

// The classes. Background items take spare calls of the budget only, and none while an
// interactive item waits.
const (
	Interactive Class = iota
	Background
)

// classes is the number of classes.
const classes = 2

// String returns the class as metrics name it.
func (c Class) String() string {
	if c == Background {
		return "background"
	}
	return "interactive"
}

// Endpoint configures the queue of an endpoint of KOS.
type Endpoint struct {
	Name   string
	Budget *budget.Budget
	// Capacity bounds the items of each class; 0 is unbounded.
	Capacity [classes]int
	// Workers is how many items a replica works on at once.
	Workers int
	// Timeout bounds an attempt.
	Timeout time.Duration
	// GiveUpAfter is how long an item may stay without an answer before it is given up,
	// counted from its first unanswered attempt. An item that has waited this long is
	// given up too if an outage has lasted this long.
	GiveUpAfter time.Duration
}

// Queue has the queues of all endpoints of a service, in one table.
type Queue struct {
	pool      *pgxpool.Pool
	endpoints map[string]*Endpoint
	names     []string
	waiters   *waiters
	full      *fullness
}

// New returns the queues of endpoints, in pool's database.
func New(pool *pgxpool.Pool, endpoints ...Endpoint) *Queue {
	q := &Queue{pool: pool, endpoints: map[string]*Endpoint{}, waiters: newWaiters(), full: newFullness()}
	for _, e := range endpoints {
		q.endpoints[e.Name] = &e
		q.names = append(q.names, e.Name)
	}
	return q
}

// On returns the same queues, read and written through the connections of another pool.
func (q *Queue) On(pool *pgxpool.Pool) *Queue {
	other := *q
	other.pool = pool
	return &other
}

// ErrFull is returned by Enqueue when the capacity of the class is reached.
var ErrFull = errors.New("kos queue: full")

// ErrNotQueued is returned for an item that is not in the queue.
var ErrNotQueued = errors.New("kos queue: no such item")

// Item is a claimed item.
type Item struct {
	Endpoint   string
	Key        string // for deduplication
	Class      Class
	Payload    []byte // JSON
	EnqueuedAt time.Time
	// GiveUp reports whether the item is overdue: the handler ends it without the call
	// that it was enqueued for.
	GiveUp bool
	// InDoubt reports whether KOS may have acted on an earlier attempt. AttemptedAt is
	// when the last such attempt began; zero if there was none.
	InDoubt     bool
	AttemptedAt time.Time

	id           int64
	claim        int64
	unanswered   int
	failingSince time.Time
	traceparent  string
}
