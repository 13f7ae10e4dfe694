package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Queue implements bill.Queue.
type Queue struct {
	pool    *pgxpool.Pool
	queue   *queue.Queue
	keyring *seal.Keyring // seals the summaries of records
}

var _ bill.Queue = (*Queue)(nil)

// NewQueue returns the queue of fetches in pool's database.
func NewQueue(pool *pgxpool.Pool, q *queue.Queue, keyring *seal.Keyring) *Queue {
	return &Queue{pool: pool, queue: q, keyring: keyring}
}

// key returns the deduplication key of a subject. The ordering key is the line.
func key(s bill.Subject) string { return s.Line.Digits() + " " + string(s.Month) }

func subjectOf(key string) bill.Subject {
	line, month, _ := strings.Cut(key, " ")
	return bill.Subject{Line: msisdn.Number(line), Month: bill.Month(month)}
}

// Members of a payload. The queue merges the payloads of one key, so that an item has
// the customers of all its requests.
const (
	requestID    = "requestId"
	reason       = "reason"
	unattributed = "unattributed"
	customer     = "customer " // followed by the customer's id
)

func request(f bill.Fetch) queue.Request {
	payload := map[string]string{requestID: f.RequestID}
	class := queue.Interactive
	if f.Background {
		class, payload[reason] = queue.Background, f.Reason
	}
	for _, id := range f.Customers {
		payload[customer+id] = ""
	}
	return queue.Request{
		Endpoint: string(f.Endpoint()), Key: key(f.Subject), OrderingKey: f.Line.Digits(), Class: class, Payload: payload,
	}
}

// fetchOf returns the fetch of an item. It is the inverse of request.
func fetchOf(item queue.Item) (bill.Fetch, error) {
	var payload map[string]string
	if err := json.Unmarshal(item.Payload, &payload); err != nil {
		return bill.Fetch{}, fmt.Errorf("read queued fetch: %w", err)
	}
	f := bill.Fetch{
		Subject: subjectOf(item.Key), RequestID: payload[requestID], Reason: payload[reason], Background: item.Class == queue.Background,
	}
	_, f.Unattributed = payload[unattributed]
	for member := range payload {
		if id, ok := strings.CutPrefix(member, customer); ok && id != "" {
			f.Customers = append(f.Customers, id)
		}
	}
	slices.Sort(f.Customers)
	return f, nil
}

const insertInquiry = `
INSERT INTO waiting_inquiry (request_id, requested_at, line_number, billing_month, first_ahead, customer_id)
VALUES ($1, $2, $3, $4, $5, $6)`

// EnqueueInquiry implements bill.Queue.
func (q *Queue) EnqueueInquiry(ctx context.Context, r bill.Record) (bill.Standing, error) {
	subject := bill.Subject{Line: r.Line, Month: r.Month}
	var ticket queue.Ticket
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		ticket, err = q.queue.Enqueue(ctx, tx, request(bill.Fetch{Subject: subject, Customers: []string{r.Customer}, RequestID: r.RequestID}))
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		if err := batchRecord(ctx, q.keyring)(batch, r); err != nil {
			return err
		}
		batch.Queue(insertInquiry, r.RequestID, r.RequestedAt, r.Line.Digits(), string(r.Month), ticket.Ahead, r.Customer)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return bill.Standing{}, enqueueFault(err)
	}
	return bill.Standing{Standing: readthrough.Standing{Ahead: ticket.Ahead, Estimate: ticket.Estimate}, First: ticket.Ahead}, nil
}

func enqueueFault(err error) error {
	if errors.Is(err, queue.ErrFull) {
		return bill.ErrQueueFull
	}
	return fault("enqueue", err)
}

// Enqueue implements bill.Queue.
func (q *Queue) Enqueue(ctx context.Context, f bill.Fetch) (bill.Ticket, error) {
	var ticket queue.Ticket
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		ticket, err = q.queue.Enqueue(ctx, tx, request(f))
		return err
	})
	if err != nil {
		return bill.Ticket{}, enqueueFault(err)
	}
	return bill.Ticket{Added: ticket.Added, Ahead: ticket.Ahead}, nil
}

const findInquiry = `SELECT line_number, billing_month, first_ahead FROM waiting_inquiry WHERE request_id::text = $1`

