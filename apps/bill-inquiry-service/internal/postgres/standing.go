package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// standing is where a question stands, in rows.
type standing struct {
	endpoint     bill.Endpoint
	ahead, first int
	taken        bool
	rests        time.Duration
}

// deepest bounds how far places are counted.
const deepest = "5000"

// An outage that has lasted for a while will probably go on as long; the breaker
// lets nobody know for a minute.
const stand = `
SELECT mine.endpoint, coalesce(mine.taken_until > clock_timestamp(), false),
       (SELECT count(*) FROM (
            SELECT FROM waiting_fetch other
            WHERE other.endpoint = mine.endpoint
              AND (other.class, other.round, other.place) < (mine.class, mine.round, mine.place)
              AND (other.taken_until IS NULL OR other.taken_until < clock_timestamp()) AND other.due_at <= clock_timestamp()
            LIMIT ` + deepest + `) AS ahead),
       greatest(interval '0', mine.due_at - clock_timestamp(),
            (SELECT greatest(rests_until - clock_timestamp(), least(clock_timestamp() - away_since, interval '1 minute'))
             FROM resting_endpoint resting WHERE endpoint = mine.endpoint AND ` + goesOn + `)),`

const byFetch = stand + ` 0 FROM waiting_fetch mine WHERE mine.fetch_id = $1`

const byInquiry = stand + ` inquiry.first_ahead
FROM waiting_inquiry inquiry
JOIN waiting_fetch mine USING (line_number, billing_month)
WHERE inquiry.request_id::text = $1`

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// stands returns where a question stands, or bill.ErrNotWaiting.
func stands(ctx context.Context, db querier, sql string, id any) (standing, error) {
	var found standing
	err := db.QueryRow(ctx, sql, id).Scan((*string)(&found.endpoint), &found.taken, &found.ahead, &found.rests, &found.first)
	if errors.Is(err, pgx.ErrNoRows) {
		return standing{}, bill.ErrNotWaiting
	}
	return found, err
}

// call is how long KOS takes to answer, most of the time.
const call = 500 * time.Millisecond

// place estimates how long a question will wait.
func (q *Queue) place(ctx context.Context, found standing) (bill.Place, error) {
	place := bill.Place{Ahead: found.ahead, First: found.first, Begun: found.taken}
	if place.Begun {
		place.Ahead, place.Estimate = 0, call
		return place, nil
	}
	budget, err := q.budgets.State(ctx, found.endpoint)
	if err != nil {
		return bill.Place{}, fault("find place", err)
	}
	spaced := max(0, found.ahead-max(0, budget.Left-1)) // the others go at once
	place.Estimate = max(found.rests, budget.Wait) + time.Duration(spaced)*budget.Interval + call
	return place, nil
}

// Standing implements bill.Turns.
func (q *Queue) Standing(ctx context.Context, fetchID int64) (bill.Place, error) {
	found, err := stands(ctx, q.pool, byFetch, fetchID)
	if err != nil {
		return bill.Place{}, fmt.Errorf("find place: %w", err)
	}
	return q.place(ctx, found)
}
