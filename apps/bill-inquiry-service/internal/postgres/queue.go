package postgres

import (
	"context"
	"errors"
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
	queue.Reads[bill.Query]

	pool    *pgxpool.Pool
	keyring *seal.Keyring // seals the summaries of records
}

var _ bill.Queue = (*Queue)(nil)

// NewQueue returns the queue of fetches in q, which is in pool's database.
func NewQueue(pool *pgxpool.Pool, q *queue.Queue, keyring *seal.Keyring, newID func() string) *Queue {
	return &Queue{pool: pool, keyring: keyring, Reads: queue.Reads[bill.Query]{
		Queue: q, Endpoint: string(bill.BillInquiry), Key: key,
		Fetch: func(q bill.Query, reason string) queue.Fetch {
			return queue.Fetch{RequestID: newID(), Customers: []string{q.Customer}, Reason: reason}
		},
	}}
}

// key returns the deduplication key of a bill, and the line as the ordering key.
func key(q bill.Query) (dedup, ordering string) {
	return q.Line.Digits() + " " + string(q.Month), q.Line.Digits()
}

// subjectOf returns the subject of a deduplication key.
func subjectOf(key string) bill.Subject {
	line, month, _ := strings.Cut(key, " ")
	return bill.Subject{Line: msisdn.Number(line), Month: bill.Month(month)}
}

// fetchOf returns the fetch of an item.
func fetchOf(item queue.Item) (bill.Fetch, error) {
	queued, err := queue.ReadFetch(item)
	if err != nil {
		return bill.Fetch{}, err
	}
	return bill.Fetch{
		Subject: subjectOf(item.Key), Customers: queued.Customers,
		RequestID: queued.RequestID, Background: item.Class == queue.Background, Reason: queued.Reason,
	}, nil
}

const insertInquiry = `
INSERT INTO waiting_inquiry (request_id, requested_at, line_number, billing_month, first_ahead, customer_id)
VALUES ($1, $2, $3, $4, $5, $6)`

// EnqueueInquiry implements bill.Queue.
func (q *Queue) EnqueueInquiry(ctx context.Context, r bill.Record) (bill.Standing, error) {
	dedup, ordering := key(r.Query())
	ticket, err := q.Queue.Add(ctx, queue.Request{
		Endpoint: q.Endpoint, Key: dedup, OrderingKey: ordering, Class: queue.Interactive,
		Payload: queue.Fetch{RequestID: r.RequestID, Customers: []string{r.Customer}}.Payload(),
	}, func(tx pgx.Tx, ticket queue.Ticket) error {
		batch := &pgx.Batch{}
		if err := batchRecord(ctx, q.keyring)(batch, r); err != nil {
			return err
		}
		batch.Queue(insertInquiry, r.RequestID, r.RequestedAt, r.Line.Digits(), string(r.Month), ticket.Ahead, r.Customer)
		return tx.SendBatch(ctx, batch).Close()
	})
	if errors.Is(err, queue.ErrFull) {
		return bill.Standing{}, readthrough.ErrFull
	}
	if err != nil {
		return bill.Standing{}, fault("enqueue", err)
	}
	return bill.Standing{Standing: readthrough.Standing{Ahead: ticket.Ahead, Estimate: ticket.Estimate}, First: ticket.Ahead}, nil
}

const findInquiry = `SELECT line_number, billing_month, first_ahead FROM waiting_inquiry WHERE request_id::text = $1`

// InquiryStanding implements bill.Queue.
func (q *Queue) InquiryStanding(ctx context.Context, requestID string) (bill.Standing, error) {
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
	fetch := bill.Query{Subscription: bill.Subscription{Line: msisdn.Number(line)}, Month: bill.Month(month)}
	standing, err := q.Standing(ctx, fetch)
	return bill.Standing{Standing: standing, First: first}, err
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