// Standing implements bill.Queue.
func (q *Queue) Standing(ctx context.Context, requestID string) (bill.Standing, error) {
	var (
		line, month string
		first       int
	)
	err := q.pool.QueryRow(ctx, findInquiry, requestID).Scan(&line, &month, &first)
	if errors.Is(err, pgx.ErrNoRows) {
		return bill.Standing{}, bill.ErrNotQueued
	}
	if err != nil {
		return bill.Standing{}, fault("find place in queue", err)
	}
	standing, err := q.FetchStanding(ctx, bill.Subject{Line: msisdn.Number(line), Month: bill.Month(month)})
	return bill.Standing{Standing: standing, First: first}, err
}

// FetchStanding implements bill.Queue.
func (q *Queue) FetchStanding(ctx context.Context, s bill.Subject) (readthrough.Standing, error) {
	found, err := q.queue.Standing(ctx, string(s.Endpoint()), key(s))
	if errors.Is(err, queue.ErrNotQueued) {
		return readthrough.Standing{}, bill.ErrNotQueued
	}
	if err != nil {
		return readthrough.Standing{}, fault("find place in queue", err)
	}
	return readthrough.Standing{
		Ahead: found.Ahead, Estimate: found.Estimate, Claimed: found.Claimed, Unavailable: found.Reason == queue.Unavailable,
	}, nil
}

// Callable implements bill.Queue.
func (q *Queue) Callable(ctx context.Context, endpoint bill.Endpoint) (bool, error) {
	callable, err := q.queue.Callable(ctx, string(endpoint))
	if err != nil {
		return false, fault("find outage", err)
	}
	return callable, nil
}

// Busy implements bill.Queue.
func (q *Queue) Busy(ctx context.Context, endpoint bill.Endpoint) (bool, error) {
	busy, err := q.queue.Busy(ctx, string(endpoint))
	if err != nil {
		return false, fault("look at the queue", err)
	}
	return busy, nil
}

// Await implements bill.Queue.
func (q *Queue) Await(s bill.Subject) (changed <-chan struct{}, stop func()) {
	return q.queue.Await(string(s.Endpoint()), key(s))
}

// FetchFunc calls KOS for a fetch. See bill.Fetcher.
type FetchFunc func(ctx context.Context, f bill.Fetch) bill.Reply

// Handler returns the handler of queued fetches. It ends an item and finishes the
// inquiries that wait for it in one transaction.
func (q *Queue) Handler(fetch FetchFunc, meter bill.Meter, now func() time.Time) queue.Handler {
	return func(ctx context.Context, item queue.Item) queue.Outcome {
		f, err := fetchOf(item)
		if err != nil {
			return queue.Failed(err)
		}
		if item.GiveUp {
			return queue.GivenUp(q.finishInquiries(f.Subject, bill.GivenUp, now))
		}
		reply := fetch(ctx, f)
		switch reply.Step() {
		case bill.StepAnswered:
			return queue.Answered(q.finishInquiries(f.Subject, reply, now)).Then(func() {
				if f.Reason != "" {
					meter.Prefetched(f.Reason, "fetched")
				}
			})
		case bill.StepThrottled:
			return queue.Throttled(reply.Err)
		case bill.StepNotCalled:
			return queue.NotCalled(reply.Err, 0)
		case bill.StepUnanswered:
		}
		return queue.Unanswered(reply.Err)
	}
}

const releaseInquiries = `
WITH released AS (
    DELETE FROM waiting_inquiry WHERE line_number = $1 AND billing_month = $2
    RETURNING request_id, requested_at
)
SELECT ` + columns + `
FROM released JOIN inquiry_request USING (request_id, requested_at)
WHERE status = 'PROCESSING'`

// finishInquiries returns a write that finishes the inquiries that wait for a subject.
func (q *Queue) finishInquiries(s bill.Subject, reply bill.Reply, now func() time.Time) queue.Write {
	return func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, releaseInquiries, s.Line.Digits(), string(s.Month))
		if err != nil {
			return err
		}
		released, err := pgx.CollectRows(rows, scanRecord(ctx, q.keyring))
		if err != nil {
			return err
		}
		batch, write := &pgx.Batch{}, batchRecord(ctx, q.keyring)
		for _, record := range released {
			if err := write(batch, reply.Finish(record, now())); err != nil {
				return err
			}
		}
		return tx.SendBatch(ctx, batch).Close()
	}
}
